"""The work folder of an inference result, and the tree that it becomes by two renames, ours first.

Below `tree/` files already stand where they will stand in the submission. A LoadGen run counts once its record is
there, which is written last.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from checker.families.assay.inference.runs import answers_path, loadgen_folder
from rules.documents import FileDigest, Manifest
from rules.serving import Scenario
from rules.serving_documents import (
    OutputsCertificate,
    RunName,
    SearchRecord,
    ServingAttempt,
    ServingOutcome,
    ServingRecord,
    ServingSystem,
)
from suite.disk import disk
from suite.inference.plan import ServingPlan, submitter_folder, work_folder
from suite.result import staging as work
from suite.result.staging import STOPPED, WorkFolder, away, document, kept, rename, sha256, share, write

KEPT_END = 4096  # bytes of the accuracy log's beginning and end that the field's layout keeps
LOGS = ("mlperf_log_detail.txt", "mlperf_log_summary.txt")
ANSWERS = "mlperf_log_accuracy.json"


class ServingWork(WorkFolder[ServingPlan, ServingAttempt]):
    """The work folder of one inference result: outputs, search, and one LoadGen run per scenario and kind of run."""

    def __init__(self, root: Path, plan: ServingPlan) -> None:
        top = submitter_folder(root, plan)
        interrupted = ServingAttempt(outcome=ServingOutcome.INTERRUPTED, explanation=STOPPED)
        super().__init__(root, plan, work_folder(root, plan), top / plan.results, interrupted)
        self.top = top
        self.tree = self.folder / "tree"

    def runs(self) -> list[tuple[Scenario, RunName]]:
        """Return the plan's runs, in their order, without those of scenarios that are left out."""
        search = self.search()
        left_out = search.left_out if search is not None else {}
        return [(scenario, run) for scenario, run in self.plan.runs() if scenario not in left_out]

    def progress(self) -> str:
        """Say how many LoadGen runs ended."""
        return f"{len(self.records())} of {len(self.runs())} LoadGen runs"

    def records(self) -> dict[Path, Path]:
        """Return the ended runs' records, and where they will stand."""
        names = [f"{self._ours(scenario, run)}/record.json" for scenario, run in self.runs()]
        return {self.tree / name: self.top / name for name in names if (self.tree / name).exists()}

    def _ours(self, scenario: Scenario, run: RunName) -> str:
        return f"{self.plan.ours}/{scenario}/{run}"

    def record(self, scenario: Scenario, run: RunName) -> ServingRecord | None:
        """Return the record of a run that ended, None where it has not."""
        path = self.tree / self._ours(scenario, run) / "record.json"
        return ServingRecord.model_validate_json(path.read_bytes()) if path.exists() else None

    def places(self, scenario: Scenario, run: RunName, out: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return what a run left that is kept, by path below the submitter's folder."""
        results, ours = f"{self.plan.results}/{scenario}", f"{self.plan.ours}/{scenario}"
        logs = loadgen_folder(results, ours, run)
        found = {f"{logs}/{name}": out[name] for name in LOGS if name in out}
        if "latencies.bin" in out:
            found[f"{ours}/{run}/latencies.bin"] = out["latencies.bin"]
        if run in ("accuracy", "TEST01", "TEST06") and ANSWERS in out:
            found[answers_path(results, ours, run)] = out[ANSWERS]
        return found

    def finish(
        self, scenario: Scenario, run: RunName, files: Mapping[str, bytes], log: bytes, record: ServingRecord
    ) -> None:
        """Keep the files of a run that ended; the record comes last and makes it count."""
        for name, content in files.items():
            write(self.tree / name, content)
        write(self.tree / self._ours(scenario, run) / "log.txt", log)
        write(self.tree / self._ours(scenario, run) / "record.json", document(record))

    def take_back(self, scenario: Scenario, runs: Iterable[RunName]) -> None:
        """Let runs that ended count no longer."""
        with disk(self.tree):
            for run in runs:
                (self.tree / self._ours(scenario, run) / "record.json").unlink(missing_ok=True)

    def outputs(self) -> OutputsCertificate | None:
        """Return the certificate of outputs, None where it has not been made."""
        path = self.tree / self.plan.ours / "outputs.json"
        return OutputsCertificate.model_validate_json(path.read_bytes()) if path.exists() else None

    def search(self) -> SearchRecord | None:
        """Return what the search found, None where it has not been made."""
        path = self.tree / self.plan.ours / "search.json"
        return SearchRecord.model_validate_json(path.read_bytes()) if path.exists() else None

    def keep(self, name: str, content: OutputsCertificate | SearchRecord) -> None:
        """Keep a document of ours that is no LoadGen run's."""
        write(self.tree / self.plan.ours / name, document(content))

    def keep_metrics(self, scenario: Scenario, metrics: Mapping[str, float]) -> None:
        """Keep the metrics of an accuracy run, with which `accuracy.txt` is written."""
        write(self.folder / f"metrics_{scenario}.json", json.dumps(metrics).encode())

    def metrics(self, scenario: Scenario) -> dict[str, float]:
        """Return the metrics of a scenario's accuracy run."""
        found: dict[str, float] = json.loads((self.folder / f"metrics_{scenario}.json").read_bytes())
        return found

    def stage(self, beside: Mapping[str, bytes]) -> Path:
        """Return a folder that holds the result as the submitter's will: `beside` by path, and all that was kept."""
        staged = self.folder.with_name(f"{self.folder.name}.staged")
        away(self.root, staged)
        with disk(staged):
            shutil.copytree(self.tree, staged)
        for name, content in beside.items():
            write(staged / name, content)
        return staged

    def publish(self, staged: Path, shared: Mapping[str, bytes]) -> Path:
        """Move the staged result into the tree and return its folder; an earlier one is kept below `.replaced`."""
        plan = self.plan
        with disk(staged):
            files = {p.relative_to(staged).as_posix(): p.read_bytes() for p in staged.rglob("*") if p.is_file()}
            digests = {name: sha256(content) for name, content in (files | dict(shared)).items()}
            listed = [FileDigest(path=name, sha256=digest) for name, digest in sorted(digests.items())]
            manifest = Manifest(schema="assay/manifest/1", runs=len(self.runs()), files=listed)
            write(staged / plan.ours / "manifest.json", document(manifest))
            # The results come last: without them nothing of this counts, and --resume goes on from the work folder.
            if self.final.exists():
                for name in (plan.ours, plan.results):
                    if (self.top / name).exists():
                        rename(self.top / name, kept(self.root, self.top / name))
            else:
                away(self.root, self.top / plan.ours)  # of a publication that was cut short
            share(self.root, self.top, shared, "src", 3)
            for name in (plan.ours, plan.results):
                rename(staged / name, self.top / name)
        away(self.root, staged)
        self.discard()
        return self.final


def shared_files(plan: ServingPlan, system: ServingSystem, source: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the system description and the source that ran, by path below the submitter's folder."""
    files = {f"src/{plan.workload}/{plan.framework}/{name}": content for name, content in source.items()}
    return files | {f"systems/{plan.system}.json": document(system)}


def clash(root: Path, plan: ServingPlan, shared: Mapping[str, bytes]) -> tuple[Path, str] | None:
    """Return another result, and the file it shares with this plan's, that writing `shared` would invalidate."""
    top = submitter_folder(root, plan)
    return work.clash(top, "assay/*/*/manifest.json", top / plan.ours, shared)


def shortened(log: bytes) -> bytes:
    """Return the accuracy log as the field keeps it: its first and last bytes; the digest of the whole is elsewhere."""
    if len(log) <= 2 * KEPT_END:
        return log
    return log[:KEPT_END] + b"\n\n...\n\n" + log[-KEPT_END:]
