"""A work folder: where a result grows until it is whole, what was frozen before it began, what came to nothing.

Nothing is written half: files are staged below `.work` and renamed into place, folders that go are renamed away
before they are emptied, and nothing another result relies on is touched. A kill at any moment leaves either the old
state or the new one, and `--resume` goes on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
import uuid
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from rules.documents import Document, Manifest, SystemDescription
from rules.errors import UsageError
from suite.disk import disk
from suite.result.plan import PLAN, Frozen

STARTED = "started_{run}"  # while a run is under way; holds how many attempts were noted before it
ATTEMPTS = "attempts_{run}.json"
STOPPED = "the program was stopped during the run"
P = TypeVar("P", bound=Frozen)
A = TypeVar("A", bound=Document)


def document(model: Document | SystemDescription) -> bytes:
    """Return a document's canonical bytes: two-space JSON with MLPerf's member names, one newline at the end."""
    return (model.model_dump_json(by_alias=True, indent=2) + "\n").encode()


def sha256(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of `content`."""
    return hashlib.sha256(content).hexdigest()


def write(path: Path, content: bytes) -> None:
    """Write a file below the work area whole or not at all; raise DiskError where it cannot be."""
    with disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        with partial.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        partial.replace(path)


def prepare(root: Path) -> None:
    """Make sure that the submissions folder can be written, before anything is measured."""
    write(root / ".work" / ".writable", b"")


class WorkFolder(Generic[P, A]):
    """The work folder of one result: its frozen plan, the runs that ended, and the attempts that did not."""

    def __init__(self, root: Path, plan: P, folder: Path, final: Path, interrupted: A) -> None:
        """Take where the result will stand, `final`, and what is noted of a run cut short, `interrupted`."""
        self.root = root
        self.plan = plan
        self.folder = folder
        self.final = final
        self._interrupted = interrupted
        self._attempt_list: TypeAdapter[list[A]] = TypeAdapter(list[type(interrupted)])  # type: ignore[misc, arg-type]

    @abstractmethod
    def progress(self) -> str:
        """Say how much of the result is there, e.g. `2 of 5 runs`."""

    @abstractmethod
    def records(self) -> Mapping[Path, Path]:
        """Return where the records of ended runs are, and where in the tree they will stand."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the result against a second `assay run` of it."""
        lock = self.folder.with_name(f"{self.folder.name}.lock")
        with disk(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = lock.open("w")
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"{self.folder}: another `assay run` is at work there", fix="wait for it to end"
                ) from None
            yield

    def unfinished(self) -> bool:
        """Return whether a result was begun here; one that was published, and killed while tidying, is tidied."""
        if self.final.exists() and self._published():
            self.discard()
        return (self.folder / PLAN).exists()

    def _published(self) -> bool:
        """Return whether the result in the tree is the one this folder holds."""
        records = self.records()
        with suppress(OSError):
            return bool(records) and all(there.read_bytes() == here.read_bytes() for here, there in records.items())
        return False

    def begin(self, *, resume: bool) -> None:
        """Freeze the plan, or take up the one that was frozen; raise UsageError where they cannot be reconciled.

        A plan under which nothing ever started gives way to the new one.
        """
        path = self.folder / PLAN
        if not path.exists() or not any(self.folder.glob(STARTED.format(run="*"))):
            self.discard()
            write(path, document(self.plan))
            return
        if not resume:
            raise UsageError(
                f"{self.folder}: {self.progress()} of this result are there, unfinished",
                fix="add --resume to go on (make run RESUME=1), or --discard (DISCARD=1) to throw them away",
            )
        try:
            frozen = type(self.plan).model_validate_json(path.read_bytes())
        except ValidationError:
            raise UsageError(f"{path} is damaged", fix="add --discard to start anew") from None
        if changed := frozen.differences(self.plan):
            raise UsageError(
                f"{self.folder}: this is not the result that was begun: {'; '.join(changed[:4])}"
                + (f"; and {len(changed) - 4} more differences" if len(changed) > 4 else ""),
                fix="run it as it was begun, or add --discard to start anew",
            )

    def begin_run(self, run: str) -> list[A]:
        """Mark `run` as under way; return the attempts at it that came to nothing."""
        attempts = self.attempts(run)
        marker = self.folder / STARTED.format(run=run)
        if marker.exists() and marker.read_text() == str(len(attempts)):
            attempts.append(self._interrupted)
            self._save(run, attempts)
        write(marker, str(len(attempts)).encode())
        return attempts

    def note(self, run: str, attempt: A) -> None:
        """Note an attempt at `run` that gave no result."""
        self._save(run, [*self.attempts(run), attempt])

    def attempts(self, run: str) -> list[A]:
        """Return the attempts at `run` that were noted."""
        path = self.folder / ATTEMPTS.format(run=run)
        return self._attempt_list.validate_json(path.read_bytes()) if path.exists() else []

    def _save(self, run: str, attempts: list[A]) -> None:
        write(self.folder / ATTEMPTS.format(run=run), self._attempt_list.dump_json(attempts))

    def discard(self) -> None:
        """Throw away what is there."""
        away(self.root, self.folder)


