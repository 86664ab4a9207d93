"""Rules against copies: no run, under whatever name and seed, has the course of another.

Digests and seeds are compared as they are. Courses are compared as a copy would be disguised: losses up to a jitter,
times by their differences. What real runs with different seeds have in common stays far from every bound here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from checker.core.findings import Violation
from checker.families.assay.checks import check
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.thresholds import Copy, Course, training_thresholds

Numbers = tuple[float, ...]
Bounds = dict[Course, Copy]
WINDOW = 8  # copies of one course that are compared with each other before it


@dataclass(frozen=True)
class CourseTrace:
    """One course of a run: so many numbers as near to another run's as the round says make a copy."""

    name: Course  # in the round's thresholds
    what: str
    key: str  # log line that shows it
    of: Callable[[TrainingRun], Numbers]
    prefix: bool  # whether a copy may be longer or shorter


def _values(key: str) -> Callable[[TrainingRun], Numbers]:
    def of(run: TrainingRun) -> Numbers:
        values = [record.value for record in run.log.all(key)] if run.log else []
        usable = all(type(value) in (int, float) and abs(value) < 1e300 for value in values)
        return tuple(float(value) for value in values) if usable else ()

    return of


def _differences(times: list[Any]) -> Numbers:
    if not all(type(time) in (int, float) and abs(time) < 1 << 53 for time in times):
        return ()
    return tuple(after - before for before, after in pairwise(times))


def _events(run: TrainingRun) -> Numbers:
    return _differences([record.time_ms for record in run.log.records]) if run.log else ()


def _receipts(run: TrainingRun) -> Numbers:
    return _differences(list(run.record.model.receipts)) if run.record else ()


def _steps(run: TrainingRun) -> Numbers:
    """Return the run's step times, one per call."""
    return tuple(run.steps.seconds[:: run.steps.steps_per_call]) if run.steps else ()


def _metric(run: TrainingRun) -> Numbers:
    return _values(run.metric)(run)


TRACES = (
    CourseTrace("loss_sequence", "sequence of train_loss", "train_loss", _values("train_loss"), prefix=True),
    CourseTrace("losses", "train_loss", "train_loss", _values("train_loss"), prefix=False),
    CourseTrace("metric_sequence", "sequence of {metric}", "{metric}", _metric, prefix=True),
    CourseTrace("events", "times between events", "run_start", _events, prefix=False),
    CourseTrace("receipts", "times between receipts", "run_start", _receipts, prefix=False),
    CourseTrace("steps", "step times", "block_start", _steps, prefix=True),
)


@check("runs-distinct", "result")
def runs_distinct(result: TrainingResult) -> Iterator[Violation]:
    """Judge that no run is a copy of another: seeds, initial weights, courses and final weights all differ."""
    seen: dict[tuple[str, Any], TrainingRun] = {}
    for run in result.runs:
        for key in ("seed", *_drawn(result), "final_weights_sha256"):
            value = run.value(key)
            if isinstance(value, int | str) and (other := seen.setdefault((key, value), run)) is not run:
                yield _copy(run, other, key, key)
    named: set[int] = set()
    for run, other, trace in _alike(result.runs, _bounds(result)):
        if run.index not in named:
            named.add(run.index)
            yield _copy(run, other, trace.what, trace.key)


def _drawn(result: TrainingResult) -> tuple[str, ...]:
    """Return the key of the initial weights where each seed draws its own."""
    pretrained = result.rules is not None and result.rules.start == "pretrained"
    return () if pretrained else ("initial_weights_sha256",)


@check("results-distinct", "results")
def results_distinct(results: list[TrainingResult]) -> Iterator[Violation]:
    """Judge that no run of one result is a copy of a run of another."""
    owners = {id(run): result for result in results for run in result.runs}
    for run, other, trace in _alike([run for result in results for run in result.runs], _bounds(*results)):
        if owners[id(run)] is not owners[id(other)]:
            yield _copy(run, other, trace.what, trace.key)


def _copy(run: TrainingRun, other: TrainingRun, what: str, key: str) -> Violation:
    what, key = (text.replace("{metric}", run.metric) for text in (what, key))
    near = other.log_path.rpartition("/")[2] if other.folder == run.folder else other.log_path
    return run.problem(f"two runs have the same {what}", "its own", f"the same as {near}", run.first(key))


def _bounds(*results: TrainingResult) -> Bounds:
    return training_thresholds(results[0].ruleset.name).copies if results else {}


def _alike(runs: list[TrainingRun], bounds: Bounds) -> Iterator[tuple[TrainingRun, TrainingRun, CourseTrace]]:
    """Yield each run whose course is another's, the later one first.

    Courses are sorted, so that a copy stands beside its original; a copy of many copies is compared with a few.
    """
    position = {id(run): at for at, run in enumerate(runs)}
    for trace in TRACES if runs else ():
        bound = bounds[trace.name]
        courses = sorted(
            ((course, run) for run in runs if len(course := trace.of(run)) >= bound.least), key=lambda one: one[0]
        )
        for at, (course, run) in enumerate(courses):
            for other_course, other in courses[at + 1 : at + 1 + WINDOW]:
                if other_course[0] - course[0] > bound.within:
                    break
                if _same(course, other_course, trace, bound):
                    first, later = sorted((run, other), key=lambda one: position[id(one)])
                    yield later, first, trace


def _same(one: Numbers, other: Numbers, trace: CourseTrace, bound: Copy) -> bool:
    if not trace.prefix and len(one) != len(other):
        return False
    return all(abs(a - b) <= bound.within for a, b in zip(one, other, strict=False))
