"""Rules on system descriptions: valid, and of the same submitter, division and system as the results."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.documents import ValidDocument
from checker.core.findings import Violation
from checker.families.assay.checks import check, flaws
from checker.families.assay.rules.image import names_version
from checker.families.assay.submission import Result
from rules.documents import SystemDescription
from rules.images import images

# MLPerf's lists (MLCommons policies, submission rules: availability), and as MLPerf Inference's checker has it.
STATUSES = ("Available on-premise", "Available cloud", "Preview", "Research, Development, or Internal (RDI)")
SERVING_STATUSES = ("available", "preview", "rdi")

UNCONTAINED = "the run had no container: its software is what its machine reported, not what the round fixes"
EMULATED = "the run was emulated: its times are an emulator's, not a machine's"

flaws("system", "system-document")


@check("system-status", "result")
def system_status(system_document: ValidDocument[SystemDescription]) -> Iterator[Violation]:
    """Judge that the status is one of MLPerf's."""
    if (found := system_document.model.status) not in STATUSES:
        yield system_document.problem("the status is not one of MLPerf's", "; ".join(STATUSES), found, "status")


@check("serving-status", "result")
def serving_status(system_document: ValidDocument[SystemDescription]) -> Iterator[Violation]:
    """Judge that the status is one that MLPerf Inference knows."""
    if (found := system_document.model.status).lower() not in SERVING_STATUSES:
        yield system_document.problem("the status is not one of MLPerf's", ", ".join(SERVING_STATUSES), found, "status")


@check("system-agrees", "result")
def system_agrees(result: Result, system_document: ValidDocument[SystemDescription]) -> Iterator[Violation]:
    """Judge that the description is of this result's submitter and division, and names its framework."""
    described = system_document
    for submitter in sorted({record.model.submitter for record in result.records} | {result.submitter or ""} - {""}):
        yield from described.require("the description names another submitter", submitter, "submitter")
    yield from described.require("the description names another division", result.division, "division")
    yield from described.require("the description is of another system", result.system, "system_name")
    logged = next((line.value for run in result.runs if (line := run.first("framework"))), None)
    found = described.model.framework
    name, _, version = found.partition(" ")
    if isinstance(logged, str) and not names_version(logged, name, version):
        yield described.problem("the description names another framework than the log", logged, found, "framework")
    yield from _machine(result, described)


def _machine(result: Result, described: ValidDocument[SystemDescription]) -> Iterator[Violation]:
    """Judge counts that follow from what the program saw: one node, its processors, accelerators of the target."""
    model, known = described.model, images(result.ruleset)
    target = result.first_record.model.target if result.first_record else ""
    if model.number_of_nodes != 1:
        yield described.problem("a result is of one machine", "1 node", model.number_of_nodes, "number_of_nodes")
    message = "the processors are not those that the program saw"
    yield from described.require(message, str(model.assay.cpus), "host_processor_vcpu_count")
    if known is not None and target in known.targets:
        wanted, found = str(known.targets[target].accelerators), str(model.accelerators_per_node)
        if wanted != found:
            message = f"target {target} has another number of accelerators"
            yield described.problem(message, wanted, found, "accelerators_per_node")


@check("system-emulated", "result")
def system_emulated(result: Result) -> Iterator[Violation]:
    """Judge that description and records agree on emulation, and that nothing emulated is a performance result."""
    yield from _of_all(result, EMULATED, "emulated", False, "a machine of the target", "emulated")


@check("system-uncontained", "result")
def system_uncontained(result: Result) -> Iterator[Violation]:
    """Judge that a result's runs happened in containers of the round's images."""
    yield from _of_all(result, UNCONTAINED, "contained", True, "an engine's containers", "uncontained")


def _of_all(result: Result, message: str, member: str, wanted: bool, expected: str, found: str) -> Iterator[Violation]:
    """Yield where the description or a record has not the wanted value of a member of both."""
    if (described := result.system_document) is not None and described.value("assay", member) is not wanted:
        yield described.problem(message, expected, found, "assay", member)
    for record in result.records:
        if record.value(member) is not wanted:
            yield record.problem(message, expected, found, member)
