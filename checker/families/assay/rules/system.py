"""Rules on system descriptions: valid, and of the same submitter, division and system as the results."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.documents import ValidDocument
from checker.core.findings import Problem
from checker.families.assay.checks import check, flaws
from checker.families.assay.rules.image import names_version
from checker.families.assay.submission import Result
from rules.documents import SystemDescription
from rules.images import images

EMULATED = "the run was emulated: its times are an emulator's, not a machine's"

flaws("system", "system-document")


@check("system-agrees", "result")
def system_agrees(result: Result) -> Iterator[Problem]:
    """Judge that the description is of this result's submitter and division, and names its framework."""
    described = result.system_document
    if described is None:
        return
    submitters = {record.model.submitter for record in result.records} | {result.submitter}
    for submitter in sorted(s for s in submitters if s is not None and s != described.model.submitter):
        found = described.model.submitter
        yield described.problem("the description names another submitter", submitter, found, "submitter")
    if described.model.division != result.division:
        found = described.model.division
        yield described.problem("the description names another division", result.division, found, "division")
    if described.model.system_name != result.system:
        found = described.model.system_name
        yield described.problem("the description is of another system", result.system, found, "system_name")
    logged = next((line.value for run in result.runs if run.log and (line := run.log.first("framework"))), None)
    name, _, version = described.model.framework.partition(" ")
    if isinstance(logged, str) and not names_version(logged, name, version):
        found = described.model.framework
        yield described.problem("the description names another framework than the log", logged, found, "framework")
    yield from _machine(result, described)


def _machine(result: Result, described: ValidDocument[SystemDescription]) -> Iterator[Problem]:
    """Judge counts that follow from what the program saw: one node, its processors, accelerators of the target."""
    model, known = described.model, images(result.ruleset)
    target = next((record.model.target for record in result.records), "")
    if model.number_of_nodes != 1:
        found = str(model.number_of_nodes)
        yield described.problem("a result is of one machine", "1 node", found, "number_of_nodes")
    if model.host_processor_vcpu_count != str(model.assay.cpus):
        message = "the processors are not those that the program saw"
        wanted, found = str(model.assay.cpus), model.host_processor_vcpu_count
        yield described.problem(message, wanted, found, "host_processor_vcpu_count")
    if known is not None and target in known.targets:
        wanted, found = str(known.targets[target].accelerators), str(model.accelerators_per_node)
        if wanted != found:
            message = f"target {target} has another number of accelerators"
            yield described.problem(message, wanted, found, "accelerators_per_node")


@check("system-emulated", "result")
def system_emulated(result: Result) -> Iterator[Problem]:
    """Judge that description and records agree on emulation, and that nothing emulated is a performance result."""
    described = result.system_document
    if described is not None and described.model.assay.emulated:
        yield described.problem(EMULATED, "a machine of the target", "emulated", "assay", "emulated")
    for record in result.records:
        if record.model.emulated:
            yield record.problem(EMULATED, "a machine of the target", "emulated", "emulated")
