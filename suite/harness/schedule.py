"""What happens at which step: learning rates, data order, evaluations, calls. All of it numpy, the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from suite.harness.job import Job, JobError
from suite.harness.optimisers import OPTIMISERS, Optimiser, settings_of
from suite.workloads.protocol import Array

SCHEDULES = ("linear", "constant")


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a job, typed."""

    batch: int
    base_rate: float
    warmup: int
    steps: int
    schedule: str
    optimiser: Optimiser


def recipe(job: Job) -> Recipe:
    """Type the job's hyperparameters; raise JobError for one that is missing or that no trainer implements."""
    given = job.hyperparameters
    try:
        own = settings_of(given["opt_name"])
        if own is None or given["gradient_accumulation_steps"] != 1 or job.schedule not in SCHEDULES:
            names, schedules = " or ".join(OPTIMISERS), " or ".join(SCHEDULES)
            raise JobError(f"only opt_name {names}, gradient_accumulation_steps 1 and schedule {schedules} exist")
        found = Recipe(
            batch=int(given["global_batch_size"]),
            base_rate=float(given["opt_base_learning_rate"]),
            warmup=int(given["opt_learning_rate_warmup_steps"]),
            steps=int(given["opt_learning_rate_training_steps"]),
            schedule=job.schedule,
            optimiser=OPTIMISERS[str(given["opt_name"])](**{name: float(given[name]) for name in own}),
        )
    except KeyError as error:
        raise JobError(f"hyperparameter {error} is missing") from None
    except (TypeError, ValueError) as error:
        raise JobError(f"hyperparameters: {error}") from None
    if found.batch < 1 or not 0 <= found.warmup < found.steps:
        raise JobError("hyperparameters: batch size and steps must be positive, warm-up shorter than training")
    return found


def learning_rates(recipe: Recipe) -> Array:
    """Return the rate of every step, float64: linear from 0 to the base rate over the warm-up, then by the schedule.

    rate(t) = base (t + 1) / warmup for t < warmup; after it `linear` falls to 0, base (steps - t) / (steps - warmup),
    and `constant` stays at base.
    """
    t: Array = np.arange(recipe.steps, dtype=np.float64)
    after = recipe.base_rate * (recipe.steps - t) / (recipe.steps - recipe.warmup)
    if recipe.schedule == "constant":
        after = np.full(recipe.steps, recipe.base_rate)
    return np.where(t < recipe.warmup, recipe.base_rate * (t + 1) / max(recipe.warmup, 1), after)


class DataOrder:
    """Batches of indices, drawn epoch by epoch: one PCG64 stream from [seed, 1], the last partial batch dropped."""

    def __init__(self, seed: int, samples: int, batch: int) -> None:
        if batch > samples:
            raise JobError(f"a batch of {batch} is more than the {samples} training samples")
        self._generator = np.random.Generator(np.random.PCG64([seed, 1]))
        self._samples, self._batch = samples, batch
        self.steps_per_epoch = samples // batch
        self._left: Array = np.empty((0, batch), np.int32)

    def take(self, steps: int) -> Array:
        """Return the next `steps` batches, (steps, batch) int32."""
        while len(self._left) < steps:
            order = self._generator.permutation(self._samples).astype(np.int32)
            epoch = order[: self.steps_per_epoch * self._batch].reshape(-1, self._batch)
            self._left = np.concatenate([self._left, epoch])
        taken, self._left = self._left[:steps], self._left[steps:]
        return np.ascontiguousarray(taken)


def evaluation_steps(first: int, every: int, last: int) -> list[int]:
    """Return the steps (from 1) after which to evaluate: `first`, then every `every`; `last` is always among them."""
    return sorted({*range(first, last, every), last})


def calls(start: int, stop: int, size: int) -> Iterator[int]:
    """Yield how many steps each call takes from step `start` to `stop`: `size`, and the rest at the end."""
    for at in range(start, stop, size):
        yield min(size, stop - at)


def call_sizes(evaluations: list[int], size: int) -> set[int]:
    """Return every number of steps that some call of the run will take: the shapes a compiler must have seen."""
    starts = [0, *evaluations[:-1]]
    return {n for start, stop in zip(starts, evaluations, strict=True) for n in calls(start, stop, size)}
