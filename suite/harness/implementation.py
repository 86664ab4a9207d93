"""From the names in a job to the code that does it."""

from __future__ import annotations

from importlib import import_module

from suite.harness.job import Job, JobError
from suite.workloads.protocol import Task, Trainer


def _module(job: Job, name: str) -> object:
    path = f"suite.workloads.{job.workload.replace('-', '_')}.{name}"
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        raise JobError(f"{job.workload} in {job.framework}: {error}") from None


def task(job: Job) -> Task:
    """Return the framework-neutral side of the job's workload; raise JobError for an unknown one."""
    return _module(job, "task")  # type: ignore[return-value]


def trainer(job: Job) -> type[Trainer]:
    """Import the framework and return its trainer; raise JobError for an unknown or missing one."""
    return _module(job, job.framework).Trainer  # type: ignore[attr-defined]
