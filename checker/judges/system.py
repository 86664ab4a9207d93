"""Rules on system descriptions: valid, and of the same submitter, division and system as the results."""

from __future__ import annotations

from collections.abc import Iterator

from checker.findings import Problem
from checker.judges.registry import flaws, judge
from checker.submission import Result

flaws("system", "system-document")


@judge("system-agrees", "result")
def system_agrees(result: Result) -> Iterator[Problem]:
    """Judge that the description is of this result's submitter and division, and names its framework."""
    described = result.system_document
    if described is None:
        return
    submitters = {run.record.model.submitter for run in result.runs if run.record} | {result.submitter}
    for submitter in sorted(s for s in submitters if s is not None and s != described.model.submitter):
        found = described.model.submitter
        yield described.problem("the description names another submitter", submitter, found, "submitter")
    if described.model.division != result.division:
        found = described.model.division
        yield described.problem("the description names another division", result.division, found, "division")
    if result.framework and result.framework not in described.model.framework.lower():
        found = described.model.framework
        yield described.problem("the description names another framework", result.framework, found, "framework")


@judge("system-emulated", "result")
def system_emulated(result: Result) -> Iterator[Problem]:
    """Judge that description and records agree on emulation, and that nothing emulated is a performance result."""
    described = result.system_document
    if described is not None and described.model.assay.emulated:
        yield described.problem("the system is emulated", "a real machine", "emulated", "assay", "emulated")
    for run in result.runs:
        if run.record and run.record.model.emulated:
            yield run.record.problem("the run was emulated", "a real machine", "emulated", "emulated")
