"""Run one job: `python -m suite.harness FOLDER`. The contract with the host is in docs/architecture.md."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from suite.harness.job import J, Job, JobError, load, verify
from suite.harness.log import Log


def limit_threads(threads: int) -> None:
    """Give the process `threads` cores, before any framework counts them."""
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(allowed):
        raise JobError(f"{threads} threads were declared, this container may use {len(allowed)} cores")
    os.sched_setaffinity(0, allowed[:threads])
    os.environ["OMP_NUM_THREADS"] = str(threads)


def run(job: Job, log: Log) -> int:
    """Do what the job's mode says; return the exit code."""
    limit_threads(job.threads)
    # Imported only now: numpy, too, counts the cores when it is imported.
    return int(import_module(f"suite.harness.{job.mode}").run(job, log))


def main(arguments: list[str], made: Callable[..., J], run: Callable[[J, Log], int]) -> int:
    """Run the job in the folder given; return the exit code, 2 for a job that cannot be run as described."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m MODULE FOLDER\n")
        return 2
    try:
        log = Log()
        job = load(Path(arguments[0]), made)
        verify(job)
        job.out.mkdir(exist_ok=True)
        return run(job, log)
    except JobError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], Job, run))
