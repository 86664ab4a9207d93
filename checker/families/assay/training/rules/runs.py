"""Rules on the runs of a result: their number, one configuration, one after the other, each run once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from checker.core.documents import ValidDocument
from checker.core.findings import Violation, brief
from checker.core.mllog import LogRecord, ParsedLog
from checker.families.assay.checks import check
from checker.families.assay.rules.record import alike, attempts_before
from checker.families.assay.training.rules.record import ENDED
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.documents import Outcome, RunRecord
from rules.expressions import same

COURSE = ("block_start", "block_stop", "train_loss", "eval_start", "eval_stop", "run_stop")


@check("run-count", "result")
def run_count(result: TrainingResult) -> Iterator[Violation]:
    """Judge that the result has the runs the round wants and the manifest declares, numbered from 0."""
    closed, rules, manifest = result.division == "closed", result.rules, result.manifest
    if manifest is not None:
        declared = manifest.model.runs
        if rules is not None and closed:
            yield from manifest.require("a closed result has another number of runs", rules.runs.closed, "runs")
        elif rules is not None and declared < rules.runs.open:
            message, least = "an open result has too few runs", f"at least {rules.runs.open}"
            yield manifest.problem(message, least, declared, "runs")
    else:
        declared = rules.runs.closed if rules and closed else len(result.runs)
    wanted, there = f"runs 0 to {declared - 1}", {run.index for run in result.runs}
    for index in range(min(declared, 1000)):
        if index not in there:
            missing = f"{result.folder}/result_{index}.txt"
            yield Violation(f"run {index} of {declared} is missing", wanted, "nothing", missing)
    for run in result.runs:
        if run.index >= declared:
            yield run.problem(f"run {run.index} was not declared", wanted, f"run {run.index}")


@check("runs-alike", "result")
def runs_alike(result: TrainingResult) -> Iterator[Violation]:
    """Judge that all runs had the same image, source, data, settings, arguments, environment and limits.

    Peak memory and step times are a run's own, how they were taken is not.
    """
    own = ("seed", "initial_weights_sha256", "final_weights", "steps")
    yield from alike(result, own, "the runs differ in {}", "memory.source", "steps.steps_per_call")


@check("runs-apart", "result")
def runs_apart(result: TrainingResult) -> Iterator[Violation]:
    """Judge by receipts and by log that each run of the result began after the one before it had ended."""
    received = [(run, run.record.model.receipts) for run in result.runs if run.record]
    logged = [(run, [time / 1000 for time in _times(run)]) for run in result.runs]
    for witness, times in (("receipts", received), ("log", logged)):
        for (before, earlier), (after, later) in pairwise((run, found) for run, found in times if found):
            if later[0] < earlier[-1]:
                message = f"by its {witness} the run began before run {before.index} had ended"
                wanted = f"after {earlier[-1]:.3f}, the end of {before.log_path.rpartition('/')[2]}"
                if witness == "log" or after.record is None:
                    yield after.problem(message, wanted, f"{later[0]:.3f}", after.log.records[0] if after.log else None)
                else:
                    yield after.record.problem(message, wanted, f"{later[0]:.3f}", "receipts", 0)


def _times(run: TrainingRun) -> list[int]:
    """Return the times of all lines in milliseconds; nothing where one is no such number."""
    times = [record.time_ms for record in run.log.records] if run.log else []
    # Beyond a float's exact integers nothing is milliseconds since 1970.
    return times if all(type(time) is int and abs(time) < 1 << 53 for time in times) else []


@check("attempts", "run")
def attempts(record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge that no earlier attempt at the run had ended as a run of the result does."""
    for position, attempt in enumerate(record.model.earlier_attempts):
        if attempt.outcome in ENDED:
            message, wanted = "the run was repeated although it had ended", "an attempt that gave no result"
            yield record.problem(message, wanted, attempt.outcome, "earlier_attempts", position, "outcome")


@check("attempts-made", "run")
def attempts_made(record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Point at runs that needed more than one attempt."""
    yield from attempts_before(record, ENDED)


@check("score", "result")
def score(result: TrainingResult) -> Iterator[Violation]:
    """Judge that each run has a time from run_start to run_stop, above zero: the score is their mean."""
    for run in result.runs:
        seconds = run.interval("run_start", "run_stop")
        if run.log is not None and (seconds is None or seconds <= 0):
            found = "no time" if seconds is None else f"{seconds:.3f} s"
            yield run.problem("the run took no time from run_start to run_stop", "more than 0 s", found, run.stop)


@check("diverged", "run")
def diverged(run: TrainingRun, log: ParsedLog, record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge that a run recorded as diverged ended in its last block: no loss of it and no evaluation after it.

    The harness gives a run up at the first loss that is not finite, before the block's mean loss is logged.
    """
    if record.model.outcome is not Outcome.DIVERGED:
        return
    course = [r for r in log.records if r.key in (*COURSE, run.metric)]
    if [r.key for r in course[-3:]] != ["block_start", "block_stop", "run_stop"]:
        last = course[-2] if len(course) > 1 else None
        message = "a run that diverged ends with the block in which it did"
        found = f"run_stop after {brief(last.key)}" if last else "no block"
        yield run.problem(message, "run_stop after block_stop", found, last)
        return
    planned, ended, stop = (r.metadata.get("samples_count") for r in course[-3:])
    if type(planned) is not int or type(ended) is not int or ended > planned:
        message = "a run that diverged ends no later than its block would have"
        yield run.problem(message, f"at most {brief(planned)} samples", brief(ended), course[-2])
    if not same(stop, ended):
        message = "run_stop counts other samples than the block the run ended with"
        yield run.problem(message, brief(ended), brief(stop), course[-1])


@check("runs-converged", "result")
def runs_converged(result: TrainingResult) -> Iterator[Violation]:
    """Judge that at most one run ended without reaching the target."""
    short = [run for run in result.runs if run.log is not None and not run.converged]
    for run in short if len(short) > 1 else ():
        message = f"{len(short)} of {len(result.runs)} runs did not reach the target"
        yield run.problem(message, "at most 1", str(len(short)), run.stop)


@check("run-short", "run")
def run_short(run: TrainingRun, stop: LogRecord) -> Iterator[Violation]:
    """Point at a run that did not reach the target: it counts as the slowest."""
    if not run.converged:
        message = "the run did not reach the target and counts as the slowest"
        yield run.problem(message, '"success"', brief(stop.metadata.get("status")), stop)


@check("warmup-time", "run")
def warmup_time(run: TrainingRun) -> Iterator[Violation]:
    """Judge that warm-up takes time."""
    seconds = run.interval("warmup_start", "warmup_stop")
    if seconds is not None and seconds <= 0:
        yield run.problem("warm-up takes no time", "above 0 s", f"{seconds:g} s", run.first("warmup_stop"))
