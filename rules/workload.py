"""What a rule set fixes about one workload: data, target, cadence, runs, hyperparameters."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import Field, computed_field

from rules.documents import Sha256
from rules.round import Strict, read_workload

Division = Literal["closed", "open"]
Value = bool | int | float | str


class Quality(Strict):
    """The metric, what values it can have, and the target that ends the clock: at least or at most it, by `better`."""

    metric: str  # in words
    log: Annotated[str, Field(pattern=r"^eval_[a-z0-9_]+$")]  # the log's key of its values
    unit: str = ""  # beside its values; none for a share
    better: Literal["higher", "lower"]
    target: float
    at_least: int | float  # what a value can be
    at_most: int | float
    counts: str = ""  # what it counts among all samples of the test set, in words; none where it counts nothing

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sign(self) -> int:
        """1 where higher values are better, -1 where lower ones are: times it, higher is always better."""
        return 1 if self.better == "higher" else -1

    @property
    def goal(self) -> str:
        """The target in words."""
        relation = "≥" if self.better == "higher" else "≤"
        return f"{self.metric} {relation} {self.shown(self.target)}"

    def shown(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{value:.3f}{self.unit and f' {self.unit}'}"


class Evaluation(Strict):
    """Steps (from 1) after which the test set is evaluated: `first_step`, then every `every_steps`."""

    first_step: Annotated[int, Field(ge=1)]
    every_steps: Annotated[int, Field(ge=1)]


class Runs(Strict):
    """Number of runs: exactly `closed`; at least `open`."""

    closed: Annotated[int, Field(ge=1)]
    open: Annotated[int, Field(ge=1)]


Bound = Annotated[float, Field(gt=0, lt=1)]


class Parity(Strict):
    """The first steps all frameworks take from one seed, and how far they may part: relative differences, at most."""

    seed: Annotated[int, Field(ge=0)]
    steps: Annotated[int, Field(ge=1)]
    losses_float64: Bound  # at every step
    gradients_float64: Bound  # before the first step, each tensor against its largest element
    weights_float64: Bound  # after the last step, running statistics too
    losses_float32: dict[Annotated[int, Field(ge=1)], Bound]  # up to the step that is the key


class WorkloadRules(Strict):
    """The rules on one workload in one round."""

    workload: str
    data: dict[str, Sha256]  # file name -> SHA-256 of the decompressed bytes
    train_samples: int
    eval_samples: int
    quality: Quality
    evaluation: Evaluation
    schedule: Literal["linear", "constant"] = "linear"  # of the learning rate after warm-up (suite.harness.schedule)
    start: Literal["drawn", "pretrained"] = "drawn"  # whether each seed has initial weights of its own
    runs: Runs
    warmup_steps: Annotated[int, Field(ge=1)]  # at least, on synthetic data, before run_start
    time_limit_s: Annotated[float, Field(gt=0)]  # one run, from container start to its end
    init_limit_s: Annotated[float, Field(gt=0)]  # init_start to init_stop
    parity: Parity
    weights: dict[str, list[int]]  # tensor -> shape of the final weights, all float32; fixed in the closed division
    hyperparameters: dict[str, Value]  # fixed in the closed division, defaults in the open one


@cache
def workload_rules(ruleset: str, workload: str) -> WorkloadRules:
    """Return the rules on `workload` in `ruleset` (e.g. `assay/1.0`); UsageError for an unknown or broken one."""
    return read_workload(ruleset, workload, WorkloadRules)
