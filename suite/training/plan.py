"""What a result of training is: the runs, their seeds and hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rules.documents import Count
from rules.errors import UsageError, unknown
from rules.seeds import run_seed
from rules.text import printable
from rules.workload import Division, Value, WorkloadRules
from suite.harness.optimisers import settings_of
from suite.result.plan import Plan, named
from suite.training.job import job


class TrainingPlan(Plan):
    """One result: a workload in one framework on one system, N runs."""

    SUITE: ClassVar[str] = "training"

    schema_: Literal["assay/plan/1"] = Field(default="assay/plan/1", alias="schema")
    salt: str
    runs: Annotated[int, Field(ge=1)]
    threads: Annotated[int, Field(ge=1)]
    time_limit_s: float
    hyperparameters: dict[str, Value]
    first_samples: Count = 0  # of each split of the data, for a smoke run; 0: all

    @property
    def source(self) -> str:
        """The folder of the source that ran, below the submitter's."""
        return f"benchmarks/{self.workload}/implementations/{self.framework}"

    def seed(self, run: int) -> int:
        """Return the seed of run `run`."""
        return run_seed(self.salt, self.submitter, self.system, self.workload, self.division, run)

    def job(self, run: int, rules: WorkloadRules) -> dict[str, object]:
        """Return `job.json` of run `run`."""
        given: dict[str, Any] = {"seed": self.seed(run), "run": run, "digests": self.digests}
        said = {"ruleset", "framework", "target", "division", "threads", "hyperparameters"}
        said |= {"first_samples"} if self.first_samples else set()
        submission = {"org": self.submitter, "platform": self.system}
        return job("train", rules, submission=submission, **given, **self.model_dump(include=said))


def number_of_runs(rules: WorkloadRules, division: Division, asked: int | None) -> int:
    """Return how many runs a result needs; raise UsageError where the rules forbid what was asked."""
    if division == "closed":
        if asked not in (None, rules.runs.closed):
            raise UsageError(
                f"a closed result of {rules.workload} has exactly {rules.runs.closed} runs, not {asked}",
                fix="leave the number of runs out, or run in the open division",
            )
        return rules.runs.closed
    if asked is not None and asked < rules.runs.open:
        raise UsageError(
            f"an open result of {rules.workload} has at least {rules.runs.open} runs, not {asked}",
            fix=f"ask for {rules.runs.open} runs or more",
        )
    return asked or rules.runs.open


def hyperparameters(rules: WorkloadRules, division: Division, settings: list[str]) -> dict[str, Value]:
    """Return the rules' hyperparameters with the open division's `name=value` settings put in."""
    values = dict(rules.hyperparameters)
    if settings and division == "closed":
        raise UsageError(
            "hyperparameters are fixed in the closed division", fix="leave --set out, or add --division open"
        )
    for name, text in named(settings):
        if name not in values:
            raise unknown("hyperparameter", name, values)
        kind = type(values[name])
        try:
            values[name] = kind(text)
        except ValueError:
            raise UsageError(f"--set {name}={printable(text)}: the value is not of type {kind.__name__}") from None
    for refused in invalid_hyperparameters(values, rules):
        raise UsageError(f"hyperparameters: {refused}", fix="see docs/rules-assay-1.0.md, section 3.3")
    return values


def invalid_hyperparameters(values: dict[str, Value], rules: WorkloadRules) -> Iterator[str]:
    """Yield what no run could be made with: an optimiser the harness has not, a batch of more than the data."""
    for name, value in values.items():
        if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
            yield f"{name} is {value}, not a finite number from 0"
        if isinstance(value, int) and value < 0:
            yield f"{name} is {value}, less than 0"
    needed = settings_of(values["opt_name"])
    if needed is None or not values.keys() >= set(needed) or values["gradient_accumulation_steps"] != 1:
        own = rules.hyperparameters["opt_name"]
        yield f"only opt_name {own} with gradient_accumulation_steps 1 is implemented"
    batch, steps = values["global_batch_size"], values["opt_learning_rate_training_steps"]
    warmup = values["opt_learning_rate_warmup_steps"]
    assert isinstance(batch, int)
    assert isinstance(steps, int)
    assert isinstance(warmup, int)
    if not 1 <= batch <= rules.train_samples:
        yield f"global_batch_size is {batch}, not from 1 to {rules.train_samples}"
    if not warmup < steps:
        yield f"{warmup} warm-up steps are not fewer than the {steps} training steps"
