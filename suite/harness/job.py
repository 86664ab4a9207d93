"""The job folder as the harness sees it: typed, and proven to be what the host described."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Value = bool | int | float | str


class JobError(Exception):
    """The job cannot be run as described: a sentence for the person who started it."""


@dataclass(frozen=True)
class Job:
    """`job.json`; members are explained in docs/architecture.md."""

    folder: Path
    mode: str
    workload: str
    framework: str
    division: str
    target: str
    run: int
    seed: int
    threads: int
    submission: dict[str, str]
    ruleset: str
    source_sha256: str
    data: dict[str, str]
    hyperparameters: dict[str, Value]
    evaluation: dict[str, int]
    quality: dict[str, Any]
    schedule: str
    warmup_steps: int
    parity_steps: int = 0
    first_samples: int = 0  # of each split of the data, for a functional run; 0: all

    @property
    def out(self) -> Path:
        """Where results go."""
        return self.folder / "out"

    @property
    def data_folder(self) -> Path:
        """Where the verified data files lie."""
        return self.folder / "data"

    def reached(self, metric: float) -> bool:
        """Say whether a value of the metric reaches the target."""
        target: float = self.quality["target"]
        return metric >= target if self.quality["better"] == "higher" else metric <= target


def load(folder: Path) -> Job:
    """Read `job.json`; raise JobError where a member is missing, unknown or of the wrong type."""
    path = folder / "job.json"
    try:
        members = json.loads(path.read_bytes())
        job = Job(folder=folder, **members)
    except (OSError, ValueError, TypeError) as error:
        raise JobError(f"{path}: {error}") from None
    kinds: dict[str, type] = {"run": int, "seed": int, "threads": int, "warmup_steps": int, "parity_steps": int}
    kinds["first_samples"] = int
    kinds |= {"submission": dict, "data": dict, "hyperparameters": dict, "evaluation": dict, "quality": dict}
    for member, value in vars(job).items():
        kind = kinds.get(member, Path if member == "folder" else str)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise JobError(f"{path}: {member} must be {kind.__name__}, not {value!r}")
    wanted = {"first_step", "every_steps", "target", "better", "log"}
    if not wanted <= job.evaluation.keys() | job.quality.keys():
        raise JobError(f"{path}: evaluation or quality lacks a member")
    if job.mode not in ("train", "parity", "profile"):
        raise JobError(f"{path}: unknown mode {job.mode!r}")
    return job


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_sha256(root: Path) -> str:
    """Return the SHA-256 over lines `<sha256>  <relative path>` of every file below `root`, sorted by path."""
    lines = []
    for path in root.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise JobError(f"{path} is neither a file nor a folder")
        if path.is_file():
            lines.append((path.relative_to(root).as_posix(), file_sha256(path)))
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in sorted(lines)).encode()).hexdigest()


def verify(job: Job) -> None:
    """Compare source and data with the digests the host computed; raise JobError for the first that differs."""
    source = tree_sha256(job.folder / "source")
    if source != job.source_sha256:
        raise JobError(f"source is not what the host put here: sha256 {source}, expected {job.source_sha256}")
    for name, expected in job.data.items():
        path = job.folder / "data" / name
        if Path(name).name != name or not path.is_file() or path.is_symlink():
            raise JobError(f"data file {name!r} is missing")
        found = file_sha256(path)
        if found != expected:
            raise JobError(f"data file {name}: sha256 {found}, expected {expected}")
