"""A submission as read from its folder: submitter, systems, results, runs. Reading judges nothing.

What could not be read is kept as a flaw for the judge that reports it, so that every other part is still judged.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from checker.core.documents import Document, read_document, read_json
from checker.core.files import HEAD, state_of, state_of_tail, tail_of
from checker.core.findings import Problem
from checker.core.mllog import TOKEN, Log, read_log
from checker.core.strict_json import JsonError
from checker.core.tree import RefusedError, Tree
from rules.documents import Manifest, ParityCertificate, RunRecord, SystemDescription
from rules.errors import UsageError
from rules.observation import Observation
from rules.ruleset import RuleSet
from rules.workload import WorkloadRules

RUN_FILE = re.compile(r"result_(0|[1-9]\d{0,5})\.(txt|json|safetensors)")
DIVISIONS = ("closed", "open")


@dataclass
class Run:
    """One run of a result: log, record and final weights; None where a file is missing or unusable."""

    index: int
    folder: str
    metric: str  # the log's key of the workload's metric; empty where the round does not know the workload
    log: Log | None = None
    record: Document[RunRecord] | None = None
    observation: Document[Observation] | None = None
    flaws: dict[str, list[Problem]] = field(default_factory=dict)

    @property
    def log_path(self) -> str:
        """The log, relative to the submitter's folder."""
        return f"{self.folder}/result_{self.index}.txt"

    @property
    def record_path(self) -> str:
        """The run's record."""
        return f"{self.folder}/result_{self.index}.json"

    @property
    def weights_path(self) -> str:
        """The run's final weights."""
        return f"{self.folder}/result_{self.index}.safetensors"

    @property
    def observation_path(self) -> str:
        """What was sampled of the machine during the run."""
        return f"{self.folder}/observation_{self.index}.json"

    @property
    def unobserved(self) -> str:
        """Why nothing was sampled of the machine, by the record."""
        return self.record.model.unobserved if self.record else ""

    def interval(self, start: str, stop: str) -> float | None:
        """Return the seconds from the first `start` to the first `stop` by the log's clock; None where unknown."""
        return self.log.interval(start, stop) if self.log else None

    @property
    def converged(self) -> bool:
        """Whether the log says that the target was reached."""
        stop = self.log.first("run_stop") if self.log else None
        return stop is not None and stop.metadata.get("status") == "success"


@dataclass
class Result:
    """`results/<system>/<workload>/` and what belongs to it elsewhere in the submitter's folder."""

    tree: Tree
    folder: str
    ruleset: RuleSet
    submitter: str | None  # the folder's name, where the layout says it is one
    division: str  # closed where nothing says otherwise
    division_of_folder: str | None
    runs: list[Run]
    manifest: Document[Manifest] | None
    certificate: Document[ParityCertificate] | None
    flaws: dict[str, list[Problem]]
    scope: str = ""  # the submission's: what was asked for
    system_document: Document[SystemDescription] | None = None
    idle: Document[Observation] | None = None  # what was sampled of the idle machine before the runs

    @property
    def system(self) -> str:
        """The system's name, by the folder."""
        return self.folder.split("/")[1]

    @property
    def workload(self) -> str:
        """The workload's name, by the folder."""
        return self.folder.split("/")[2]

    @cached_property
    def rules(self) -> WorkloadRules | None:
        """What the round fixes about the workload; None where it does not know it."""
        return known_rules(self.ruleset, self.workload)

    @property
    def framework(self) -> str:
        """The framework, by the first record; empty where there is none."""
        return next((run.record.model.framework for run in self.runs if run.record), "")

    @property
    def source_sha256(self) -> str:
        """Digest of the source that ran, by the first record; empty where there is none."""
        return next((run.record.model.source_sha256 for run in self.runs if run.record), "")

    @property
    def implementation(self) -> str:
        """The folder of the source that ran."""
        return f"benchmarks/{self.workload}/implementations/{self.framework}"

    @property
    def own_folders(self) -> tuple[str, ...]:
        """Folders all of whose files belong to the result."""
        return (self.folder, self.implementation)

    @property
    def idle_path(self) -> str:
        """The idle baseline."""
        return f"{self.folder}/observation_idle.json"

    @property
    def sbom_path(self) -> str:
        """The bill of materials."""
        return f"{self.folder}/sbom.cdx.json"

    def sha256(self, path: str) -> str:
        """Return the digest of a file; RefusedError where it cannot be read or is larger than its kind may be."""
        limits = self.tree.limits
        is_small = path.endswith(".json") or path.startswith("benchmarks/")
        most = limits.document_bytes if is_small else limits.log_bytes if path.endswith(".txt") else limits.file_bytes
        return self.tree.sha256(path, most)


@dataclass
class System:
    """`systems/<system>.json`."""

    path: str
    document: Document[SystemDescription] | None
    flaws: dict[str, list[Problem]]

    @property
    def name(self) -> str:
        """The system's name, by the file."""
        return self.path.removeprefix("systems/").removesuffix(".json")


