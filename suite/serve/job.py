"""The job folder of an inference run as the harness sees it: typed, and proven to be what the host described."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from suite.harness.job import BaseJob

SCENARIOS = ("SingleStream", "MultiStream", "Server", "Interactive", "Offline")


@dataclass(frozen=True)
class Sut:
    """The declared parameters of a system under test; defaults stand in the workload's `workload.yaml`."""

    threads: int  # compute threads; the process is bound to as many cores before any framework counts them
    batch: int  # at most so many samples in one call of the model
    precision: str  # of the weights and the arithmetic, e.g. float32
    workers: int  # threads that take queries from the queue and call the model; the model must bear it

    def require(self, precisions: Collection[str]) -> None:
        """Raise ValueError where the precision is not one of those that a model offers."""
        if self.precision not in precisions:
            raise ValueError(f"precision {self.precision!r} is not offered, only {', '.join(precisions)}")


@dataclass(frozen=True)
class Job(BaseJob):
    """A job of inference; members are explained in docs/inference.md."""

    MODES = ("outputs", "loadgen", "search")

    scenario: str
    tokens: bool  # whether LoadGen measures the first token and those after it
    sut: Sut
    warmup_limit_s: float  # for loading the model and warming up
    answer_limit_s: float  # for which LoadGen may wait without any answer coming
    loadgen: dict[str, Any]  # mode `loadgen`
    search: dict[str, Any]  # mode `search`
    outputs: dict[str, Any]  # mode `outputs`

    @property
    def mistake(self) -> str:
        """What is wrong with the values; empty where nothing is."""
        counts: tuple[object, ...] = (self.sut.threads, self.sut.batch, self.sut.workers)
        if not all(isinstance(count, int) and count >= 1 for count in counts):
            return "threads, batch and workers are whole numbers from 1"
        return super().mistake if self.scenario in SCENARIOS else f"unknown scenario {self.scenario!r}"


def described(sut: dict[str, Any], **members: Any) -> Job:
    """Return the job of the members of a `job.json`."""
    return Job(sut=Sut(**sut), **members)
