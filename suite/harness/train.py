"""One timed training run: initialise, warm up on synthetic data, then the clock until the target is reached."""

from __future__ import annotations

import json
import os
import resource
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from suite.harness import implementation
from suite.harness.job import Job
from suite.harness.log import Log
from suite.harness.schedule import DataOrder, Recipe, call_sizes, calls, evaluation_steps, learning_rates, recipe
from suite.harness.weights import restore, serialised, weights_sha256
from suite.workloads.protocol import Arrays, Splits, Task, Trainer, Weights


@dataclass
class Measured:
    """What a run leaves besides its log."""

    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # one per step; steps of one call share the call's mean
    evaluations: list[tuple[int, float]] = field(default_factory=list)  # step, metric
    finite: bool = True


def clear_cache(job: Job) -> None:
    """Ask the kernel to forget the data files, so that reading them inside the clock reads the disk."""
    for name in job.data:
        file = os.open(job.folder / "data" / name, os.O_RDONLY)
        try:
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)


def run(job: Job, log: Log) -> int:
    """Train to the target; return the exit code: 0 when the run ended, 3 when a loss was not finite."""
    plan = recipe(job)
    evaluations = evaluation_steps(job.evaluation["first_step"], job.evaluation["every_steps"], plan.steps)
    log.submission(job)
    clear_cache(job)
    log.event("cache_clear", value=True)

    log.start("init_start")
    task = implementation.task(job)
    trainer = implementation.trainer(job, task, plan.optimiser, "float32")
    log.described(job, settings(job, task))
    initial = task.initial_weights(job.data_folder, job.seed)
    log.event("initial_weights_sha256", weights_sha256(initial))
    warm_up(job, log, task, trainer, initial, call_sizes(evaluations, trainer.steps_per_call), plan)
    trainer.device_seconds()  # of the warm-up: nobody's
    log.stop("init_stop")

    log.start("run_start")
    measured = timed(job, log, task, trainer, plan, evaluations)
    return finish(job, log, trainer, plan, measured)


def settings(job: Job, task: Task) -> dict[str, Any]:
    """Return what is logged as settings: threads, seed, hyperparameters, sizes."""
    sizes = {"train_samples": task.TRAIN_SAMPLES, "eval_samples": task.TEST_SAMPLES}
    return {"threads": job.threads, "seed": job.seed, **job.hyperparameters} | {
        name: min(size, job.first_samples or size) for name, size in sizes.items()
    }


def used(splits: Splits, job: Job) -> Splits:
    """Return what the job uses of the data: all of it, in a functional run the first samples of each split."""
    first = job.first_samples
    return Splits(*({name: values[:first] for name, values in split.items()} for split in splits)) if first else splits


def samples(split: Arrays) -> int:
    """Return the number of samples of a split."""
    return len(next(iter(split.values())))


def warm_up(job: Job, log: Log, task: Task, trainer: Trainer, initial: Weights, sizes: set[int], plan: Recipe) -> None:
    """Run every shape the clock will see on synthetic data, then put back the initial weights and prove it."""
    log.start("warmup_start")
    noise = used(task.synthetic("float32"), job)
    trainer.place(noise)
    trainer.load(initial)
    order = DataOrder(0, samples(noise.train), plan.batch)
    taken, left = 0, sorted(sizes)
    while left or taken < job.warmup_steps:
        steps = left.pop() if left else min(sizes)
        # A tiny rate: the work is the same, and no rate makes noise diverge.
        trainer.train(order.take(steps), np.full(steps, 1e-6))
        taken += steps
        log.progress("warm-up", min(taken, job.warmup_steps), job.warmup_steps)
    task.metric(trainer.evaluate(), noise.test)
    log.stop("warmup_stop", taken, weights_sha256=restore(trainer, initial))


def timed(job: Job, log: Log, task: Task, trainer: Trainer, plan: Recipe, evaluations: list[int]) -> Measured:
    """Do everything the clock covers: read the data, train, evaluate until the target is reached."""
    measured = Measured()
    splits = used(task.read(job.data_folder, "float32"), job)
    trainer.place(splits)
    rates = learning_rates(plan)
    order = DataOrder(job.seed, samples(splits.train), plan.batch)
    step = 0
    for stop in evaluations:
        here = epochs(step, stop, order, plan)
        log.start("block_start", **here)
        start = step
        for steps in calls(start, stop, trainer.steps_per_call):
            began = time.perf_counter()
            losses = trainer.train(order.take(steps), rates[step : step + steps])
            measured.seconds.extend([(time.perf_counter() - began) / steps] * steps)
            measured.losses.extend(losses.tolist())
            step += steps
            log.progress("train", step, plan.steps)
            if not np.isfinite(losses).all():
                measured.finite = False
                log.stop("block_stop", **epochs(start, step, order, plan))
                return measured
        log.stop("block_stop", **here)
        at = {"epoch_num": step / order.steps_per_epoch, "samples_count": step * plan.batch}
        log.event("train_loss", float(np.mean(measured.losses[start:])), **at)
        log.start("eval_start", **at)
        metric = task.metric(trainer.evaluate(), splits.test)
        measured.evaluations.append((step, metric))
        log.event(job.quality["log"], metric, **at)
        log.stop("eval_stop", **at)
        if job.reached(metric):
            break
    return measured


def epochs(start: int, stop: int, order: DataOrder, plan: Recipe) -> dict[str, Any]:
    """Return MLPerf's metadata for the block of steps from `start` to `stop`."""
    return {
        "first_epoch_num": start / order.steps_per_epoch,
        "epoch_count": (stop - start) / order.steps_per_epoch,
        "samples_count": stop * plan.batch,
    }


def finish(job: Job, log: Log, trainer: Trainer, plan: Recipe, measured: Measured) -> int:
    """Stop the clock, then write weights and `result.json`."""
    reached = measured.finite and job.reached(measured.evaluations[-1][1])
    log.stop("run_stop", status="success" if reached else "aborted", samples_count=len(measured.losses) * plan.batch)
    weights = serialised(trainer.weights())
    (job.out / "weights.safetensors").write_bytes(weights)
    digest = weights_sha256(trainer.weights())
    log.event("final_weights_sha256", digest)
    steps: dict[str, Any] = {"steps_per_call": trainer.steps_per_call, "seconds": measured.seconds}
    if (device := trainer.device_seconds()) is not None:
        steps["device_seconds"] = device
    result = {
        "steps": steps,
        "losses": [loss if np.isfinite(loss) else None for loss in measured.losses],
        "evaluations": measured.evaluations,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "final_weights_sha256": digest,
    }
    (job.out / "result.json").write_text(json.dumps(result))
    return 0 if measured.finite else 3
