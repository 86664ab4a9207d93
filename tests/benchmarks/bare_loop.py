"""The workload's training loop with nothing around it: no log, no container, no progress, no record.

`python bare_loop.py WORKLOAD FRAMEWORK DATA STEPS EVERY CPU` prints the seconds from first read
to last evaluation.
"""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np

from suite.harness.optimisers import Sgd
from suite.harness.schedule import DataOrder, Recipe, learning_rates

workload, framework, data, steps, every, cpu = sys.argv[1:]
os.sched_setaffinity(0, {int(cpu)})
package = f"suite.workloads.{workload.replace('-', '_')}"
task = import_module(f"{package}.task")
plan = Recipe(
    batch=128, base_rate=0.4, warmup=int(steps) // 5, steps=int(steps), schedule="linear", optimiser=Sgd(0.9, 5e-4)
)
trainer = import_module(f"suite.harness.trainers.{framework}").Trainer(
    import_module(f"{package}.{framework}"), task, plan.optimiser, "float32"
)
size = trainer.steps_per_call


def train(order: DataOrder, rates: np.ndarray, until: int) -> None:
    for start in range(0, until, int(every)):
        for at in range(start, min(start + int(every), until), size):
            stop = min(at + size, start + int(every), until)
            trainer.train(order.take(stop - at), rates[at:stop])
        task.metric(trainer.evaluate(), splits.test)


splits = task.synthetic("float32")
trainer.place(splits)
trainer.load(task.initial_weights(Path(data), 1))
train(DataOrder(0, task.TRAIN_SAMPLES, plan.batch), np.full(int(steps), 1e-6), int(every))
trainer.load(task.initial_weights(Path(data), 1))

began = time.perf_counter()
splits = task.read(Path(data), "float32")
trainer.place(splits)
train(DataOrder(1, task.TRAIN_SAMPLES, plan.batch), learning_rates(plan), int(steps))
print(time.perf_counter() - began)
