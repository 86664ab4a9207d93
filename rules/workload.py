"""What a rule set fixes about one workload: data, target, cadence, runs, hyperparameters."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from rules.documents import Sha256
from rules.round import Strict, read_workload

Division = Literal["closed", "open"]
Value = bool | int | float | str


class Quality(Strict):
    """Metric and target that ends the clock; `value >= target` reaches it."""

    metric: str
    target: Annotated[float, Field(gt=0)]


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
