"""From the names in a job to the code that does it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from suite.harness.job import Job, JobError
from suite.harness.optimisers import Optimiser
from suite.workloads.protocol import Array, Precision, Task, Trainer


def _module(job: Job, path: str) -> object:
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        raise JobError(f"{job.workload} in {job.framework}: {error}") from None


def task(job: Job) -> Task:
    """Return the framework-neutral side of the job's workload; raise JobError for an unknown one."""
    return _module(job, f"{_folder(job)}.task")  # type: ignore[return-value]


def trainer(job: Job, task: Task, optimiser: Optimiser, precision: Precision) -> Trainer:
    """Import the framework and return its trainer of the workload's model; raise JobError where either is missing."""
    kind: type[Trainer] = _module(job, f"suite.harness.trainers.{job.framework}").Trainer  # type: ignore[attr-defined]
    return kind(_module(job, f"{_folder(job)}.{job.framework}"), task, optimiser, precision)


def profiler(job: Job) -> Callable[[Trainer, Array, Array], dict[str, float]]:
    """Return what trains under the framework's profiler: seconds by operation, without its callees."""
    return _module(job, f"suite.harness.profilers.{job.framework}").operations  # type: ignore[attr-defined]


def _folder(job: Job) -> str:
    return f"suite.workloads.{job.workload.replace('-', '_')}"
