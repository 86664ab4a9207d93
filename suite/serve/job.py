"""The job folder of an inference run as the harness sees it: typed, and proven to be what the host described."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.harness.job import JobError
from suite.harness.job import verify as proven

MODES = ("outputs", "loadgen", "search")
SCENARIOS = ("SingleStream", "MultiStream", "Server", "Interactive", "Offline")


@dataclass(frozen=True)
class Sut:
    """The declared parameters of a system under test; defaults stand in the workload's `workload.yaml`."""

    threads: int  # compute threads; the process is bound to as many cores before any framework counts them
    batch: int  # at most so many samples in one call of the model
    precision: str  # of the weights and the arithmetic, e.g. float32
    workers: int  # threads that take queries from the queue and call the model; the model must bear it


@dataclass(frozen=True)
class Job:
    """`job.json`; members are explained in docs/inference.md."""

    folder: Path
    mode: str
    workload: str
    framework: str
    division: str
    target: str
    scenario: str
    tokens: bool  # whether LoadGen measures the first token and those after it
    submission: dict[str, str]
    ruleset: str
    source_sha256: str
    data: dict[str, str]
    sut: Sut
    warmup_limit_s: float  # for loading the model and warming up
    answer_limit_s: float  # for which LoadGen may wait without any answer coming
    loadgen: dict[str, Any]  # mode `loadgen`
    search: dict[str, Any]  # mode `search`
    outputs: dict[str, Any]  # mode `outputs`

    @property
    def out(self) -> Path:
        """Where results go."""
        return self.folder / "out"

    @property
    def data_folder(self) -> Path:
        """Where the verified data files lie."""
        return self.folder / "data"


def load(folder: Path) -> Job:
    """Read `job.json`; raise JobError where a member is missing, unknown or of the wrong type."""
    path = folder / "job.json"
    try:
        members = json.loads(path.read_bytes())
        members["sut"] = Sut(**members["sut"])
        job = Job(folder=folder, **members)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise JobError(f"{path}: {error}") from None
    kinds: dict[str, type] = {
        "tokens": bool,
        "warmup_limit_s": float,
        "answer_limit_s": float,
        "sut": Sut,
        "folder": Path,
    }
    kinds |= dict.fromkeys(("submission", "data", "loadgen", "search", "outputs"), dict)
    for member, value in vars(job).items():
        kind = kinds.get(member, str)
        if not isinstance(value, kind):
            raise JobError(f"{path}: {member} must be {kind.__name__}, not {value!r}")
    if job.mode not in MODES or job.scenario not in SCENARIOS:
        raise JobError(f"{path}: unknown mode {job.mode!r} or scenario {job.scenario!r}")
    counts: tuple[object, ...] = (job.sut.threads, job.sut.batch, job.sut.workers)
    if not all(isinstance(count, int) and count >= 1 for count in counts):
        raise JobError(f"{path}: threads, batch and workers are whole numbers from 1")
    return job


def verify(job: Job) -> None:
    """Compare source and data with the digests the host computed; raise JobError for the first that differs."""
    proven(job)  # type: ignore[arg-type]  # it looks at folder, source and data, which both kinds of job have
