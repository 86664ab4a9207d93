"""The submission tree: runs collect in a work folder, and a whole result appears by one rename."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from rules.documents import Attempt, Document, FileDigest, Manifest, Outcome, RunRecord, SystemDescription
from rules.errors import MachineError, UsageError
from suite.plan import PLAN, Plan, result_folder, submitter_folder, work_folder

LOCK = ".lock"
STARTED = "started_{run}"  # exists while a run is under way: left behind by a kill
ATTEMPTS = "attempts_{run}.json"
ATTEMPT_LIST = TypeAdapter(list[Attempt])


def document(model: Document | SystemDescription) -> bytes:
    """Return a document's canonical bytes: two-space JSON with MLPerf's member names, one newline at the end."""
    return (model.model_dump_json(by_alias=True, indent=2) + "\n").encode()


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; raise MachineError where the disk is full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise MachineError(
            f"{path}: {error.strerror}", fix="free space, then repeat the command with --resume"
        ) from None


def sha256(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of `content`."""
    return hashlib.sha256(content).hexdigest()


class Work:
    """The work folder of one result: its frozen plan, the runs that ended, and the attempts that did not."""

    def __init__(self, root: Path, plan: Plan) -> None:
        self.root = root
        self.plan = plan
        self.folder = work_folder(root, plan)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder against a second `assay run` of the same result."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"{self.folder}: another `assay run` is at work there", fix="wait for it to end"
                ) from None
            yield

    def begin(self, *, resume: bool) -> None:
        """Freeze the plan, or take up the one that was frozen; raise UsageError where they cannot be reconciled."""
        path = self.folder / PLAN
        if not path.exists():
            write(path, document(self.plan))
            return
        if not resume:
            raise UsageError(
                f"{self.folder}: {len(self.finished())} of {self.plan.runs} runs of this result are there, unfinished",
                fix="add --resume to go on (make run RESUME=1), or --discard to throw them away",
            )
        try:
            frozen = Plan.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise UsageError(f"{path}: {error}", fix="add --discard to start anew") from None
        if changed := frozen.differences(self.plan):
            raise UsageError(
                f"{self.folder}: this is not the result that was begun: {'; '.join(changed[:4])}"
                + (f"; and {len(changed) - 4} more differences" if len(changed) > 4 else ""),
                fix="run it as it was begun, or add --discard to start anew",
            )

    def finished(self) -> list[int]:
        """Return the indices of the runs that ended with a record."""
        return [run for run in range(self.plan.runs) if (self.folder / f"result_{run}.json").exists()]

    def start(self, run: int) -> list[Attempt]:
        """Mark `run` as under way; return the attempts at it that came to nothing."""
        marker = self.folder / STARTED.format(run=run)
        attempts = self._attempts(run)
        if marker.exists():
            attempts.append(Attempt(outcome=Outcome.INTERRUPTED, explanation="the program was stopped during the run"))
            self._save(run, attempts)
        write(marker, b"")
        return attempts

    def failed(self, run: int, outcome: Outcome, explanation: str) -> None:
        """Note an attempt at `run` that gave no result."""
        self._save(run, [*self._attempts(run), Attempt(outcome=outcome, explanation=explanation)])
        (self.folder / STARTED.format(run=run)).unlink(missing_ok=True)

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
        (self.folder / STARTED.format(run=run)).unlink(missing_ok=True)

    def discard(self) -> None:
        """Throw the unfinished result away; the lock stays with its holder."""
        for path in self.folder.iterdir():
            if path.name != LOCK:
                path.unlink()

    def publish(self, system: SystemDescription, source: dict[str, bytes], beside: dict[str, bytes]) -> Path:
        """Move the whole result into the tree and return its folder.

        `source` is the implementation by relative path, `beside` what stands beside the runs (parity, SBOM).
        """
        top, final = submitter_folder(self.root, self.plan), result_folder(self.root, self.plan)
        implementation = top / "benchmarks" / self.plan.workload / "implementations" / self.plan.framework
        described = top / "systems" / f"{self.plan.system}.json"
        write(described, document(system))
        _replace(implementation, source)
        for name, content in beside.items():
            write(self.folder / name, content)
        staged = final.with_name(f".{final.name}.partial")
        _empty(staged)
        for path in sorted(self.folder.iterdir()):
            if path.name.startswith("result_") or path.name in beside:
                shutil.copyfile(path, staged / path.name)
        files = {p.relative_to(top).as_posix(): p for p in (described, *_files(implementation))}
        files |= {(final / p.name).relative_to(top).as_posix(): p for p in _files(staged)}
        digests = [FileDigest(path=name, sha256=sha256(path.read_bytes())) for name, path in sorted(files.items())]
        manifest = Manifest(schema="assay/manifest/1", runs=self.plan.runs, files=digests)
        write(staged / "manifest.json", document(manifest))
        staged.rename(final)
        shutil.rmtree(self.folder)
        return final


def clash(root: Path, plan: Plan, source: dict[str, bytes]) -> Path | None:
    """Return the other result that this plan's source would invalidate, if there is one.

    All systems of a submitter share one implementation per framework; changing it under a finished result breaks it.
    """
    top = submitter_folder(root, plan)
    base = f"benchmarks/{plan.workload}/implementations/{plan.framework}/"
    mine = {base + name: sha256(content) for name, content in source.items()}
    for path in sorted(top.glob(f"results/*/{plan.workload}/manifest.json")):
        if path.parent == result_folder(root, plan):
            continue
        with contextlib.suppress(ValidationError, OSError):
            files = Manifest.model_validate_json(path.read_bytes()).files
            theirs = {f.path: f.sha256 for f in files if f.path.startswith(base)}
            if theirs and theirs != mine:
                return path.parent
    return None


def set_aside(root: Path, plan: Plan) -> Path:
    """Move a finished result out of the tree, so that it can be measured again; return where it is kept."""
    final = result_folder(root, plan)
    kept = root / ".replaced" / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) / final.relative_to(root)
    kept.parent.mkdir(parents=True, exist_ok=True)
    final.rename(kept)
    return kept


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _replace(folder: Path, files: dict[str, bytes]) -> None:
    """Make `folder` hold exactly `files`."""
    staged = folder.with_name(f".{folder.name}.partial")
    _empty(staged)
    for name, content in files.items():
        write(staged / name, content)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
    staged.rename(folder)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
