"""Run one job of inference: `python -m suite.serve FOLDER`. The contract with the host is in docs/inference.md."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from suite.harness.__main__ import limit_threads
from suite.harness.job import JobError
from suite.harness.log import Log
from suite.serve.job import Job, load, verify


def main(arguments: list[str]) -> int:
    """Run the job in the folder given; return the exit code, 2 for a job that cannot be run as described."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m suite.serve FOLDER\n")
        return 2
    try:
        log = Log()
        job = load(Path(arguments[0]))
        verify(job)
        cores = os.sched_getaffinity(0)
        limit_threads(job.sut.threads)
        job.out.mkdir(exist_ok=True)
        return run(job, log, cores)
    except JobError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def run(job: Job, log: Log, cores: set[int]) -> int:
    """Load and warm up the system under test, untimed, then do what the job's mode says."""
    # Imported only now: numpy and the frameworks count the cores when they are imported.
    from suite.serve import implementation
    from suite.serve.drive import Served
    from suite.serve.guard import Watch, fail

    log.event("submission_benchmark", job.workload)
    log.event("submission_division", job.division)
    log.event("submission_org", job.submission["org"])
    log.event("submission_platform", job.submission["platform"])
    log.start("init_start")
    kind, model_kind = implementation.task(job), implementation.model(job)
    describe(job, log, model_kind.version())
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
        "loadgen": version("mlcommons-loadgen"),
        "framework": model_kind.version(),
    }
    (job.out / "result.json").write_text(json.dumps(result, allow_nan=False))
    return 0


def describe(job: Job, log: Log, framework: str) -> None:
    """Log what runs: rule set, framework, LoadGen, scenario, declared parameters, digests."""
    log.event("ruleset", job.ruleset)
    log.event("framework", framework)
    log.event("loadgen", version("mlcommons-loadgen"))
    log.event("scenario", job.scenario)
    for name, value in vars(job.sut).items():
        log.event(name, value)
    log.event("source_sha256", job.source_sha256)
    for name, digest in job.data.items():
        log.event("data_sha256", digest, name=name)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # At once: what the system under test has left running must neither hold the process nor end it another way.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
