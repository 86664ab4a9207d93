"""The phases on what describes a result: the system's description, the implementation's, and that the code is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.models import KINDS
from checker.families.mlperf_inference.modular.case import Judging
from checker.families.mlperf_inference.modular.outcome import Checks, ResultPhase, judge_phase
from checker.families.mlperf_inference.modular.performance import network_problem, over_network


def judge_system(of: Judging) -> ResultPhase:
    """Judge the system's description; the power its supplies are designed for is noted."""
    return judge_phase("system", SYSTEM, of, of.system.path)


def judge_measurements(of: Judging) -> ResultPhase:
    """Judge the implementation's description and what stands beside it."""
    return judge_phase("measurements", MEASUREMENTS, of, of.facts.paths.measurements)


def _status(of: Judging) -> Iterator[Violation]:
    status, known = of.system.description.get("status"), of.rules.package.system.statuses
    if status.lower() not in known:  # type: ignore[union-attr]
        yield Violation("the status is not in the list", ", ".join(known), brief(status), of.system.path)


def _type(of: Judging) -> Iterator[Violation]:
    kind = of.system.description.get("system_type")
    if kind not in list(KINDS):
        yield Violation("the system type is none of the list", "; ".join(KINDS), brief(kind), of.system.path)


def _network(of: Judging) -> Iterator[Violation]:
    return network_problem(of.place.division, over_network(of.system.description), of.system.path)


def _members(of: Judging) -> Iterator[Violation]:
    fixed, described, path = of.rules.package.system, of.system.description, of.system.path
    for member in fixed.members + (fixed.network_members if described.get("is_network") else []):
        if member not in described:
            yield Violation(f"{member} is missing", "a member of the description", "not there", path)
        elif member in fixed.meaningful and not described[member]:
            expected = "a meaningful value; the number 0 counts as empty"
            yield Violation(f"{member} is empty", expected, brief(described[member]), path)


def _same(of: Judging, member: str, folder: str) -> Iterator[Violation]:
    said = of.system.description.get(member)
    if said.lower() != folder.lower():  # type: ignore[union-attr]
        yield Violation(f"{member} does not match the folder", folder, brief(said), of.system.path)


def _supplies(of: Judging) -> Iterator[Violation]:
    review, system = of.review, of.system
    if system.supplies_path is None or not review.has_power:
        return
    if "system_power_capacity" in system.description:
        review.design_power = system.description["system_power_capacity"]
    elif system.supplies is not None:
        review.design_power = design_power(system.supplies)
    elif of.listing.exists(path := system.supplies_path):
        yield Violation("the list of power supplies is empty", "PSUs and their watts", "nothing", path)


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


def _missing(of: Judging) -> Iterator[Violation]:
    if of.facts.measurements is None or of.facts.measurements.value is None:
        what = "the description of the implementation is missing"
        yield Violation(what, "a JSON object", "no such file", of.facts.paths.measurements)


def _code(of: Judging) -> Iterator[Violation]:
    folder = of.rules.package.layout.code
    if not of.listing.exists(folder):
        yield Violation("the submitter's code is missing", f"{folder}/", "no such folder", folder)


def _files(of: Judging) -> Iterator[Violation]:
    there = of.listing.files(of.facts.paths.measurements_folder)
    for name in ("user.conf", "README.md"):
        if name == "user.conf" and of.is_endpoints:
            continue
        path = f"{of.facts.paths.measurements_folder}/{name}"
        if name not in there:
            yield Violation(f"{name} is missing beside the implementation's description", name, "no such file", path)
        elif of.listing.size(path) == 0:
            yield Violation(f"{name} is empty", "what was asked for", "0 bytes", path)


def _fields(of: Judging) -> Iterator[Violation]:
    document: Any = None if of.facts.measurements is None else of.facts.measurements.value
    path = of.facts.paths.measurements
    for member in of.rules.package.measurements:
        if member not in document:
            yield Violation(f"{member} is missing", "a member of the description", "not there", path)
        elif not document[member]:
            yield Violation(f"{member} is empty", "a meaningful value", brief(document[member]), path)


SYSTEM: Checks[Judging] = (
    ("availability", "system-status", _status),
    ("system_type", "system-type", _type),
    ("network", "system-network", _network),
    ("required_fields", "system-members", _members),
    ("submitter", "system-submitter", lambda of: _same(of, "submitter", of.place.submitter)),
    ("division", "system-division", lambda of: _same(of, "division", of.place.division)),
    ("nameplate_power", "power-supplies", _supplies),
)
MEASUREMENTS: Checks[Judging] = (
    ("missing", "measurements", _missing),
    ("directory_exist", "code", _code),
    ("required_files", "measurements-files", _files),
    ("required_fields", "measurements-members", _fields),
)