def clash(top: Path, manifests: str, own: Path, shared: Mapping[str, bytes]) -> tuple[Path, str] | None:
    """Return another result below `top`, and the file it shares, that writing `shared` would invalidate.

    `manifests` is the pattern of every result's manifest, `own` the folder of this result's.
    """
    mine = {name: sha256(content) for name, content in shared.items()}
    for path in sorted(top.glob(manifests)):
        if path.parent == own:
            continue
        with suppress(ValidationError, OSError):
            for file in Manifest.model_validate_json(path.read_bytes()).files:
                if mine.get(file.path, file.sha256) != file.sha256:
                    return path.parent, file.path
    return None


def kept(root: Path, final: Path) -> Path:
    """Return where a result goes that a new one replaces."""
    stamp, place = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), final.relative_to(root)
    path, again = root / ".replaced" / stamp / place, 0
    while path.exists():
        again += 1
        path = root / ".replaced" / f"{stamp}-{again}" / place
    return path


def share(root: Path, top: Path, shared: Mapping[str, bytes], sources: str, depth: int) -> None:
    """Put shared files in place below `top`, those that are there already with the same bytes left alone.

    A source tree is one folder, `depth` parts deep below `sources`, and is replaced whole.
    """
    folders = {Path(*Path(name).parts[:depth]) for name in shared if name.startswith(f"{sources}/")}
    for folder in folders:
        inside = {Path(name).relative_to(folder): c for name, c in shared.items() if Path(name).is_relative_to(folder)}
        there = {p.relative_to(top / folder): p for p in (top / folder).rglob("*") if p.is_file()}
        if there.keys() == inside.keys() and all(there[name].read_bytes() == c for name, c in inside.items()):
            continue
        staged = root / ".work" / f"stage-{uuid.uuid4().hex}"
        for name, content in inside.items():
            write(staged / name, content)
        away(root, top / folder)
        rename(staged, top / folder)
    for file, content in shared.items():
        if file.startswith("systems/") and not ((top / file).is_file() and (top / file).read_bytes() == content):
            staged = root / ".work" / f"stage-{uuid.uuid4().hex}"
            write(staged, content)
            rename(staged, top / file)


def rename(here: Path, there: Path) -> None:
    """Move a file or folder into place, making the folders above it."""
    there.parent.mkdir(parents=True, exist_ok=True)
    here.rename(there)


def away(root: Path, folder: Path) -> None:
    """Make a folder vanish at once, then empty it."""
    trash = root / ".work" / f"trash-{uuid.uuid4().hex}"
    with disk(folder), suppress(FileNotFoundError):
        trash.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(trash)
    shutil.rmtree(trash, ignore_errors=True)
