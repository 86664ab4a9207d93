"""The phases on what describes a result: the system's description, the implementation's, and that the code is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from checker.core.findings import Problem, brief
from checker.families.mlperf_inference.facts import JsonFile
from checker.families.mlperf_inference.models import KINDS
from checker.families.mlperf_inference.modular.outcome import ResultPhase
from checker.families.mlperf_inference.modular.performance import network_problem, over_network
from checker.families.mlperf_inference.walk import Listing
from rules.inference import InferenceRules


@dataclass
class Described:
    """A result's descriptions. Paths are relative to the submitter's folder."""

    rules: InferenceRules
    listing: Listing
    division: str
    submitter: str
    system_path: str  # systems/{system}.json
    system: dict[str, Any]
    supplies_path: str | None  # systems/{system}_power.yaml, where the round has such
    supplies: Any  # what it holds; None where it is missing
    has_power: bool
    measurements: JsonFile | None
    measurements_path: str
    measurements_folder: str
    is_endpoints: bool
    design_power: Any = None  # watts of the power supplies, once told


def judge_system(of: Described) -> ResultPhase:
    """Judge the system's description; the power its supplies are designed for is noted in `of`."""
    phase = ResultPhase("system")
    checks: tuple[tuple[str, str, Callable[[Described], Iterator[Problem]]], ...] = (
        ("availability_check", "official-system-status", _status),
        ("system_type_check", "official-system-type", _type),
        ("network_check", "official-system-network", _network),
        ("required_fields_check", "official-system-members", _members),
        ("submitter_check", "official-system-submitter", lambda of: _same(of, "submitter", of.submitter)),
        ("division_check", "official-system-division", lambda of: _same(of, "division", of.division)),
        ("nameplate_power_check", "official-power-supplies", _supplies),
    )
    for name, rule, function in checks:
        phase.run(name, rule, lambda function=function: function(of), of.system_path)  # type: ignore[misc]
    return phase


def judge_measurements(of: Described) -> ResultPhase:
    """Judge the implementation's description and what stands beside it."""
    phase = ResultPhase("measurements")
    checks: tuple[tuple[str, str, Callable[[Described], Iterator[Problem]]], ...] = (
        ("missing_check", "official-measurements", _missing),
        ("directory_exist_check", "official-code", _code),
        ("required_files_check", "official-measurements-files", _files),
        ("required_fields_check", "official-measurements-members", _fields),
    )
    for name, rule, function in checks:
        phase.run(name, rule, lambda function=function: function(of), of.measurements_path)  # type: ignore[misc]
    return phase


def _status(of: Described) -> Iterator[Problem]:
    status, known = of.system.get("status"), of.rules.package.system.statuses
    if status.lower() not in known:  # type: ignore[union-attr]
        yield Problem("the status is not in the list", ", ".join(known), brief(status), of.system_path)


def _type(of: Described) -> Iterator[Problem]:
    kind = of.system.get("system_type")
    if kind not in list(KINDS):
        yield Problem("the system type is none of the list", "; ".join(KINDS), brief(kind), of.system_path)


def _network(of: Described) -> Iterator[Problem]:
    if (problem := network_problem(of.division, over_network(of.system), of.system_path)) is not None:
        yield problem


def _members(of: Described) -> Iterator[Problem]:
    fixed = of.rules.package.system
    for member in fixed.members + (fixed.network_members if of.system.get("is_network") else []):
        if member not in of.system:
            yield Problem(f"{member} is missing", "a member of the description", "not there", of.system_path)
        elif member in fixed.meaningful and not of.system[member]:
            found = brief(of.system[member])
            yield Problem(
                f"{member} is empty", "a meaningful value; the number 0 counts as empty", found, of.system_path
            )


def _same(of: Described, member: str, folder: str) -> Iterator[Problem]:
    said = of.system.get(member)
    if said.lower() != folder.lower():  # type: ignore[union-attr]
        yield Problem(f"{member} does not match the folder", folder, brief(said), of.system_path)


def _supplies(of: Described) -> Iterator[Problem]:
    if of.supplies_path is None or not of.has_power:
        return
    if "system_power_capacity" in of.system:
        of.design_power = of.system["system_power_capacity"]
    elif of.listing.exists(of.supplies_path):
        if of.supplies is None:
            yield Problem("the list of power supplies is empty", "PSUs and their watts", "nothing", of.supplies_path)
            return
        of.design_power = design_power(of.supplies)


def design_power(listed: Any) -> Any:
    """Return the watts that a system's power supplies are designed for: of each part those it needs, largest first.

    Raises what the official checker raises on a list that it cannot sum up.
    """
    if isinstance(listed, dict):
        names = {name.lower(): name for name in listed}
        if "psus" in names and "min psus needed" in names:
            needed, supplies = listed[names["min psus needed"]], listed[names["psus"]]
            watts = sorted((supply.get("PowerCapacityWatts", 0) for supply in supplies), reverse=True)
            return sum(watts[:needed])
        return sum(design_power(part) for part in listed.values() if isinstance(part, dict | list))
    if isinstance(listed, list):
        return sum(design_power(part) for part in listed)
    return 0


def _missing(of: Described) -> Iterator[Problem]:
    if of.measurements is None or of.measurements.value is None:
        what = "the description of the implementation is missing"
        yield Problem(what, "a JSON object", "no such file", of.measurements_path)


def _code(of: Described) -> Iterator[Problem]:
    folder = of.rules.package.layout.code
    if not of.listing.exists(folder):
        yield Problem("the submitter's code is missing", f"{folder}/", "no such folder", folder)


def _files(of: Described) -> Iterator[Problem]:
    there = of.listing.files(of.measurements_folder)
    for name in ("user.conf", "README.md"):
        if name == "user.conf" and of.is_endpoints:
            continue
        path = f"{of.measurements_folder}/{name}"
        if name not in there:
            yield Problem(f"{name} is missing beside the implementation's description", name, "no such file", path)
        elif of.listing.size(path) == 0:
            yield Problem(f"{name} is empty", "what was asked for", "0 bytes", path)


def _fields(of: Described) -> Iterator[Problem]:
    document = None if of.measurements is None else of.measurements.value
    for member in of.rules.package.measurements:
        if member not in document:  # type: ignore[operator]
            yield Problem(f"{member} is missing", "a member of the description", "not there", of.measurements_path)
        elif not document[member]:  # type: ignore[index]
            yield Problem(f"{member} is empty", "a meaningful value", brief(document[member]), of.measurements_path)  # type: ignore[index]
