"""The submission tree: runs collect in a work folder, and a whole result appears by one rename.

Nothing is written half: files are staged below `.work` and renamed into place, folders that go are renamed away
before they are emptied, and nothing another result relies on is touched. A kill at any moment leaves either the old
state or the new one, and `--resume` goes on.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from rules.documents import Attempt, Document, FileDigest, Manifest, Outcome, RunRecord, SystemDescription
from rules.errors import MachineError, UsageError
from suite.plan import PLAN, Plan, result_folder, submitter_folder, work_folder

STARTED = "started_{run}"  # while a run is under way; holds how many attempts were noted before it
ATTEMPTS = "attempts_{run}.json"
ATTEMPT_LIST = TypeAdapter(list[Attempt])
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class DiskError(MachineError):
    """The submissions folder cannot be written."""


@contextmanager
def disk(place: Path) -> Iterator[None]:
    """Turn what the file system refuses below `place` into a sentence."""
    try:
        yield
    except OSError as error:
        fix = (
            "free space, then repeat the command with --resume"
            if error.errno in NO_SPACE
            else "choose another folder with --output, or change its owner"
        )
        raise DiskError(f"{error.filename or place}: {error.strerror}", fix=fix) from None


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


class Work:
    """The work folder of one result: its frozen plan, the runs that ended, and the attempts that did not."""

    def __init__(self, root: Path, plan: Plan) -> None:
        self.root = root
        self.plan = plan
        self.folder = work_folder(root, plan)
        self.final = result_folder(root, plan)

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
        records = [self.folder / f"result_{run}.json" for run in self.finished()]
        with suppress(OSError):
            return bool(records) and all((self.final / p.name).read_bytes() == p.read_bytes() for p in records)
        return False

    def begin(self, *, resume: bool) -> None:
        """Freeze the plan, or take up the one that was frozen; raise UsageError where they cannot be reconciled.

        A plan under which nothing ever started gives way to the new one.
        """
        path = self.folder / PLAN
        if not path.exists() or not any(self.folder.glob("*_[0-9]*")):
            self.discard()
            write(path, document(self.plan))
            return
        if not resume:
            raise UsageError(
                f"{self.folder}: {len(self.finished())} of {self.plan.runs} runs of this result are there, unfinished",
                fix="add --resume to go on (make run RESUME=1), or --discard (DISCARD=1) to throw them away",
            )
        try:
            frozen = Plan.model_validate_json(path.read_bytes())
        except ValidationError:
            raise UsageError(f"{path} is damaged", fix="add --discard to start anew") from None
        if changed := frozen.differences(self.plan):
            raise UsageError(
                f"{self.folder}: this is not the result that was begun: {'; '.join(changed[:4])}"
                + (f"; and {len(changed) - 4} more differences" if len(changed) > 4 else ""),
                fix="run it as it was begun, or add --discard to start anew",
            )

    def finished(self) -> list[int]:
        """Return the indices of the runs that ended with a record."""
        names = {path.name for path in self.folder.glob("result_*.json")}
        return [run for run in range(self.plan.runs) if f"result_{run}.json" in names]

    def start(self, run: int) -> list[Attempt]:
        """Mark `run` as under way; return the attempts at it that came to nothing."""
        attempts = self._attempts(run)
        marker = self.folder / STARTED.format(run=run)
        if marker.exists() and marker.read_text() == str(len(attempts)):
            attempts.append(Attempt(outcome=Outcome.INTERRUPTED, explanation="the program was stopped during the run"))
            self._save(run, attempts)
        write(marker, str(len(attempts)).encode())
        return attempts

    def failed(self, run: int, outcome: Outcome, explanation: str) -> None:
        """Note an attempt at `run` that gave no result."""
        self._save(run, [*self._attempts(run), Attempt(outcome=outcome, explanation=explanation)])

    def _attempts(self, run: int) -> list[Attempt]:
        path = self.folder / ATTEMPTS.format(run=run)
        return ATTEMPT_LIST.validate_json(path.read_bytes()) if path.exists() else []

    def _save(self, run: int, attempts: list[Attempt]) -> None:
        write(self.folder / ATTEMPTS.format(run=run), ATTEMPT_LIST.dump_json(attempts))

    def finish(self, run: int, log: bytes, weights: bytes | None, record: RunRecord) -> None:
        """Keep the files of a run that ended; the record comes last and makes it count."""
        write(self.folder / f"result_{run}.txt", log)
        if weights is not None:
            write(self.folder / f"result_{run}.safetensors", weights)
        write(self.folder / f"result_{run}.json", document(record))

    def discard(self) -> None:
        """Throw away what is there."""
        _away(self.root, self.folder)

    def publish(self, shared: Mapping[str, bytes], beside: Mapping[str, bytes]) -> Path:
        """Move the whole result into the tree and return its folder; an earlier one is kept below `.replaced`.

        `shared` is what results share, by path below the submitter's folder (see `shared_files`); `beside` what
        stands beside the runs (parity, SBOM).
        """
        top = submitter_folder(self.root, self.plan)
        staged = self.folder.with_name(f"{self.folder.name}.staged")
        _away(self.root, staged)
        for name, content in beside.items():
            write(staged / name, content)
        with disk(staged):
            for path in sorted(self.folder.glob("result_*")):
                shutil.copyfile(path, staged / path.name)
            place = self.final.relative_to(top).as_posix()
            digests = {f"{place}/{p.name}": sha256(p.read_bytes()) for p in staged.iterdir()}
            digests |= {name: sha256(content) for name, content in shared.items()}
            files = [FileDigest(path=name, sha256=digest) for name, digest in sorted(digests.items())]
            manifest = Manifest(schema="assay/manifest/1", runs=self.plan.runs, files=files)
            write(staged / "manifest.json", document(manifest))
            if self.final.exists():
                _rename(self.final, kept(self.root, self.final))
            _share(self.root, top, shared)
            _rename(staged, self.final)
        self.discard()
        return self.final


def shared_files(plan: Plan, system: SystemDescription, source: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the system description and the source that ran, by path below the submitter's folder."""
    implementation = f"benchmarks/{plan.workload}/implementations/{plan.framework}"
    files = {f"{implementation}/{name}": content for name, content in source.items()}
    return files | {f"systems/{plan.system}.json": document(system)}


