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
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError

from rules.documents import Document, FileDigest, Manifest, Outcome, SystemDescription
from rules.errors import UsageError
from suite.host.disk import disk
from suite.result.plan import Plan

PLAN = "plan.json"
STARTED = "started_{run}"  # while a run is under way; holds how many attempts were noted before it
ATTEMPTS = "attempts_{run}.json"
STOPPED = "the program was stopped during the run"


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


class Work(ABC):
    """The work folder of one result: its frozen plan, the runs that ended, and the attempts that did not.

    A run counts once its record is there, which is written last.
    """

    RUNS: ClassVar[str] = "runs"  # what a person calls them
    ATTEMPT: ClassVar[type[Document]]  # how one that came to nothing is noted

    def __init__(self, root: Path, plan: Plan) -> None:
        """Take the submissions folder, and what is measured."""
        self.root = root
        self.plan = plan
        self.top = plan.submitter_folder(root)
        self.final = self.top / plan.results
        self.folder = root / ".work" / plan.SUITE / plan.division / plan.submitter / plan.system / plan.workload
        self._attempts = TypeAdapter[list[Any]](list[self.ATTEMPT])  # type: ignore[name-defined]

    @abstractmethod
    def records(self) -> list[str]:
        """Return where the record of each run stands, below the submitter's folder."""

    @property
    def idle(self) -> str:
        """Where the samples of the idle machine will stand, if there are any."""
        return f"{self.plan.ours}/observation_idle.json"

    def at(self, name: str) -> Path:
        """Return where a file is kept that will stand at `name`, below the submitter's folder."""
        return self.folder / "tree" / name

    def kept(self) -> dict[str, Path]:
        """Return every file of the result that is kept, by where it will stand."""
        return {path.relative_to(self.at("")).as_posix(): path for path in self.at("").rglob("*") if _whole(path)}

    def ended(self) -> list[str]:
        """Return the records there are."""
        return [name for name in self.records() if self.at(name).exists()]

    def progress(self) -> str:
        """Say how much of the result is there, e.g. `2 of 5 runs`."""
        return f"{len(self.ended())} of {len(self.records())} {self.RUNS}"

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
                    f"{self.folder}: another `assay run` is working there", fix="wait for it to end"
                ) from None
            yield

    def unfinished(self) -> bool:
        """Return whether a result was begun here; one that was published, and killed while tidying, is tidied."""
        if self.final.exists() and self._published():
            self.discard()
        return (self.folder / PLAN).exists()

    def _published(self) -> bool:
        """Return whether the result in the tree is the one this folder holds."""
        ended = self.ended()
        with suppress(OSError):
            return bool(ended) and all((self.top / name).read_bytes() == self.at(name).read_bytes() for name in ended)
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
                f"{self.folder}: an unfinished result exists ({self.progress()})",
                fix="add --resume to go on (make run RESUME=1), or --discard (DISCARD=1) to throw them away",
            )
        try:
            frozen = type(self.plan).model_validate_json(path.read_bytes())
        except ValidationError:
            raise UsageError(f"{path} is damaged", fix="add --discard to start over") from None
        if changed := frozen.differences(self.plan):
            raise UsageError(
                f"{self.folder}: its options differ from those it was started with: {'; '.join(changed[:4])}"
                + (f"; and {len(changed) - 4} more differences" if len(changed) > 4 else ""),
                fix="repeat the original command, or add --discard to start over",
            )

    def start(self, run: str) -> list[Any]:
        """Mark `run` as under way; return the attempts at it that came to nothing."""
        marker, attempts = self.folder / STARTED.format(run=run), self.attempts(run)
        if marker.exists() and marker.read_text() == str(len(attempts)):
            self.note(run, Outcome.INTERRUPTED, STOPPED)
            attempts = self.attempts(run)
        write(marker, str(len(attempts)).encode())
        return attempts

    def note(self, run: str, outcome: str, explanation: str) -> None:
        """Note an attempt at `run` that gave no result."""
        noted = self.ATTEMPT.model_validate({"outcome": outcome, "explanation": explanation}, strict=False)
        write(self.folder / ATTEMPTS.format(run=run), self._attempts.dump_json([*self.attempts(run), noted]))

    def attempts(self, run: str) -> list[Any]:
        """Return the attempts at `run` that were noted."""
        path = self.folder / ATTEMPTS.format(run=run)
        return self._attempts.validate_json(path.read_bytes()) if path.exists() else []

    def keep(self, files: Mapping[str, bytes | None]) -> None:
        """Keep files by where they will stand, in their order: a run's record comes last and makes it count.

        None: an attempt that was cut short may have left such a file, and this one has none.
        """
        for name, content in files.items():
            if content is None:
                self.at(name).unlink(missing_ok=True)
            else:
                write(self.at(name), content)

    def discard(self) -> None:
        """Throw away what is there."""
        away(self.root, self.folder)

    def stage(self, beside: Mapping[str, bytes]) -> Path:
        """Return a folder that holds the result as the submitter's will: `beside` by path, and all that was kept."""
        staged = self.folder.with_name(f"{self.folder.name}.staged")
        away(self.root, staged)
        with disk(staged):
            for name, path in self.kept().items():
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, staged / name)
        for name, content in beside.items():
            write(staged / name, content)
        return staged

    def publish(self, staged: Path, shared: Mapping[str, bytes]) -> Path:
        """Move the staged result into the tree and return its folder; an earlier one is kept below `.replaced`.

        `shared` is what results share (see `shared_files`).
        """
        plan, top = self.plan, self.top
        # The results come last: without them nothing of this counts, and --resume goes on from the work folder.
        folders = dict.fromkeys([plan.ours, plan.results])
        with disk(staged):
            digests = {p.relative_to(staged).as_posix(): sha256(p.read_bytes()) for p in staged.rglob("*") if _whole(p)}
            digests |= {name: sha256(content) for name, content in shared.items()}
            files = [FileDigest(path=name, sha256=digest) for name, digest in sorted(digests.items())]
            manifest = Manifest(schema="assay/manifest/1", runs=len(self.records()), files=files)
            write(staged / plan.ours / "manifest.json", document(manifest))
            replaced = self.final.exists()
            for name in folders:
                if replaced and (top / name).exists():
                    rename(top / name, _replaced(self.root, top / name))
                elif not replaced:
                    away(self.root, top / name)  # of a publication that was cut short
            _share(self.root, top, plan.source, shared)
            for name in folders:
                rename(staged / name, top / name)
        away(self.root, staged)
        self.discard()
        return self.final

    def shared_files(self, system: SystemDescription, source: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return what results share, by path below the submitter's folder: the system's description, the source."""
        files = {f"{self.plan.source}/{name}": content for name, content in source.items()}
        return files | {f"systems/{self.plan.system}.json": document(system)}

    def clash(self, shared: Mapping[str, bytes]) -> tuple[Path, str] | None:
        """Return another result, and the file it shares with this one, that writing `shared` would invalidate."""
        mine, own = {name: sha256(content) for name, content in shared.items()}, self.top / self.plan.ours
        for path in sorted(self.top.glob(f"{Path(self.plan.ours).parts[0]}/*/*/manifest.json")):
            if path.parent == own:
                continue
            with suppress(ValidationError, OSError):
                for file in Manifest.model_validate_json(path.read_bytes()).files:
                    if mine.get(file.path, file.sha256) != file.sha256:
                        return path.parent, file.path
        return None


def _whole(path: Path) -> bool:
    """Return whether this is a file that was written whole."""
    return path.is_file() and not path.name.startswith(".")


def _replaced(root: Path, final: Path) -> Path:
    """Return where a result goes that a new one replaces."""
    stamp, place = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), final.relative_to(root)
    path, again = root / ".replaced" / stamp / place, 0
    while path.exists():
        again += 1
        path = root / ".replaced" / f"{stamp}-{again}" / place
    return path


def _share(root: Path, top: Path, source: str, shared: Mapping[str, bytes]) -> None:
    """Put shared files in place below `top`, those that are there already with the same bytes left alone.

    The folder `source` is replaced whole.
    """
    inside = {name for name in shared if Path(name).is_relative_to(source)}
    there = {p.relative_to(top).as_posix() for p in (top / source).rglob("*") if p.is_file()}
    if there != inside or any((top / name).read_bytes() != shared[name] for name in inside):
        staged = root / ".work" / f"stage-{uuid.uuid4().hex}"
        for name in inside:
            write(staged / Path(name).relative_to(source), shared[name])
        away(root, top / source)
        rename(staged, top / source)
    for name in shared.keys() - inside:
        if not ((top / name).is_file() and (top / name).read_bytes() == shared[name]):
            staged = root / ".work" / f"stage-{uuid.uuid4().hex}"
            write(staged, shared[name])
            rename(staged, top / name)


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
