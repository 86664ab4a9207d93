"""Rules on the times of training steps: what the steps took and what the log says of their blocks is one story.

Log and record are written by different clocks of the same process: the log's events by the wall clock, the record's
steps by a clock that only advances. Steps that outlast their block tell that the log's times were edited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checker.core.findings import Problem
from checker.core.mllog import LogRecord
from checker.families.assay.checks import check
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.images import images
from rules.thresholds import training_thresholds


@dataclass(frozen=True)
class StepBlock:
    """One block of the log: its steps, counted from the run's first, and its seconds by the log's clock."""

    stop: LogRecord
    first: int
    last: int
    seconds: float


@check("step-times", "run")
def step_times(result: TrainingResult, run: TrainingRun) -> Iterator[Problem]:
    """Judge that there is a time for each step, above zero, and that no block took less time than its steps."""
    blocks = list(_blocks(run))
    if run.record is None or not blocks:
        return
    steps = run.record.model.steps
    done = blocks[-1].last
    if steps is None:
        yield run.record.problem("the record has no step times", f"{done} step times", "null", "steps")
        return
    if len(steps.seconds) != done:
        message = "the record has not one time for each step"
        yield run.record.problem(message, f"{done} step times", str(len(steps.seconds)), "steps", "seconds")
        return
    for position, seconds in enumerate(steps.seconds):
        if seconds <= 0:
            message = f"step {position + 1} took no time"
            yield run.record.problem(message, "above 0 s", f"{seconds:g} s", "steps", "seconds", position)
    for block in blocks:
        took = sum(steps.seconds[block.first : block.last])
        if took > _longest(result, block.seconds):
            message = f"the block of steps {block.first + 1} to {block.last} is shorter than its steps"
            expected, found = f"at least the steps' {took:.3f} s", f"{block.seconds:.3f} s"
            yield Problem(message, expected, found, run.log_path, block.stop.number)


@check("device-times", "run")
def device_times(result: TrainingResult, run: TrainingRun) -> Iterator[Problem]:
    """Judge that an accelerator's own times are of one there is, one a step, and no longer than the host's."""
    steps = run.record.model.steps if run.record else None
    if run.record is None or steps is None or steps.device_seconds is None:
        return
    known, device = images(result.ruleset), steps.device_seconds
    target = known.targets.get(run.record.model.target) if known else None
    if target is not None and not target.accelerators:
        message = "the record has times of an accelerator, and the target has none"
        yield run.record.problem(message, "null", f"{len(device)} times", "steps", "device_seconds")
        return
    if len(device) != len(steps.seconds):
        message = "the accelerator has not one time for each step"
        wanted, found = f"{len(steps.seconds)} times", str(len(device))
        yield run.record.problem(message, wanted, found, "steps", "device_seconds")
        return
    for position, seconds in enumerate(device):
        if seconds <= 0:
            message = f"step {position + 1} took the accelerator no time"
            yield run.record.problem(message, "above 0 s", f"{seconds:g} s", "steps", "device_seconds", position)
    for block in _blocks(run):
        host, own = (sum(times[block.first : block.last]) for times in (steps.seconds, device))
        if own > _longest(result, host):
            message = f"the steps {block.first + 1} to {block.last} took the accelerator longer than the host"
            expected, found = f"at most the host's {host:.3f} s", f"{own:.3f} s"
            yield run.record.problem(message, expected, found, "steps", "device_seconds", block.first)


@check("step-share", "run")
def step_share(result: TrainingResult, run: TrainingRun) -> Iterator[Problem]:
    """Point at blocks that took much longer than their steps: other work, or step times that were made up."""
    blocks, bounds = list(_blocks(run)), training_thresholds(result.ruleset.name).steps
    steps = run.record.model.steps if run.record else None
    if steps is None or not blocks or len(steps.seconds) != blocks[-1].last:
        return
    for block in blocks:
        took = sum(steps.seconds[block.first : block.last])
        if took < bounds.least_share * block.seconds - bounds.around_s:
            message = f"the steps {block.first + 1} to {block.last} fill little of their block"
            expected, found = f"most of {block.seconds:.3f} s", f"{took:.3f} s"
            yield Problem(message, expected, found, run.log_path, block.stop.number)


def _longest(result: TrainingResult, seconds: float) -> float:
    """Return how long steps may seem, of which another clock says that they took `seconds`."""
    bounds = training_thresholds(result.ruleset.name).steps
    return seconds * (1 + bounds.rate) + bounds.rounding_s


def _blocks(run: TrainingRun) -> Iterator[StepBlock]:
    """Yield the blocks of a log; none where batch, positions or times are not as other rules want them."""
    batch = run.log.value("global_batch_size") if run.log else None
    if run.log is None or type(batch) is not int or batch < 1:
        return
    first, start = 0, None
    for record in run.log.records:
        if record.key == "block_start":
            start = record
        elif record.key == "block_stop" and start is not None:
            samples = record.metadata.get("samples_count")
            if type(samples) is not int or type(record.time_ms) is not int or type(start.time_ms) is not int:
                return
            last = samples // batch
            if last < first:
                return
            yield StepBlock(record, first, last, (record.time_ms - start.time_ms) / 1000)
            first, start = last, None
