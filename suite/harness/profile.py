"""Profile mode: where a step's time goes, by the framework's own profiler. Nothing here is a result."""

from __future__ import annotations

import json
import time

from suite.harness import implementation
from suite.harness.job import Job
from suite.harness.log import Log
from suite.harness.schedule import DataOrder, learning_rates, recipe

STEPS = 26
TOP = 25


def run(job: Job, log: Log) -> int:
    """Write `profile.json`: seconds of each phase, and the operations that take most of a step; return 0."""
    plan = recipe(job)
    task = implementation.task(job)
    trainer = implementation.trainer(job, task, plan.optimiser, "float32")
    phases: dict[str, float] = {}
    began = time.perf_counter()

    def lap(phase: str) -> None:
        nonlocal began
        phases[phase] = time.perf_counter() - began
        began = time.perf_counter()
        log.progress(phase, len(phases), 6)

    splits = task.read(job.data_folder, "float32")
    lap("read data")
    trainer.place(splits)
    trainer.load(task.initial_weights(job.data_folder, job.seed))
    lap("place data and weights")
    order, rates = DataOrder(job.seed, task.TRAIN_SAMPLES, plan.batch), learning_rates(plan)[:1].repeat(STEPS)
    trainer.train(order.take(STEPS), rates)
    trainer.evaluate()
    lap("compile")
    trainer.train(order.take(STEPS), rates)
    lap(f"{STEPS} steps")
    trainer.evaluate()
    lap("evaluate")
    profiler = job.module(f"harness.profilers.{job.framework}")
    seconds: dict[str, float] = profiler.operations(trainer, order.take(STEPS), rates)
    lap("profile")
    total = sum(seconds.values())
    ranked = sorted(seconds.items(), key=lambda one: -one[1])[:TOP]
    operations = [{"name": n, "seconds_per_step": s / STEPS, "share": s / total} for n, s in ranked]
    (job.out / "profile.json").write_text(json.dumps({"phases": phases, "operations": operations}, indent=1))
    return 0
