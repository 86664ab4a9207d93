"""A submission of training: results with numbered runs, their final weights, parity certificate and idle baseline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from checker.core.documents import ValidDocument, read_document
from checker.core.mllog import LogRecord
from checker.core.tree import Entry, Tree
from checker.families.assay.submission import Result, Run, Submission, read_if_there
from rules.documents import ParityCertificate, RunRecord, Steps, SystemDescription
from rules.errors import UsageError
from rules.observation import Observation
from rules.workload import WorkloadRules

RUN_FILE = re.compile(r"result_(0|[1-9]\d{0,5})\.(txt|json|safetensors)")


@dataclass(kw_only=True)
class TrainingRun(Run):
    """One run from initial weights to the target: its log is the container's standard output."""

    RECORD = ("run-record", RunRecord)

    index: int
    folder: str
    metric: str  # the log's key of the workload's metric; empty where the round does not know the workload
    weights_path: str  # what it ended with
    record: ValidDocument[RunRecord] | None = None

    @property
    def steps(self) -> Steps | None:
        """What its steps took, by the record."""
        return self.record.model.steps if self.record else None

    @property
    def stop(self) -> LogRecord | None:
        """The line of the log that ends the timed region."""
        return self.first("run_stop")

    @property
    def converged(self) -> bool:
        """Whether the log says that the target was reached."""
        return self.stop is not None and self.stop.metadata.get("status") == "success"


@dataclass(kw_only=True)
class TrainingResult(Result):
    """A system's runs on a workload."""

    numbered: list[TrainingRun] = field(default_factory=list)  # by number
    certificate: ValidDocument[ParityCertificate] | None = None
    idle: ValidDocument[Observation] | None = None  # what was sampled of the idle machine before the runs

    @property
    def runs(self) -> list[TrainingRun]:
        """The runs, by number."""
        return self.numbered

    @property
    def records(self) -> list[ValidDocument[RunRecord]]:
        """The records that could be read, by number."""
        return [run.record for run in self.numbered if run.record]

    @cached_property
    def rules(self) -> WorkloadRules | None:
        """What the round fixes about the workload; None where it does not know it."""
        try:
            return self.ruleset.workload(self.workload)
        except UsageError:
            return None

    @property
    def logged_workload(self) -> str | None:
        """The workload, where the round knows it."""
        return self.rules.workload if self.rules else None

    @property
    def implementation(self) -> str:
        """The folder of the source that ran."""
        return f"benchmarks/{self.workload}/implementations/{self.framework}"

    @property
    def idle_path(self) -> str:
        """The idle baseline."""
        return f"{self.folder}/observation_idle.json"

    def read(self) -> None:
        """Read runs, certificate and idle baseline too."""
        tree = self.tree
        self.numbered = list(_runs(tree, self.folder, self.rules.quality.log if self.rules else ""))
        for run in self.numbered:
            run.read(tree)
        super().read()
        path = f"{self.folder}/parity.json"
        if path in tree.entries:
            self.certificate, self.flaws["parity-document"] = read_document(
                tree, path, "parity-certificate", ParityCertificate
            )
        self.idle = read_if_there(tree, self.idle_path, "observation", Observation, self.flaws)

    def sha256(self, path: str) -> str:
        """Return the digest of a file; weights are the largest there may be."""
        limits = self.tree.limits
        is_small = path.endswith(".json") or path.startswith("benchmarks/")
        most = limits.document_bytes if is_small else limits.log_bytes if path.endswith(".txt") else limits.file_bytes
        return self.tree.sha256(path, most)


class TrainingSubmission(Submission):
    """A submitter's folder of training."""

    TOP = ("systems", "benchmarks", "results")
    SYSTEM = ("system-description", SystemDescription)

    def read(self, folder: str) -> TrainingResult:
        """Read everything of the result in `folder`."""
        result = TrainingResult(**self.common(folder))
        result.read()
        return result

    def has_place(self, entry: Entry) -> bool:
        """Whether the layout has a place for `entry`."""
        top, *rest = entry.path.split("/")
        if entry.kind == "folder":
            depth = {"systems": 0, "results": 2}.get(top, 1)
            return top in self.TOP and (len(rest) <= depth or (top == "benchmarks" and rest[1] == "implementations"))
        if top == "systems":
            return len(rest) == 1 and rest[0].endswith(".json")
        if top == "benchmarks":
            return len(rest) > 3 and rest[1] == "implementations"
        return top == "results" and len(rest) == 3


def _runs(tree: Tree, folder: str, metric: str) -> Iterator[TrainingRun]:
    names = [e.path.rpartition("/")[2] for e in tree.files(folder) if e.path.count("/") == 3]
    numbers = sorted({int(match[1]) for name in names if (match := RUN_FILE.fullmatch(name))})
    for number in numbers[: tree.limits.runs]:
        stem = f"{folder}/result_{number}"
        yield TrainingRun(
            name=str(number),
            index=number,
            place={"run": number},
            folder=folder,
            metric=metric,
            log_path=f"{stem}.txt",
            record_path=f"{stem}.json",
            weights_path=f"{stem}.safetensors",
            observation_path=f"{folder}/observation_{number}.json",
        )