@dataclass
class Submission:
    """A submitter's folder; `scope` is the part of it that is judged, empty for all."""

    root: Path
    scope: str
    tree: Tree
    ruleset: RuleSet

    @property
    def submitter(self) -> str | None:
        """The folder's name, where its place (`<division>/<submitter>`) says it is one."""
        return self.root.name if self.division else None

    @property
    def division(self) -> str | None:
        """The division, by the folder above, where that is one."""
        return self.root.parent.name if self.root.parent.name in DIVISIONS else None

    @cached_property
    def result_folders(self) -> list[str]:
        """Folders of results in scope, as many as the round lets a submitter have."""
        return self.all_result_folders[: self.ruleset.limits.results]

    @cached_property
    def all_result_folders(self) -> list[str]:
        """Folders of results in scope; hidden ones are unfinished work, not results."""
        folders = []
        for entry in self.tree.entries.values():
            parts = entry.path.split("/")
            is_result = len(parts) == 3 and parts[0] == "results" and not parts[2].startswith(".")
            if is_result and entry.kind == "folder" and in_scope(entry.path, self.scope):
                folders.append(entry.path)
        return folders

    @property
    def system_paths(self) -> dict[str, str]:
        """Descriptions of systems in scope, by name: all of `systems/`, or those the results in scope need."""
        wanted = {folder.split("/")[1] for folder in self.result_folders}
        if not self.scope:
            files = [e.path for e in self.tree.files("systems") if e.path.count("/") == 1 and e.path.endswith(".json")]
            wanted |= {path.removeprefix("systems/").removesuffix(".json") for path in files}
        return {name: f"systems/{name}.json" for name in sorted(wanted)}

    @cached_property
    def systems(self) -> dict[str, System]:
        """Systems in scope, by name."""
        found = {}
        for name, path in self.system_paths.items():
            document, problems = read_document(self.tree, path, "system-description", SystemDescription)
            found[name] = System(path, document, {"system-document": problems})
        return found


def known_rules(round_: RuleSet, workload: str) -> WorkloadRules | None:
    """Return what the round fixes about a workload; None where it does not know it."""
    try:
        return round_.workload(workload)
    except UsageError:
        return None


def in_scope(path: str, scope: str) -> bool:
    """Whether `path` is `scope` or below it."""
    return not scope or path == scope or path.startswith(f"{scope}/")


def read_result(submission: Submission, folder: str) -> Result:
    """Read everything of the result in `folder`."""
    tree = submission.tree
    names = [e.path.rpartition("/")[2] for e in tree.files(folder) if e.path.count("/") == 3]
    indices = sorted({int(match[1]) for name in names if (match := RUN_FILE.fullmatch(name))})
    rules = known_rules(submission.ruleset, folder.split("/")[2])
    metric = rules.quality.log if rules else ""
    runs = [read_run(tree, folder, index, metric) for index in indices[: tree.limits.runs]]
    flaws: dict[str, list[Problem]] = {}
    manifest, flaws["manifest"] = read_document(tree, f"{folder}/manifest.json", "manifest", Manifest)
    certificate = None
    if f"{folder}/parity.json" in tree.entries:
        certificate, flaws["parity-document"] = read_document(
            tree, f"{folder}/parity.json", "parity-certificate", ParityCertificate
        )
    idle = None
    if tree.is_file(f"{folder}/observation_idle.json"):
        path = f"{folder}/observation_idle.json"
        idle, flaws["idle"] = read_document(tree, path, "observation", Observation)
    flaws["sbom"] = read_sbom(tree, f"{folder}/sbom.cdx.json")
    stated = submission.division or next((run.record.model.division for run in runs if run.record), None)
    system = submission.systems.get(folder.split("/")[1])
    return Result(
        tree=tree,
        folder=folder,
        ruleset=submission.ruleset,
        submitter=submission.submitter,
        division=stated or "closed",
        division_of_folder=submission.division,
        runs=runs,
        manifest=manifest,
        certificate=certificate,
        flaws=flaws,
        scope=submission.scope,
        system_document=system.document if system else None,
        idle=idle,
    )


def read_run(tree: Tree, folder: str, index: int, metric: str) -> Run:
    """Read log and record of one run; `metric` is the log's key of the workload's metric."""
    run = Run(index, folder, metric)
    run.log, run.flaws["log-present"] = open_log(tree, run.log_path)
    run.record, run.flaws["record"] = read_document(tree, run.record_path, "run-record", RunRecord)
    if tree.is_file(run.observation_path):
        run.observation, run.flaws["observation"] = read_document(
            tree, run.observation_path, "observation", Observation
        )
    return run


def open_log(tree: Tree, path: str) -> tuple[Log | None, list[Problem]]:
    """Read a log; None and the reason where the file cannot be read or holds no record line at all."""
    try:
        with tree.open(path, tree.limits.log_bytes) as file:
            size = os.fstat(file.fileno()).st_size
            state = state_of(file.read(HEAD), size) or state_of_tail(tail_of(file, size), TOKEN)
            file.seek(0)
            log = read_log(file, path, tree.limits)
    except RefusedError as error:
        return None, [Problem(f"the log {error}", "a log file", "", path)]
    except OSError as error:
        return None, [Problem(f"the log cannot be read: {error.strerror}", "a log file", "", path)]
    if state is not None:
        return None, [state.problem(path, "the records of a run")]
    if not log.tokens:
        first = next(iter(log.flaws.get("log-line", [])), None)
        why, line = (f": {first.message}", first.line) if first else ("", None)
        return None, [Problem(f"the log holds no :::MLLOG line{why}", "the records of a run", "none", path, line)]
    return log, []


def read_sbom(tree: Tree, path: str) -> list[Problem]:
    """Return why the bill of materials cannot be used."""
    try:
        _, value = read_json(tree, path)
    except RefusedError as error:
        return [Problem(f"the bill of materials {error}", "a CycloneDX document", "", path)]
    except JsonError as error:
        return [Problem(f"the bill of materials is not usable JSON: {error}", "CycloneDX", "", path, error.line)]
    if not isinstance(value, dict) or value.get("bomFormat") != "CycloneDX":
        return [Problem("the bill of materials is not a CycloneDX document", '"bomFormat": "CycloneDX"', "", path, 1)]
    return []
