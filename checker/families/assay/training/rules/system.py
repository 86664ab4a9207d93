"""Rules on the system of a result of training: available, and its runs contained."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.findings import Problem
from checker.families.assay.checks import check
from checker.families.assay.training.submission import TrainingResult

# MLPerf's list (MLCommons policies, submission rules: availability).
STATUSES = ("Available on-premise", "Available cloud", "Preview", "Research, Development, or Internal (RDI)")

UNCONTAINED = "the run had no container: its software is what its machine reported, not what the round fixes"


@check("system-status", "result")
def system_status(result: TrainingResult) -> Iterator[Problem]:
    """Judge that the status is one of MLPerf's."""
    described = result.system_document
    if described is not None and described.model.status not in STATUSES:
        yield described.problem(
            "the status is not one of MLPerf's", "; ".join(STATUSES), described.model.status, "status"
        )


@check("system-uncontained", "result")
def system_uncontained(result: TrainingResult) -> Iterator[Problem]:
    """Judge that a result's runs happened in containers of the round's images."""
    described = result.system_document
    if described is not None and not described.model.assay.contained:
        yield described.problem(UNCONTAINED, "an engine's containers", "uncontained", "assay", "contained")
    for record in result.records:
        if not record.model.contained:
            yield record.problem(UNCONTAINED, "an engine's containers", "uncontained", "contained")
