"""Run one job of inference: `python -m suite.serve FOLDER`. The contract with the host is in docs/inference.md."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from suite.harness.__main__ import limit_threads, main
from suite.harness.job import JobError
from suite.harness.log import Log
from suite.serve.job import Job, described

if TYPE_CHECKING:
    from suite.serve.protocol import Model, Task


def run(job: Job, log: Log) -> int:
    """Load and warm up the system under test, untimed, then do what the job's mode says."""
    cores = os.sched_getaffinity(0)
    limit_threads(job.sut.threads)
    # Imported only now: numpy and the frameworks count the cores when they are imported.
    from suite.serve.drive import Served
    from suite.serve.guard import Watch, fail

    log.submission(job)
    log.start("init_start")
    kind: type[Task] = job.part("serve.task").Task
    model_kind: type[Model] = job.part(f"serve.{job.framework}").Model
    settings = {"loadgen": version("mlcommons-loadgen"), "scenario": job.scenario, **vars(job.sut)}
    log.described(job, settings)
    try:
        watch = Watch(job.out, job.answer_limit_s, lambda *_: None)
        watch.arm(job.warmup_limit_s)
        began = time.perf_counter()
        served = Served(job, kind(job.data_folder), model_kind(job.data_folder, job.sut), cores)
        loaded = time.perf_counter()
        log.start("warmup_start")
        served.model.warm_up()
        log.stop("warmup_stop")
        warm = time.perf_counter()
        watch.calm()
        log.stop("init_stop")
        result: dict[str, Any] = import_module(f"suite.serve.{job.mode}").run(served, log)
    except JobError:
        raise
    except BaseException as error:  # noqa: BLE001 (whatever the system under test raises, its leaving too, is its failure)
        fail(job.out, error)
    result |= {
        "load_s": loaded - began,
        "warmup_s": warm - loaded,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "loadgen": settings["loadgen"],
        "framework": job.version(),
    }
    (job.out / "result.json").write_text(json.dumps(result, allow_nan=False))
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:], described, run)
    # At once: what the system under test has left running must neither hold the process nor end it another way.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
