"""What will be run: everything that is decided before the first container starts, and is frozen from then on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from rules.documents import Count, Document, ImageIdentity, Interpreter, Name, Sha256
from rules.errors import UsageError, unknown
from rules.seeds import run_seed
from rules.text import printable
from rules.workload import Division, Value, WorkloadRules
from suite.harness.optimisers import settings_of
from suite.result.job import job
from suite.targets.data import Access

PLAN = "plan.json"


class Frozen(Document):
    """A plan that is written to `plan.json` in the work folder before the first run, and holds from then on."""

    def differences(self, other: Frozen) -> list[str]:
        """Return one line per value in which `other` differs from this plan, nested ones by their path."""
        return list(_differences("", self.model_dump(by_alias=True), other.model_dump(by_alias=True)))


class Plan(Frozen):
    """One result: a workload in one framework on one system, N runs."""

    schema_: Literal["assay/plan/1"] = Field(default="assay/plan/1", alias="schema")
    ruleset: str
    salt: str
    workload: Name
    framework: Name
    target: Name
    division: Division
    submitter: Name
    system: Name
    runs: Annotated[int, Field(ge=1)]
    threads: Annotated[int, Field(ge=1)]
    memory_bytes: Count  # 0: no limit, outside containers
    cpuset: str
    time_limit_s: float
    hyperparameters: dict[str, Value]
    environment: dict[str, str]
    source_sha256: Sha256
    data: dict[str, Sha256]
    image: ImageIdentity | None
    interpreter: Interpreter | None = None  # in the image's place, where runs are not contained
    emulated: bool
    access: Access = Access()  # to devices, as the target says; none where another machine stands in for it
    idle_s: float = 0  # of an idle baseline before the runs; 0: none
    first_samples: Count = 0  # of each split of the data, for a functional run; 0: all

    def seed(self, run: int) -> int:
        """Return the seed of run `run`."""
        return run_seed(self.salt, self.submitter, self.system, self.workload, self.division, run)

    def job(self, run: int, rules: WorkloadRules) -> dict[str, object]:
        """Return `job.json` of run `run`."""
        return job(
            "train",
            rules,
            ruleset=self.ruleset,
            framework=self.framework,
            target=self.target,
            seed=self.seed(run),
            source_sha256=self.source_sha256,
            division=self.division,
            run=run,
            threads=self.threads,
            submission={"org": self.submitter, "platform": self.system},
            hyperparameters=self.hyperparameters,
            **({"first_samples": self.first_samples} if self.first_samples else {}),
        )


def _differences(place: str, then: Any, now: Any) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name in {**then, **now}:
            yield from _differences(f"{place}.{name}".lstrip("."), then.get(name), now.get(name))
    elif then != now:
        yield f"{place} was {then!r}, is {now!r}"


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
    for setting in settings:
        name, equals, text = setting.partition("=")
        if name not in values:
            raise unknown("hyperparameter", name, values)
        if not equals:
            raise UsageError(f"--set {printable(setting)}: no value", fix=f"write --set {name}=VALUE")
        kind = type(values[name])
        try:
            values[name] = kind(text)
        except ValueError:
            raise UsageError(f"--set {printable(setting)}: the value is not of type {kind.__name__}") from None
    for refused in insane(values, rules):
        raise UsageError(f"hyperparameters: {refused}", fix="see docs/rules-assay-1.0.md, section 3.3")
    return values


def insane(values: dict[str, Value], rules: WorkloadRules) -> Iterator[str]:
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


def last_cpus(threads: int, available: int) -> str:
    """Return the CPU list of a run's container: the engine's last `threads` CPUs, so the first is left to the host."""
    return last_of(threads, range(available))


def last_of(threads: int, cpus: Sequence[int]) -> str:
    """Return the last `threads` of `cpus`, which rise, in the kernel's format; UsageError where they are too few."""
    if threads > len(cpus):
        raise UsageError(
            f"{threads} threads declared, and there are {len(cpus)} CPUs",
            fix=f"declare --threads {len(cpus)} or fewer",
        )
    chosen = cpus[len(cpus) - threads :]
    if chosen[-1] - chosen[0] == threads - 1:
        return str(chosen[0]) if threads == 1 else f"{chosen[0]}-{chosen[-1]}"
    return ",".join(map(str, chosen))


def result_folder(root: Path, plan: Plan) -> Path:
    """Return where the finished result stands below the submissions folder `root`."""
    return submitter_folder(root, plan) / "results" / plan.system / plan.workload


def submitter_folder(root: Path, plan: Plan) -> Path:
    """Return the submitter's folder below the submissions folder `root`."""
    return root / "training" / plan.division / plan.submitter


def work_folder(root: Path, plan: Plan) -> Path:
    """Return where a result grows until it is whole; on the same file system, so that it can be renamed into place."""
    return root / ".work" / "training" / plan.division / plan.submitter / plan.system / plan.workload
