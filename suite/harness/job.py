"""The job folder as the harness sees it: typed, and proven to be what the host described."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_origin, get_type_hints

TRANSPORT = "suite/harness/transport/"  # has a digest of its own: rules/source.py
Value = bool | int | float | str


class JobError(Exception):
    """The job cannot be run as described: a sentence for the person who started it."""


@dataclass(frozen=True)
class BaseJob:
    """What every `job.json` says, of training or of inference; members are explained in docs/architecture.md."""

    MODES: ClassVar[tuple[str, ...]]

    folder: Path
    mode: str
    workload: str
    framework: str
    division: str
    target: str
    submission: dict[str, str]
    ruleset: str
    source_sha256: str
    transport_sha256: str
    data: dict[str, str]

    @property
    def out(self) -> Path:
        """Where results go."""
        return self.folder / "out"

    @property
    def data_folder(self) -> Path:
        """Where the verified data files lie."""
        return self.folder / "data"

    def part(self, name: str) -> Any:
        """Import a module of the workload, e.g. `task` or `serve.jax`; raise JobError as `module` does."""
        return self.module(f"workloads.{self.workload.replace('-', '_')}.{name}")

    def version(self) -> str:
        """Return name and version of the framework, as logged; raise JobError where it is not there."""
        return str(self.module(f"harness.frameworks.{self.framework}").version())

    def module(self, name: str) -> Any:
        """Import a module below `suite`; raise JobError where it, or the framework that it needs, is not there."""
        try:
            return import_module(f"suite.{name}")
        except ModuleNotFoundError as error:
            raise JobError(f"{self.workload} in {self.framework}: {error}") from None

    @property
    def mistake(self) -> str:
        """What is wrong with the values; empty where nothing is."""
        return "" if self.mode in self.MODES else f"unknown mode {self.mode!r}"


@dataclass(frozen=True)
class Job(BaseJob):
    """A job of training."""

    MODES = ("train", "parity", "profile")

    run: int
    seed: int
    threads: int
    hyperparameters: dict[str, Value]
    evaluation: dict[str, int]
    quality: dict[str, Any]
    schedule: str
    warmup_steps: int
    parity_steps: int = 0
    first_samples: int = 0  # of each split of the data, for a functional run; 0: all

    @property
    def mistake(self) -> str:
        """What is wrong with the values; empty where nothing is."""
        wanted = {"first_step", "every_steps", "target", "better", "log"}
        if not wanted <= self.evaluation.keys() | self.quality.keys():
            return "evaluation or quality lacks a member"
        return super().mistake

    def reached(self, metric: float) -> bool:
        """Say whether a value of the metric reaches the target."""
        target: float = self.quality["target"]
        return metric >= target if self.quality["better"] == "higher" else metric <= target


J = TypeVar("J", bound=BaseJob)


def load(folder: Path, made: Callable[..., J]) -> J:
    """Read `job.json`; raise JobError where a member is missing, unknown or of the wrong type."""
    path = folder / "job.json"
    try:
        job = made(folder=folder, **json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise JobError(f"{path}: {error}") from None
    hints = get_type_hints(type(job))
    for member in (field.name for field in fields(job)):
        value, kind = getattr(job, member), get_origin(hints[member]) or hints[member]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise JobError(f"{path}: {member} must be {kind.__name__}, not {value!r}")
    if job.mistake:
        raise JobError(f"{path}: {job.mistake}")
    return job


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_sha256(root: Path) -> tuple[str, str]:
    """Return the SHA-256 over lines `<sha256>  <relative path>`, sorted by path, of the source and of the transport."""
    found = []
    for path in root.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise JobError(f"{path} is neither a file nor a folder")
        if path.is_file():
            found.append((path.relative_to(root).as_posix(), file_sha256(path)))
    lines: tuple[list[str], list[str]] = ([], [])
    for name, digest in sorted(found):
        lines[name.startswith(TRANSPORT)].append(f"{digest}  {name}\n")
    source, transport = (hashlib.sha256("".join(part).encode()).hexdigest() for part in lines)
    return source, transport


def verify(job: BaseJob) -> None:
    """Compare source and data with the digests the host computed; raise JobError for the first that differs."""
    names, wanted = ("source", "transport"), (job.source_sha256, job.transport_sha256)
    for name, found, expected in zip(names, tree_sha256(job.folder / "source"), wanted, strict=True):
        if found != expected:
            raise JobError(f"{name} is not what the host put here: sha256 {found}, expected {expected}")
    for name, expected in job.data.items():
        path = job.folder / "data" / name
        if Path(name).name != name or not path.is_file() or path.is_symlink():
            raise JobError(f"data file {name!r} is missing")
        found = file_sha256(path)
        if found != expected:
            raise JobError(f"data file {name}: sha256 {found}, expected {expected}")
