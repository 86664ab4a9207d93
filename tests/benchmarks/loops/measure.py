"""Time the workload's trainer and a hand-written loop in turn, in one process: `python -m loops.measure JOB`."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

ROUNDS, STEPS = 12, 26
WEIGHT_DECAY, MOMENTUM, RATE = 5e-4, 0.9, 0.05


def main(folder: Path) -> int:
    """Write `out/loops.json`: seconds of each round of 26 steps, and of one evaluation, for both."""
    job = json.loads((folder / "job.json").read_text())
    cores = sorted(os.sched_getaffinity(0))[: job["threads"]]
    os.sched_setaffinity(0, cores)
    os.environ["OMP_NUM_THREADS"] = str(len(cores))
    import numpy as np

    from suite.harness.optimisers import Sgd
    from suite.harness.schedule import DataOrder, calls
    from suite.workloads.image_classification import task

    model = importlib.import_module(f"suite.workloads.image_classification.{job['framework']}")
    trainers = importlib.import_module(f"suite.harness.trainers.{job['framework']}")
    hand = importlib.import_module(f"loops.{job['framework']}")
    splits = task.read(folder / "data", "float32")
    weights = task.initial_weights(folder / "data", job["seed"])
    trainer = trainers.Trainer(model, task, Sgd(MOMENTUM, WEIGHT_DECAY), "float32")
    trainer.place(splits)
    trainer.load(weights)
    loop = hand.Loop([(split["pictures"], split["labels"]) for split in splits], weights)

    def ours(order: DataOrder) -> float:
        began = time.perf_counter()
        for steps in calls(0, STEPS, trainer.steps_per_call):
            trainer.train(order.take(steps), np.full(steps, RATE))
        return time.perf_counter() - began

    def theirs(order: DataOrder) -> float:
        began = time.perf_counter()
        loop.train(order.take(STEPS), RATE)
        return time.perf_counter() - began

    orders = [DataOrder(job["seed"], task.TRAIN_SAMPLES, 128) for _ in range(2)]
    scores = {"ours": lambda: task.metric(trainer.evaluate(), splits.test), "hand": lambda: loop.evaluate() / 10_000}
    found: dict[str, list[float]] = {"ours": [], "hand": [], "ours_evaluation": [], "hand_evaluation": []}
    for turn in range(ROUNDS + 1):
        sides = [("ours", ours, orders[0]), ("hand", theirs, orders[1])]
        for name, train, order in sides if turn % 2 else sides[::-1]:
            seconds = train(order)
            began = time.perf_counter()
            accuracy = scores[name]()
            evaluation = time.perf_counter() - began
            if turn:  # the first round compiles
                found[name].append(seconds)
                found[f"{name}_evaluation"].append(evaluation)
            found[f"{name}_accuracy"] = [accuracy]
    (folder / "out/loops.json").write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
