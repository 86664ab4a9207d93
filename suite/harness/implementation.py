"""From the names in a job to the code that does it."""

from __future__ import annotations

from suite.harness.job import Job
from suite.harness.optimisers import Optimiser
from suite.workloads.protocol import Precision, Task, Trainer


def task(job: Job) -> Task:
    """Return the framework-neutral side of the job's workload."""
    found: Task = job.part("task")
    return found


def trainer(job: Job, task: Task, optimiser: Optimiser, precision: Precision) -> Trainer:
    """Import the framework and return its trainer of the workload's model."""
    kind: type[Trainer] = job.module(f"harness.trainers.{job.framework}").Trainer
    return kind(job.part(job.framework), task, optimiser, precision)
