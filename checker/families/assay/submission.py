"""A submission as read from its folder: submitter, systems, results, runs. Reading judges nothing.

What could not be read is kept as a flaw for the judge that reports it, so that every other part is still judged.
What training and inference read otherwise is in their own `submission.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from checker.core.documents import M, ValidDocument, read_document, read_json, words
from checker.core.files import HEAD, state_of, state_of_tail, tail_of
from checker.core.findings import Violation, brief
from checker.core.mllog import TOKEN, LogRecord, ParsedLog, read_log
from checker.core.strict_json import JsonError
from checker.core.tree import Entry, RefusedError, Tree
from rules.documents import Manifest, Record, SystemDescription
from rules.expressions import same
from rules.observation import Observation
from rules.ruleset import RuleSet, Steadiness
from rules.serving import ServingRules
from rules.workload import WorkloadRules

DIVISIONS = ("closed", "open")
Flaws = dict[str, list[Violation]]


@dataclass(kw_only=True)
class Run:
    """One run of a result: log, record, samples of the machine; None where a file is missing or unusable."""

    RECORD: ClassVar[tuple[str, type[Record]]]  # schema and model

    name: str  # in its result or scenario
    place: Mapping[str, Any]  # what its place in the result says of it, by member of its record
    log_path: str  # what the container said; as all paths, relative to the submitter's folder
    record_path: str
    observation_path: str  # what was sampled of the machine during the run
    log: ParsedLog | None = None
    record: ValidDocument[Record] | None = None
    observation: ValidDocument[Observation] | None = None
    flaws: Flaws = field(default_factory=dict)

    @property
    def unobserved(self) -> str:
        """Why nothing was sampled of the machine, by the record."""
        return self.record.model.unobserved if self.record else ""

    @property
    def cpuset(self) -> str:
        """The processors its container had, as a list of the kernel's; empty where it is not known."""
        return self.record.model.container.cpuset if self.record else ""

    @property
    def peak_bytes(self) -> int | None:
        """The most memory its container took, where that is known."""
        return self.record.model.memory.peak_bytes if self.record and self.record.model.memory else None

    def first(self, key: str) -> LogRecord | None:
        """Return the log's first line of `key`; None where there is none, or no log."""
        return self.log.first(key) if self.log else None

    def value(self, key: str) -> Any:
        """Return the log's first value of `key`; None where there is none, or no log."""
        return self.log.value(key) if self.log else None

    def interval(self, start: str, stop: str) -> float | None:
        """Return the seconds from the first `start` to the first `stop` by the log's clock; None where unknown."""
        return self.log.interval(start, stop) if self.log else None

    def problem(self, message: str, expected: Any, found: str, line: LogRecord | None = None) -> Violation:
        """Return a problem with a line of the log, or with the log."""
        return Violation(message, words(expected), found, self.log_path, line.number if line else None)

    def require(self, message: str, wanted: Any, key: str) -> Iterator[Violation]:
        """Yield a problem where the log's first value of `key`, if there is one, is not `wanted`."""
        if (line := self.first(key)) is not None and not same(line.value, wanted):
            yield self.problem(message, wanted, brief(line.value), line)

    def read(self, tree: Tree) -> None:
        """Read log, record and samples."""
        self.log, self.flaws["log-present"] = open_log(tree, self.log_path)
        self.record, self.flaws["record"] = read_document(tree, self.record_path, *self.RECORD)
        self.observation = read_if_there(tree, self.observation_path, "observation", Observation, self.flaws)


@dataclass(kw_only=True)
class Scenario:
    """One scenario of a result of inference, as far as every part of the checker knows it."""

    name: str
    folder: str
    runs: Mapping[str, Run]


