"""The submission tree of training: runs collect in a work folder, and a whole result appears by one rename."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from rules.documents import Attempt, FileDigest, Manifest, Outcome, RunRecord, SystemDescription
from suite.disk import disk
from suite.result import staging as tree
from suite.result.plan import Plan, result_folder, submitter_folder, work_folder
from suite.result.staging import STOPPED, WorkFolder, away, document, kept, rename, sha256, share, write


class Work(WorkFolder[Plan, Attempt]):
    """The work folder of one result of training: a plan, and N runs by index."""

    def __init__(self, root: Path, plan: Plan) -> None:
        interrupted = Attempt(outcome=Outcome.INTERRUPTED, explanation=STOPPED)
        super().__init__(root, plan, work_folder(root, plan), result_folder(root, plan), interrupted)

    def progress(self) -> str:
        """Say how many runs ended."""
        return f"{len(self.finished())} of {self.plan.runs} runs"

    def records(self) -> dict[Path, Path]:
        """Return the ended runs' records, and where they will stand."""
        names = [f"result_{run}.json" for run in self.finished()]
        return {self.folder / name: self.final / name for name in names}

    def finished(self) -> list[int]:
        """Return the indices of the runs that ended with a record."""
        names = {path.name for path in self.folder.glob("result_*.json")}
        return [run for run in range(self.plan.runs) if f"result_{run}.json" in names]

    @property
    def idle(self) -> Path:
        """Where the samples of the idle machine are, once there are any."""
        return self.folder / "observation_idle.json"

    def start(self, run: int) -> list[Attempt]:
        """Mark `run` as under way; return the attempts at it that came to nothing."""
        return self.begin_run(str(run))

    def failed(self, run: int, outcome: Outcome, explanation: str) -> None:
        """Note an attempt at `run` that gave no result."""
        self.note(str(run), Attempt(outcome=outcome, explanation=explanation))

    def finish(self, run: int, log: bytes, weights: bytes | None, observed: bytes | None, record: RunRecord) -> None:
        """Keep the files of a run that ended; the record comes last and makes it count."""
        write(self.folder / f"result_{run}.txt", log)
        if observed is not None:
            write(self.folder / f"observation_{run}.json", observed)
        else:
            (self.folder / f"observation_{run}.json").unlink(missing_ok=True)  # of an attempt that was cut short
        if weights is not None:
            write(self.folder / f"result_{run}.safetensors", weights)
        write(self.folder / f"result_{run}.json", document(record))

    def publish(self, shared: Mapping[str, bytes], beside: Mapping[str, bytes]) -> Path:
        """Move the whole result into the tree and return its folder; an earlier one is kept below `.replaced`.

        `shared` is what results share, by path below the submitter's folder (see `shared_files`); `beside` what
        stands beside the runs (parity, SBOM).
        """
        top = submitter_folder(self.root, self.plan)
        staged = self.folder.with_name(f"{self.folder.name}.staged")
        away(self.root, staged)
        for name, content in beside.items():
            write(staged / name, content)
        with disk(staged):
            staged.mkdir(parents=True, exist_ok=True)
            for path in sorted([*self.folder.glob("result_*"), *self.folder.glob("observation_*")]):
                shutil.copyfile(path, staged / path.name)
            place = self.final.relative_to(top).as_posix()
            digests = {f"{place}/{p.name}": sha256(p.read_bytes()) for p in staged.iterdir()}
            digests |= {name: sha256(content) for name, content in shared.items()}
            files = [FileDigest(path=name, sha256=digest) for name, digest in sorted(digests.items())]
            manifest = Manifest(schema="assay/manifest/1", runs=self.plan.runs, files=files)
            write(staged / "manifest.json", document(manifest))
            if self.final.exists():
                rename(self.final, kept(self.root, self.final))
            share(self.root, top, shared, "benchmarks", 4)
            rename(staged, self.final)
        self.discard()
        return self.final


def shared_files(plan: Plan, system: SystemDescription, source: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the system description and the source that ran, by path below the submitter's folder."""
    implementation = f"benchmarks/{plan.workload}/implementations/{plan.framework}"
    files = {f"{implementation}/{name}": content for name, content in source.items()}
    return files | {f"systems/{plan.system}.json": document(system)}


def clash(root: Path, plan: Plan, shared: Mapping[str, bytes]) -> tuple[Path, str] | None:
    """Return another result, and the file it shares with this plan's, that writing `shared` would invalidate."""
    own = result_folder(root, plan)
    return tree.clash(submitter_folder(root, plan), "results/*/*/manifest.json", own, shared)
