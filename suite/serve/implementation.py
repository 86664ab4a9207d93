"""From the names in a job to the code that does it."""

from __future__ import annotations

from importlib import import_module

from suite.harness.job import JobError
from suite.serve.job import Job
from suite.serve.protocol import Model, Task


def _module(job: Job, name: str) -> object:
    path = f"suite.workloads.{job.workload.replace('-', '_')}.serve.{name}"
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        raise JobError(f"{job.workload} in {job.framework}: {error}") from None


def task(job: Job) -> type[Task]:
    """Return the framework-neutral side of the job's workload; raise JobError for an unknown one."""
    return _module(job, "task").Task  # type: ignore[attr-defined]


def model(job: Job) -> type[Model]:
    """Import the framework and return its model; raise JobError for an unknown or missing one."""
    return _module(job, job.framework).Model  # type: ignore[attr-defined]