@dataclass(kw_only=True)
class Result:
    """`results/<system>/<workload>/` and what belongs to it elsewhere in the submitter's folder."""

    tree: Tree
    folder: str
    ruleset: RuleSet
    submitter: str | None  # the folder's name, where the layout says it is one
    division_of_folder: str | None
    scope: str = ""  # the submission's: what was asked for
    system_document: ValidDocument[SystemDescription] | None = None
    manifest: ValidDocument[Manifest] | None = None
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)  # of training: none
    flaws: Flaws = field(default_factory=dict)

    @property
    def runs(self) -> Sequence[Run]:
        """All runs, in order."""
        raise NotImplementedError

    @property
    def implementation(self) -> str:
        """The folder of the source that ran."""
        raise NotImplementedError

    @property
    def own_folders(self) -> tuple[str, ...]:
        """Folders all of whose files belong to the result."""
        return (self.folder, self.implementation)

    @property
    def documents(self) -> str:
        """The folder of the documents on the whole result."""
        return self.folder

    @property
    def rules(self) -> WorkloadRules | ServingRules | None:
        """What the round fixes about the workload; None where it does not know it."""
        raise NotImplementedError

    @property
    def steadiness(self) -> Steadiness | None:
        """What the round tolerates of a machine while it is measured."""
        return self.ruleset.steadiness

    @property
    def logged_workload(self) -> str | None:
        """The workload whose rules the lines of the result's logs are judged by; None: those of every workload."""
        return None

    @property
    def system(self) -> str:
        """The system's name, by the folder."""
        return self.folder.split("/")[1]

    @property
    def workload(self) -> str:
        """The workload's name, by the folder."""
        return self.folder.split("/")[2]

    @property
    def records(self) -> Sequence[ValidDocument[Record]]:
        """The records that could be read, in the order of the runs."""
        return [run.record for run in self.runs if run.record]

    @property
    def first_record(self) -> ValidDocument[Record] | None:
        """The first record that could be read."""
        return next(iter(self.records), None)

    @property
    def framework(self) -> str:
        """The framework, by the first record; empty where there is none."""
        return self.first_record.model.framework if self.first_record else ""

    @property
    def division(self) -> str:
        """The division, by the folder, else by the first record; closed where nothing says otherwise."""
        return self.division_of_folder or (self.first_record.model.division if self.first_record else "closed")

    @property
    def source_sha256(self) -> str:
        """Digest of the source that ran, by the first record; empty where there is none."""
        return self.first_record.model.source_sha256 if self.first_record else ""

    @property
    def sbom_path(self) -> str:
        """The bill of materials."""
        return f"{self.documents}/sbom.cdx.json"

    def read(self) -> None:
        """Read the documents on the whole result."""
        self.manifest = self.document("manifest", "manifest", Manifest)
        self.flaws["sbom"] = read_sbom(self.tree, self.sbom_path)

    def document(self, name: str, kind: str, model: type[M]) -> ValidDocument[M] | None:
        """Read `<name>.json` of the result; None where that cannot be done, which `flaws[name]` explains."""
        found, self.flaws[name] = read_document(self.tree, f"{self.documents}/{name}.json", kind, model)
        return found

    def sha256(self, path: str) -> str:
        """Return the digest of a file; RefusedError where it cannot be read or is larger than its kind may be."""
        return self.tree.sha256(path, self.tree.limits.log_bytes)


@dataclass
class System:
    """`systems/<system>.json`."""

    path: str
    document: ValidDocument[SystemDescription] | None
    flaws: Flaws


