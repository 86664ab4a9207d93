"""Mode `outputs`: what the model gives for a few fixed samples, for the host to compare with the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.harness.log import Log
from suite.serve.drive import Served
from suite.serve.guard import SutError, Watch


def run(served: Served, log: Log) -> dict[str, Any]:
    """Return the outputs of the job's samples, each flattened.

    Raises SutError where one is missing, ValueError where one is not finite.
    """
    job, task = served.job, served.task
    samples: list[int] = job.outputs["samples"]
    watch = Watch(job.out, job.answer_limit_s, lambda *_: None)
    log.start("run_start")
    task.load(samples)
    rows: list[list[float]] = []
    for start in range(0, len(samples), job.sut.batch):
        some = samples[start : start + job.sut.batch]
        watch.arm(job.answer_limit_s)
        found = np.asarray(served.model.infer(task.inputs(some)), np.float64)
        if len(found) != len(some):
            outcome = "answered-twice" if len(found) > len(some) else "unanswered"
            raise SutError(outcome, f"{len(found)} outputs of {len(some)} samples")
        rows.extend(found.reshape(len(some), -1).tolist())
    watch.calm()
    if not np.isfinite(np.concatenate([np.array(row) for row in rows])).all():
        raise ValueError("an output is not a finite number")
    log.stop("run_stop", status="success")
    return {"outputs": rows}
