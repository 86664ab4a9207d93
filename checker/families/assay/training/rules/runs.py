"""Rules on the runs of a result: their number, one configuration, one after the other, each run once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from operator import attrgetter
from typing import Any

from checker.core.documents import ValidDocument
from checker.core.findings import Problem, brief
from checker.families.assay.checks import check
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.documents import Outcome, RunRecord
from rules.expressions import same

# Outcomes that are part of a result, whatever they are: such a run is never repeated.
RESULTS = (Outcome.SUCCESS, Outcome.TARGET_NOT_REACHED, Outcome.DIVERGED)
COURSE = ("block_start", "block_stop", "train_loss", "eval_start", "eval_stop", "run_stop")


@check("run-count", "result")
def run_count(result: TrainingResult) -> Iterator[Problem]:
    """Judge that the result has the runs the round wants and the manifest declares, numbered from 0."""
    declared = None if result.manifest is None else result.manifest.model.runs
    if result.rules is not None and declared is not None and result.manifest is not None:
        exact, least = result.rules.runs.closed, result.rules.runs.open
        if result.division == "closed" and declared != exact:
            yield result.manifest.problem("a closed result has another number of runs", exact, declared, "runs")
        if result.division == "open" and declared < least:
            yield result.manifest.problem("an open result has too few runs", f"at least {least}", declared, "runs")
    if declared is None:
        declared = result.rules.runs.closed if result.rules and result.division == "closed" else len(result.runs)
    there = {run.index for run in result.runs}
    for index in range(min(declared, 1000)):
        if index not in there:
            missing = f"{result.folder}/result_{index}.txt"
            yield Problem(f"run {index} of {declared} is missing", f"runs 0 to {declared - 1}", "nothing", missing)
    for run in result.runs:
        if run.index >= declared:
            message = f"run {run.index} was not declared"
            yield Problem(message, f"runs 0 to {declared - 1}", f"run {run.index}", run.log_path)


@check("runs-alike", "result")
def runs_alike(result: TrainingResult) -> Iterator[Problem]:
    """Judge that all runs had the same image, source, data, settings, arguments, environment and limits."""
    records = [run.record for run in result.runs if run.record]
    for record in records[1:]:
        first = records[0]
        for name, of in SAME.items():
            if of(record.model) != of(first.model):
                place = name.split(".")
                other = f"as in {first.path.rpartition('/')[2]} line {first.line(*place)}"
                yield record.problem(f"the runs differ in {name}", other, "another value", *place)


# What is a run's own; all else in a record is the configuration. Peak memory and step times are the run's, how they
# were taken is not.
OWN = {
    "run",
    "seed",
    "outcome",
    "explanation",
    "earlier_attempts",
    "log",
    "receipts",
    "observation",
    "initial_weights_sha256",
    "final_weights",
    "memory",
    "steps",
}
SAME: dict[str, Callable[[RunRecord], Any]] = {
    **{name: attrgetter(name) for name in RunRecord.model_fields if name not in OWN},
    "memory.source": lambda r: r.memory and r.memory.source,
    "steps.steps_per_call": lambda r: r.steps and r.steps.steps_per_call,
}


@check("runs-apart", "result")
def runs_apart(result: TrainingResult) -> Iterator[Problem]:
    """Judge by receipts and by log that each run of the result began after the one before it had ended."""
    received = [(run, r.model.receipts[0], r.model.receipts[-1]) for run, r in _recorded(result) if r.model.receipts]
    logged = [(run, times[0] / 1000, times[-1] / 1000) for run in result.runs if (times := _times(run))]
    for witness, spans in (("receipts", received), ("log", logged)):
        for (before, _, ended), (after, began, _) in pairwise(spans):
            if began < ended:
                message = f"by its {witness} the run began before run {before.index} had ended"
                expected = f"after {ended:.3f}, the end of {before.log_path.rpartition('/')[2]}"
                path = after.record_path if witness == "receipts" else after.log_path
                yield Problem(message, expected, f"{began:.3f}", path, _line(after, witness))


def _recorded(result: TrainingResult) -> list[tuple[TrainingRun, ValidDocument[RunRecord]]]:
    return [(run, run.record) for run in result.runs if run.record]


def _line(run: TrainingRun, witness: str) -> int | None:
    if witness == "receipts":
        return run.record.line("receipts", 0) if run.record else None
    return run.log.records[0].number if run.log else None


def _times(run: TrainingRun) -> list[int]:
    """Return the times of all lines in milliseconds; nothing where one is no such number."""
    times = [record.time_ms for record in run.log.records] if run.log else []
    # Beyond a float's exact integers nothing is milliseconds since 1970.
    return times if all(type(time) is int and abs(time) < 1 << 53 for time in times) else []


@check("attempts", "run")
def attempts(_result: TrainingResult, run: TrainingRun) -> Iterator[Problem]:
    """Judge that no earlier attempt at the run had ended as a run of the result does."""
    for position, attempt in enumerate(run.record.model.earlier_attempts if run.record else ()):
        if attempt.outcome in RESULTS:
            assert run.record is not None
            message = "the run was repeated although it had ended"
            wanted = "an attempt that gave no result"
            yield run.record.problem(message, wanted, attempt.outcome, "earlier_attempts", position, "outcome")


@check("attempts-made", "run")
def attempts_made(_result: TrainingResult, run: TrainingRun) -> Iterator[Problem]:
    """Point at runs that needed more than one attempt."""
    for position, attempt in enumerate(run.record.model.earlier_attempts if run.record else ()):
        if attempt.outcome not in RESULTS:
            assert run.record is not None
            message = f"an earlier attempt ended as {attempt.outcome}"
            found = brief(attempt.explanation)
            yield run.record.problem(message, "one attempt", found, "earlier_attempts", position, "outcome")


@check("score", "result")
def score(result: TrainingResult) -> Iterator[Problem]:
    """Judge that each run has a time from run_start to run_stop, above zero: the score is their mean."""
    for run in result.runs:
        seconds = run.interval("run_start", "run_stop")
        if run.log is not None and (seconds is None or seconds <= 0):
            stop = run.log.first("run_stop")
            found = "no time" if seconds is None else f"{seconds:.3f} s"
            message = "the run took no time from run_start to run_stop"
            yield Problem(message, "more than 0 s", found, run.log_path, stop.number if stop else None)


@check("diverged", "run")
def diverged(_result: TrainingResult, run: TrainingRun) -> Iterator[Problem]:
    """Judge that a run recorded as diverged ended in its last block: no loss of it and no evaluation after it.

    The harness gives a run up at the first loss that is not finite, before the block's mean loss is logged.
    """
    if run.record is None or run.log is None or run.record.model.outcome is not Outcome.DIVERGED:
        return
    course = [r for r in run.log.records if r.key in (*COURSE, run.metric)]
    if [r.key for r in course[-3:]] != ["block_start", "block_stop", "run_stop"]:
        last = course[-2] if len(course) > 1 else None
        message = "a run that diverged ends with the block in which it did"
        found = f"run_stop after {brief(last.key)}" if last else "no block"
        yield Problem(message, "run_stop after block_stop", found, run.log_path, last.number if last else None)
        return
    planned, ended, stop = (r.metadata.get("samples_count") for r in course[-3:])
    number = course[-2].number
    if type(planned) is not int or type(ended) is not int or ended > planned:
        message = "a run that diverged ends no later than its block would have"
        yield Problem(message, f"at most {brief(planned)} samples", brief(ended), run.log_path, number)
    if not same(stop, ended):
        message = "run_stop counts other samples than the block the run ended with"
        yield Problem(message, brief(ended), brief(stop), run.log_path, course[-1].number)


@check("runs-converged", "result")
def runs_converged(result: TrainingResult) -> Iterator[Problem]:
    """Judge that at most one run ended without reaching the target."""
    short = [run for run in result.runs if run.log is not None and not run.converged]
    for run in short if len(short) > 1 else ():
        stop = run.log.first("run_stop") if run.log else None
        message = f"{len(short)} of {len(result.runs)} runs did not reach the target"
        yield Problem(message, "at most 1", str(len(short)), run.log_path, stop.number if stop else None)


@check("run-short", "run")
def run_short(_result: TrainingResult, run: TrainingRun) -> Iterator[Problem]:
    """Point at a run that did not reach the target: it counts as the slowest."""
    stop = run.log.first("run_stop") if run.log else None
    if stop is not None and not run.converged:
        status = brief(stop.metadata.get("status"))
        message = "the run did not reach the target and counts as the slowest"
        yield Problem(message, '"success"', status, run.log_path, stop.number)


@check("warmup-time", "run")
def warmup_time(_result: TrainingResult, run: TrainingRun) -> Iterator[Problem]:
    """Judge that warm-up takes time."""
    seconds = run.interval("warmup_start", "warmup_stop")
    stop = run.log.first("warmup_stop") if run.log else None
    if stop is not None and seconds is not None and seconds <= 0:
        yield Problem("warm-up takes no time", "above 0 s", f"{seconds:g} s", run.log_path, stop.number)
