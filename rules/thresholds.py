"""What judges of Assay's own rounds go by where a rule has a number: `thresholds.yaml`, with the source of each."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from rules.round import Strict, kept

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


class StepTimes(Strict):
    """How far a training log's blocks and the record's times of their steps may be apart."""

    rounding_s: Positive
    rate: Share
    least_share: Share  # of a block, that its steps take
    around_s: Positive  # what may surround the steps of a block, however short it is


Course = Literal["loss_sequence", "losses", "metric_sequence", "events", "receipts", "steps"]


class Copy(Strict):
    """How many numbers of a run, all so near to another run's, make a copy."""

    least: Annotated[int, Field(ge=1)]
    within: Annotated[float, Field(ge=0)]


class TrainingThresholds(Strict):
    """`thresholds.yaml` of a round of training."""

    doubt: Share
    first_losses: Annotated[int, Field(ge=1)]
    steps: StepTimes
    copies: dict[Course, Copy]  # of every course

    @model_validator(mode="after")
    def _copies_of_every_course(self) -> TrainingThresholds:
        if missing := set(get_args(Course)) - set(self.copies):
            raise ValueError(f"copies: nothing on {', '.join(sorted(missing))}")
        return self


class HostClock(Strict):
    """How far the host's time of a LoadGen run may be from LoadGen's."""

    around_s: Positive
    around: Share
    early_s: Positive


class SearchThresholds(Strict):
    """How the rates that LoadGen is told are searched."""

    probe_ms: Annotated[int, Field(ge=1)]
    late: Annotated[int, Field(ge=0)]
    longest: Annotated[int, Field(ge=1)]
    probes: Annotated[int, Field(ge=1)]
    budget: Share
    factor: Annotated[float, Field(gt=1)]
    close: Annotated[float, Field(gt=1)]
    expected: Annotated[float, Field(gt=1)]
    slower: Share
    faster: Annotated[float, Field(gt=1)]


class InferenceThresholds(Strict):
    """`thresholds.yaml` of a round of inference."""

    host_clock: HostClock
    search: SearchThresholds


training_thresholds = kept("thresholds.yaml", TrainingThresholds)


inference_thresholds = kept("thresholds.yaml", InferenceThresholds)
