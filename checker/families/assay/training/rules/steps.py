"""Rules on the times of training steps: what the steps took and what the log says of their blocks is one story.

Log and record are written by different clocks of the same process: the log's events by the wall clock, the record's
steps by a clock that only advances. Steps that outlast their block tell that the log's times were edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checker.core.documents import ValidDocument
from checker.core.findings import Violation
from checker.core.mllog import LogRecord
from checker.families.assay.checks import check
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.documents import RunRecord, Steps
from rules.images import images
from rules.thresholds import training_thresholds


@dataclass(frozen=True)
class StepBlock:
    """One block of the log: its steps, counted from the run's first, and its seconds by the log's clock."""

    stop: LogRecord
    first: int
    last: int
    seconds: float

    def __str__(self) -> str:
        return f"steps {self.first + 1} to {self.last}"

    def total(self, times: Sequence[float]) -> float:
        """Return how long the steps took, by the times of all steps of the run."""
        return sum(times[self.first : self.last])


@check("step-times", "run")
def step_times(result: TrainingResult, run: TrainingRun, record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge that there is a time for each step, above zero, and that no block took less time than its steps."""
    blocks, steps = list(_blocks(run)), record.model.steps
    if not blocks:
        return
    wanted = f"{blocks[-1].last} step times"
    if steps is None:
        yield record.problem("the record has no step times", wanted, "null", "steps")
    elif len(steps.seconds) != blocks[-1].last:
        message = "the record has not one time for each step"
        yield record.problem(message, wanted, len(steps.seconds), "steps", "seconds")
    else:
        yield from _above_zero(record, "took", "seconds", steps.seconds)
        for block in blocks:
            took = block.total(steps.seconds)
            if took > _longest(result, block.seconds):
                message = f"the block of {block} is shorter than its steps"
                yield run.problem(message, f"at least the steps' {took:.3f} s", f"{block.seconds:.3f} s", block.stop)


@check("device-times", "run")
def device_times(
    result: TrainingResult, run: TrainingRun, record: ValidDocument[RunRecord], steps: Steps
) -> Iterator[Violation]:
    """Judge that an accelerator's own times are of one there is, one a step, and no longer than the host's."""
    known, device, place = images(result.ruleset), steps.device_seconds, ("steps", "device_seconds")
    target = known.targets.get(record.model.target) if known else None
    if device is None:
        return
    if target is not None and not target.accelerators:
        message = "the record has times of an accelerator, and the target has none"
        yield record.problem(message, "null", f"{len(device)} times", *place)
    elif len(device) != len(steps.seconds):
        message = "the accelerator has not one time for each step"
        yield record.problem(message, f"{len(steps.seconds)} times", len(device), *place)
    else:
        yield from _above_zero(record, "took the accelerator", "device_seconds", device)
        for block in _blocks(run):
            host, own = block.total(steps.seconds), block.total(device)
            if own > _longest(result, host):
                message = f"the {block} took the accelerator longer than the host"
                yield record.problem(message, f"at most the host's {host:.3f} s", f"{own:.3f} s", *place, block.first)


@check("step-share", "run")
def step_share(result: TrainingResult, run: TrainingRun, steps: Steps) -> Iterator[Violation]:
    """Point at blocks that took much longer than their steps: other work, or step times that were made up."""
    blocks, bounds = list(_blocks(run)), training_thresholds(result.ruleset.name).steps
    for block in blocks if blocks and len(steps.seconds) == blocks[-1].last else ():
        took = block.total(steps.seconds)
        if took < bounds.least_share * block.seconds - bounds.around_s:
            message = f"the {block} fill little of their block"
            yield run.problem(message, f"most of {block.seconds:.3f} s", f"{took:.3f} s", block.stop)


def _above_zero(
    record: ValidDocument[RunRecord], took: str, member: str, times: Sequence[float]
) -> Iterator[Violation]:
    for position, seconds in enumerate(times):
        if seconds <= 0:
            message = f"step {position + 1} {took} no time"
            yield record.problem(message, "above 0 s", f"{seconds:g} s", "steps", member, position)


def _longest(result: TrainingResult, seconds: float) -> float:
    """Return how long steps may seem, of which another clock says that they took `seconds`."""
    bounds = training_thresholds(result.ruleset.name).steps
    return seconds * (1 + bounds.rate) + bounds.rounding_s


def _blocks(run: TrainingRun) -> Iterator[StepBlock]:
    """Yield the blocks of a log; none where batch, positions or times are not as other rules want them."""
    batch = run.value("global_batch_size")
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
