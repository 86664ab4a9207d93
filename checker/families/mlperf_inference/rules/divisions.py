"""What a division asks of the systems and models in it, as far as a submission describes them."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.cases import ResultCase, SubmitterCase
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.power.check import has_power

NETWORK = ("network_type", "network_media", "network_protocol", "network_rate")
RETRAINED = ("yes", "y", "true", "retrained")  # how a description begins that says so, in small letters


@check("inference-not-retrained", "result")
def not_retrained(case: ResultCase) -> Iterator[Violation]:
    """Judge that the description of a closed or network result does not say that its model was retrained."""
    document = case.facts.measurements
    if document is None or not isinstance(document.value, dict) or not case.strict:
        return
    said = document.value.get("retraining")
    if said is True or (isinstance(said, str) and said.strip().lower().startswith(RETRAINED)):
        what = "the model was retrained, by the submitter's own description"
        yield Violation(what, "retraining: no", brief(said), document.path)


@check("inference-network-on-datacenter", "submitter")
def network_on_datacenter(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that systems of the network division are for the datacenter."""
    for path, system in _systems(case, network=True):
        kind = system.get("system_type")
        if isinstance(kind, str) and "datacenter" not in kind:
            what = "the network division has the datacenter suite only"
            yield Violation(what, "a system_type with datacenter", brief(kind), path)


@check("inference-network-fabric", "submitter")
def network_fabric(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that systems of the network division are reached over a fabric that the rules permit."""
    fabrics = case.reviewed.fabrics
    for path, system in _systems(case, network=True):
        stated = "; ".join(str(system[member])[:100] for member in NETWORK if system.get(member))
        if stated and not any(fabric in stated.lower() for fabric in fabrics):
            yield Violation("no permitted fabric is named", ", ".join(fabrics), brief(stated), path)


@check("inference-power-platform-described", "submitter")
def power_platform_described(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that a system whose power was measured is described as a power submission asks."""
    tree = case.submitter.tree
    measured = {one.facts.place.system for one in case.results if has_power(tree, one.path)}
    for path, system in _systems(case):
        missing = [member for member in case.reviewed.power_members if member not in system]
        if missing and path.removeprefix("systems/").removesuffix(".json") in measured:
            what = "the description lacks what a power submission says of its platform"
            yield Violation(what, "these members", ", ".join(missing), path)


def _systems(case: SubmitterCase, network: bool = False) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each described system with results: its path, its description; with `network` of that division only."""
    if network and case.submitter.division != "network":
        return
    described = {one.facts.place.system: one.system for one in case.results if one.system}
    yield from ((f"systems/{name}.json", system) for name, system in described.items())
