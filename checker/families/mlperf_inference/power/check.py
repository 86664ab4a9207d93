"""The power phase of one result: its files, the power session, and what the result drew.

A result with a folder performance/power is a power result. Offline and Server (Interactive too) are reported in watts,
SingleStream and MultiStream in millijoules per query.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from checker.core.findings import Violation
from checker.core.links import LinkedTree
from checker.core.outcome import OfficialOutcome
from checker.core.tree import RefusedError
from checker.families.mlperf_inference.power.logs import load_samples, moment
from checker.families.mlperf_inference.power.session import FAULTS, RANGING, TESTING, Session, judge_session
from rules.power import PowerRules

RUN_FILES = ("mlperf_log_summary.txt", "mlperf_log_detail.txt", "spl.txt")
SESSION_FILES = ("client.json", "client.log", "ptd_logs.txt", "server.json", "server.log")
ANYWHERE = ("mlperf_log_trace.json", "results.json", ".gitkeep")  # the official tool never minds these
SAMPLES = {"singlestream": 1, "multistream": 8}  # of a query


@dataclass
class PowerResult:
    """What the power phase says of a result; figures are None where they cannot be told."""

    outcome: OfficialOutcome
    metric: float | None = None  # W, or mJ per query
    unit: str = ""
    efficiency: float | None = None  # of the performance metric's unit per W, or samples per J
    watts: float | None = None  # mean while the load lasted


def has_power(tree: LinkedTree, scenario_folder: str) -> bool:
    """Whether a result claims a power measurement."""
    return tree.at(f"{scenario_folder}/performance/power") is not None


def judge_power(
    tree: LinkedTree,
    scenario_folder: str,
    value: Callable[[str], Any],
    performance_metric: float | None,
    fixed: PowerRules,
) -> PowerResult:
    """Judge a power result as the official checker does; `value` gives the performance log's first value of a key.

    `performance_metric` is None where the performance phase came to none, which fails this phase too.
    """
    folder = f"{scenario_folder}/performance"
    result = PowerResult(OfficialOutcome())
    for name, wanted in ((TESTING, RUN_FILES), (RANGING, RUN_FILES), ("power", SESSION_FILES)):
        _files(tree, f"{folder}/{name}", wanted, result.outcome)
    for rule, problem, tolerated in judge_session(Session(tree, folder, fixed)):
        if tolerated:
            result.outcome.warn(rule, problem)
        else:
            result.outcome.fail(rule, problem)
    _measure(result, tree, folder, value, performance_metric)
    return result


def _files(tree: LinkedTree, folder: str, wanted: tuple[str, ...], outcome: OfficialOutcome) -> None:
    entry = tree.at(folder)
    if entry is None or entry.kind != "folder":
        outcome.fail("power-files", Violation("a folder of the measurement is missing", folder, "not there", folder))
        return
    there = {name for name, entry in tree.inside(folder).items() if entry.kind == "file"}
    free = {*ANYWHERE, *(("mlperf_log_accuracy.json",) if wanted == RUN_FILES else ())}
    for name in sorted(set(wanted) - there - free):
        missing = Violation("a file of the measurement is missing", name, "not there", f"{folder}/{name}")
        outcome.fail("power-files", missing)
    for name in sorted(there - set(wanted) - free):
        what = "the folder holds a file that is none of the measurement's"
        outcome.fail("power-files", Violation(what, ", ".join(wanted), name, f"{folder}/{name}"))


def _measure(
    result: PowerResult, tree: LinkedTree, folder: str, value: Callable[[str], Any], performance: float | None
) -> None:
    """Set what the result drew; where it cannot be computed, that is a finding on the file that is to blame."""
    scenario, at = folder.rpartition("/")[0].rpartition("/")[2].lower(), f"{folder}/{TESTING}/mlperf_log_detail.txt"
    try:
        begin, end = moment(value("power_begin")), moment(value("power_end"))
        at = f"{folder}/{TESTING}/spl.txt"
        result.watts = load_samples(tree.read(at, tree.limits.log_bytes), begin, end).watts
        if result.watts is None:
            what = "the meter took no sample while the load lasted"
            result.outcome.fail("power-metric", Violation(what, f"between {begin} and {end}", "none", at))
            return
        at = f"{folder}/{TESTING}/mlperf_log_detail.txt"
        if scenario in ("offline", "server", "interactive"):
            if performance is None:
                raise ValueError("the result has no performance metric")
            result.metric, result.unit = result.watts, "W"
            result.efficiency = performance / result.watts
        else:
            _per_query(result, result.watts * (end - begin).total_seconds(), scenario, value)
    except FAULTS as error:
        cause = f"it {error}" if isinstance(error, RefusedError) else f"{type(error).__name__}: {error}"
        what = "what the result drew cannot be computed"
        result.outcome.fail("power-metric", Violation(what, "samples of the meter during the load", cause, at))


def _per_query(result: PowerResult, joules: float, scenario: str, value: Callable[[str], Any]) -> None:
    """Set the energy of a query; raises any of FAULTS where the log does not say how many there were."""
    samples = SAMPLES[scenario]
    millijoules = joules * 1000 / int(value("result_query_count"))
    if scenario == "multistream" and value("effective_scenario").lower() == "singlestream":
        millijoules *= samples  # inferred: eight single samples make one query
    result.metric, result.unit = millijoules, "mJ"
    result.efficiency = samples * 1000 / millijoules