def clash(root: Path, plan: Plan, shared: Mapping[str, bytes]) -> tuple[Path, str] | None:
    """Return another result, and the file it shares with this plan's, that writing `shared` would invalidate."""
    mine = {name: sha256(content) for name, content in shared.items()}
    for path in sorted(submitter_folder(root, plan).glob("results/*/*/manifest.json")):
        if path.parent == result_folder(root, plan):
            continue
        with suppress(ValidationError, OSError):
            for file in Manifest.model_validate_json(path.read_bytes()).files:
                if mine.get(file.path, file.sha256) != file.sha256:
                    return path.parent, file.path
    return None


def kept(root: Path, final: Path) -> Path:
    """Return where a result goes that a new one replaces."""
    return root / ".replaced" / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) / final.relative_to(root)


def _share(root: Path, top: Path, shared: Mapping[str, bytes]) -> None:
    """Put shared files in place, folder by folder, those that are there already with the same bytes left alone."""
    folders = {Path(*Path(name).parts[:4]) for name in shared if name.startswith("benchmarks/")}
    for folder in folders:
        inside = {Path(name).relative_to(folder): c for name, c in shared.items() if Path(name).is_relative_to(folder)}
        there = {p.relative_to(top / folder): p for p in (top / folder).rglob("*") if p.is_file()}
        if there.keys() == inside.keys() and all(there[name].read_bytes() == c for name, c in inside.items()):
            continue
        staged = root / ".work" / f"stage-{uuid.uuid4().hex}"
        for name, content in inside.items():
            write(staged / name, content)
        _away(root, top / folder)
        _rename(staged, top / folder)
    for file, content in shared.items():
        if file.startswith("systems/") and not ((top / file).is_file() and (top / file).read_bytes() == content):
            staged = root / ".work" / f"stage-{uuid.uuid4().hex}"
            write(staged, content)
            _rename(staged, top / file)


def _rename(here: Path, there: Path) -> None:
    there.parent.mkdir(parents=True, exist_ok=True)
    here.rename(there)


def _away(root: Path, folder: Path) -> None:
    """Make a folder vanish at once, then empty it."""
    trash = root / ".work" / f"trash-{uuid.uuid4().hex}"
    with disk(folder), suppress(FileNotFoundError):
        trash.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(trash)
    shutil.rmtree(trash, ignore_errors=True)