@dataclass
class Submission:
    """A submitter's folder; `scope` is the part of it that is judged, empty for all."""

    TOP: ClassVar[tuple[str, ...]]  # folders of the layout
    SYSTEM: ClassVar[tuple[str, type[SystemDescription]]]  # schema and model of a system's description

    root: Path
    scope: str
    tree: Tree
    ruleset: RuleSet

    def has_place(self, entry: Entry) -> bool:
        """Whether the layout has a place for `entry`."""
        raise NotImplementedError

    def read(self, folder: str) -> Result:
        """Read the result in `folder`."""
        raise NotImplementedError

    @property
    def submitter(self) -> str | None:
        """The folder's name, where its place (`<division>/<submitter>`) says it is one."""
        return self.root.name if self.division else None

    @property
    def division(self) -> str | None:
        """The division, by the folder above, where that is one."""
        return self.root.parent.name if self.root.parent.name in DIVISIONS else None

    @property
    def entries(self) -> list[Entry]:
        """What is in scope."""
        return [entry for entry in self.tree.entries.values() if in_scope(entry.path, self.scope)]

    @cached_property
    def result_folders(self) -> list[str]:
        """Folders of results in scope, as many as the round lets a submitter have."""
        return self.all_result_folders[: self.ruleset.limits.results]

    @cached_property
    def all_result_folders(self) -> list[str]:
        """Folders of results in scope, or around it where a part of one was asked for; hidden ones are unfinished."""
        whole = "/".join(self.scope.split("/")[:3])
        folders = (entry.path for entry in self.tree.entries.values() if entry.kind == "folder")
        parts = ((path, path.split("/")) for path in folders if in_scope(path, whole))
        return [path for path, (top, *rest) in parts if top == "results" and len(rest) == 2 and rest[1][:1] != "."]

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
            document, problems = read_document(self.tree, path, *self.SYSTEM)
            found[name] = System(path, document, {"system-document": problems})
        return found

    def common(self, folder: str) -> dict[str, Any]:
        """Return what a result in `folder` has of its submission."""
        system = self.systems.get(folder.split("/")[1])
        return {
            "tree": self.tree,
            "folder": folder,
            "ruleset": self.ruleset,
            "submitter": self.submitter,
            "division_of_folder": self.division,
            "scope": self.scope,
            "system_document": system.document if system else None,
        }


def in_scope(path: str, scope: str) -> bool:
    """Whether `path` is `scope` or below it."""
    return not scope or path == scope or path.startswith(f"{scope}/")


def read_if_there(tree: Tree, path: str, kind: str, model: type[M], flaws: Flaws) -> ValidDocument[M] | None:
    """Read a document that need not be there; what is wrong with one that is, is added to `flaws`."""
    if not tree.is_file(path):
        return None
    name = "idle" if path.endswith("idle.json") else kind
    found, flaws[name] = read_document(tree, path, kind, model)
    return found


def open_log(tree: Tree, path: str) -> tuple[ParsedLog | None, list[Violation]]:
    """Read a log; None and the reason where the file cannot be read or holds no record line at all."""
    try:
        with tree.open(path, tree.limits.log_bytes) as file:
            size = os.fstat(file.fileno()).st_size
            state = state_of(file.read(HEAD), size) or state_of_tail(tail_of(file, size), TOKEN)
            file.seek(0)
            log = read_log(file, path, tree.limits)
    except RefusedError as error:
        return None, [Violation(f"the log {error}", "a log file", "", path)]
    except OSError as error:
        return None, [Violation(f"the log cannot be read: {error.strerror}", "a log file", "", path)]
    if state is not None:
        return None, [state.problem(path, "the records of a run")]
    if not log.tokens:
        first = next(iter(log.flaws.get("log-line", [])), None)
        why, line = (f": {first.message}", first.line) if first else ("", None)
        return None, [Violation(f"the log holds no :::MLLOG line{why}", "the records of a run", "none", path, line)]
    return log, []


def read_sbom(tree: Tree, path: str) -> list[Violation]:
    """Return why the bill of materials cannot be used."""
    try:
        _, value = read_json(tree, path)
    except RefusedError as error:
        return [Violation(f"the bill of materials {error}", "a CycloneDX document", "", path)]
    except JsonError as error:
        return [Violation(f"the bill of materials is not usable JSON: {error}", "CycloneDX", "", path, error.line)]
    if not isinstance(value, dict) or value.get("bomFormat") != "CycloneDX":
        return [Violation("the bill of materials is not a CycloneDX document", '"bomFormat": "CycloneDX"', "", path, 1)]
    return []
