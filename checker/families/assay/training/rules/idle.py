"""Rules on the idle baseline: recorded, long enough, over before the runs, of their meters, and of an idle machine."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.documents import ValidDocument
from checker.core.findings import Violation
from checker.families.assay.checks import check, flaws
from checker.families.assay.rules.observation import samples_digest
from checker.families.assay.training.submission import TrainingResult
from checker.machine.energy import timed
from checker.machine.metering import SETTLE_S, NotMeasured, Reading, energy, idle, total
from checker.machine.steadiness import idle_disturbances
from rules.documents import RunRecord

flaws("result", "idle")


@check("idle-digest", "run")
def idle_digest(result: TrainingResult, record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge that the baseline, which all runs share, is the one the record names."""
    yield from samples_digest(result, record, "idle", result.idle_path, result.idle)


@check("idle-fit", "result")
def idle_fit(result: TrainingResult) -> Iterator[Violation]:
    """Judge that the idle baseline was long enough, was over before the runs, and is of their meters."""
    seen, tolerates, wanted = result.idle, result.ruleset.steadiness, result.ruleset.idle
    if seen is None or tolerates is None or wanted is None:
        return
    found, start_s, stop_s = idle(seen.model)
    if stop_s - start_s < wanted.seconds:
        expected = f"{wanted.seconds:g} s, without {SETTLE_S:g} s at either end"
        yield seen.problem("the idle baseline is too short", expected, f"{max(0.0, stop_s - start_s):.1f} s", "times_s")
    inside = sum(start_s <= time <= stop_s for time in seen.model.times_s)
    if inside < tolerates.rate_hz * (stop_s - start_s) - 1:
        rate = f"{inside / (stop_s - start_s):.2f} a second"
        yield seen.problem("there are too few samples", f"{tolerates.rate_hz:g} a second", rate, "times_s")
    began = [line.time_ms / 1000 for run in result.runs if (line := run.first("run_start"))]
    if began and seen.model.clocks[-1].wall_s > min(began):
        found_s = f"{seen.model.clocks[-1].wall_s - min(began):.1f} s after it"
        yield seen.problem("the idle baseline reaches into the runs", "an end before run_start", found_s, "clocks")
    if isinstance(found, NotMeasured):
        message = f"nothing says what the idle machine took: {found.reason}"
        yield seen.problem(message, "energy or power of a meter", found.what, "channels")
        return
    for run in result.runs:
        at = timed(run)
        taken = total(energy(run.observation.model, at.start_s, at.stop_s)) if run.observation and at else None
        if isinstance(taken, Reading) and taken.channel != found.channel:
            message = f"run {run.index} was measured by other meters than the idle machine"
            yield seen.problem(message, taken.channel.name, found.channel.name, "channels")


@check("idle-steady", "result")
def idle_steady(result: TrainingResult) -> Iterator[Violation]:
    """Point at what the machine did while it was to be idle."""
    seen, tolerates, wanted = result.idle, result.ruleset.steadiness, result.ruleset.idle
    if seen is None or tolerates is None or wanted is None:
        return
    _, start_s, stop_s = idle(seen.model)
    if stop_s > start_s:
        for one in idle_disturbances(seen.model, start_s, stop_s, tolerates, wanted):
            yield Violation(f"the machine was not idle: {one.what}", one.expected, one.found, seen.path)
