"""Run one job: `python -m suite.harness FOLDER`. The contract with the host is in docs/architecture.md."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

from suite.harness.job import JobError, load, verify
from suite.harness.log import Log


def limit_threads(threads: int) -> None:
    """Give the process `threads` cores, before any framework counts them."""
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(allowed):
        raise JobError(f"{threads} threads were declared, this container may use {len(allowed)} cores")
    os.sched_setaffinity(0, allowed[:threads])
    os.environ["OMP_NUM_THREADS"] = str(threads)


def main(arguments: list[str]) -> int:
    """Run the job in the folder given; return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m suite.harness FOLDER\n")
        return 2
    try:
        log = Log()
        job = load(Path(arguments[0]))
        verify(job)
        limit_threads(job.threads)
        job.out.mkdir(exist_ok=True)
        # Imported only now: numpy, too, counts the cores when it is imported.
        mode = import_module(f"suite.harness.{job.mode}")
        return int(mode.run(job, log))
    except JobError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
