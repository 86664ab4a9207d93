"""Parity mode: losses and gradients of the first steps, for the host to compare with another framework's.

Float64 shows whether two frameworks train the same model: there, rounding stays near 1e-14 over 20 steps while any
difference of definition is a million times larger. Float32 shows how soon rounding alone parts them.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from suite.harness import implementation
from suite.harness.job import Job
from suite.harness.log import Log
from suite.harness.schedule import DataOrder, learning_rates, recipe
from suite.harness.weights import serialised, weights_sha256
from suite.workloads.protocol import Precision, Splits, Task, Trainer, Weights


def run(job: Job, log: Log) -> int:
    """Write `parity.json`, `gradients.safetensors` and `weights.safetensors` (both float64); return exit code 0."""
    plan, task = recipe(job), implementation.task(job)
    initial = task.initial_weights(job.data_folder, job.seed)
    # Float32 first: JAX switches to 64 bits for the whole process.
    trainer = implementation.trainer(job, task, plan.optimiser, "float32")
    log.event("framework", job.version())
    log.event("seed", job.seed)
    log.event("initial_weights_sha256", weights_sha256(initial))
    single = first_steps(job, log, task, trainer, initial, "float32")
    double = first_steps(
        job, log, task, implementation.trainer(job, task, plan.optimiser, "float64"), initial, "float64"
    )
    found = {
        "framework": job.version(),
        "initial_weights_sha256": weights_sha256(initial),
        "losses_float32": single.losses,
        "losses_float64": double.losses,
    }
    (job.out / "parity.json").write_text(json.dumps(found, allow_nan=False))
    (job.out / "gradients.safetensors").write_bytes(serialised(double.gradients))
    (job.out / "weights.safetensors").write_bytes(serialised(double.weights))
    return 0


class FirstSteps(NamedTuple):
    """Loss of each step, gradients of the first batch before any step, weights and running statistics at the end."""

    losses: list[float]
    gradients: Weights
    weights: Weights


def first_steps(job: Job, log: Log, task: Task, trainer: Trainer, initial: Weights, precision: Precision) -> FirstSteps:
    """Train the first steps of the run with the job's seed, at the workload's own batch size and rates."""
    plan = recipe(job)
    batches = DataOrder(job.seed, task.TRAIN_SAMPLES, plan.batch).take(job.parity_steps)
    train, test = task.read(job.data_folder, precision)
    # Only the samples of these steps: a whole set in float64 may want another half gigabyte.
    used, local = np.unique(batches, return_inverse=True)
    trainer.place(Splits({name: values[used] for name, values in train.items()}, test))
    batches = local.reshape(batches.shape).astype(np.int32)
    trainer.load({name: value.astype(precision) for name, value in initial.items()})
    gradients = trainer.gradients(batches[0])
    found: list[float] = []
    for step, rate in enumerate(learning_rates(plan)[: job.parity_steps]):
        found.extend(trainer.train(batches[step : step + 1], np.array([rate])).tolist())
        log.progress(precision, step + 1, job.parity_steps)
    return FirstSteps(found, gradients, trainer.weights())
