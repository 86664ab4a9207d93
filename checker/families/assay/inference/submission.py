"""A submission of inference as read from its folder: systems, results, scenarios, LoadGen runs. Reading judges nothing.

A result and a run have what those of training have (`families/assay/submission.py`), so that rules on
provenance, containers and clocks judge both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from checker.core.documents import Document, read_document
from checker.core.findings import Problem
from checker.core.mllog import Log
from checker.core.tree import RefusedError, Tree
from checker.families.assay.inference.answers import Answer, read_answers
from checker.families.assay.inference.compliance import Measured
from checker.families.assay.inference.latencies import Latencies, read_latencies
from checker.families.assay.inference.runs import answers_path, loadgen_folder
from checker.families.assay.submission import Submission, System, in_scope, open_log, read_sbom
from checker.loadgen.detail_log import DetailLog, read_detail
from rules.compliance import ComplianceRules, compliance_rules
from rules.documents import Manifest
from rules.errors import UsageError
from rules.observation import Observation
from rules.ruleset import RuleSet
from rules.serving import SCENARIOS, ScenarioRules, ServingRules, serving_rules
from rules.serving_documents import OutputsCertificate, SearchRecord, ServingRecord, ServingSystem

RUNS = ("performance", "accuracy", "TEST01", "TEST04", "TEST06", "seeds")
PERFORMANCE = tuple(run for run in RUNS if run != "accuracy")
LOGGED = ("accuracy", "TEST01", "TEST06")  # runs that log answers
T = TypeVar("T")


@dataclass
class ServingRun:
    """One LoadGen run: the container's log, its record, LoadGen's files; None where one is missing or unusable."""

    tree: Tree
    scenario: str
    name: str
    results: str  # the scenario's folder in results/
    ours: str  # the scenario's folder in assay/
    tokens: bool
    log: Log | None = None
    record: Document[ServingRecord] | None = None
    observation: Document[Observation] | None = None
    flaws: dict[str, list[Problem]] = field(default_factory=dict)

    @property
    def index(self) -> str:
        """What tells the run from others of its result."""
        return f"{self.scenario} {self.name}"

    @property
    def log_path(self) -> str:
        """The container's standard output."""
        return f"{self.ours}/{self.name}/log.txt"

    @property
    def record_path(self) -> str:
        """The run's record."""
        return f"{self.ours}/{self.name}/record.json"

    @property
    def observation_path(self) -> str:
        """What was sampled of the machine during the run."""
        return f"{self.ours}/{self.name}/observation.json"

    @property
    def unobserved(self) -> str:
        """Why nothing was sampled of the machine, by the record."""
        return self.record.model.unobserved if self.record else ""

    @property
    def detail_path(self) -> str:
        """LoadGen's detail log."""
        return f"{loadgen_folder(self.results, self.ours, self.name)}/mlperf_log_detail.txt"

    @property
    def summary_path(self) -> str:
        """LoadGen's summary."""
        return f"{loadgen_folder(self.results, self.ours, self.name)}/mlperf_log_summary.txt"

    @property
    def latencies_path(self) -> str:
        """What the trace was reduced to."""
        return f"{self.ours}/{self.name}/latencies.bin"

    @property
    def answers_path(self) -> str:
        """LoadGen's accuracy log, whole."""
        return answers_path(self.results, self.ours, self.name)

    @cached_property
    def detail(self) -> DetailLog:
        """LoadGen's detail log; one that is cut off, or none, is refused like one that cannot be read."""
        log = read_detail(self.tree, self.detail_path)
        return log if log.state is None else replace(log, refused=log.state.what)

    @cached_property
    def latencies(self) -> Latencies | None:
        """The run's latencies; None where they cannot be had, which `flaws["latencies"]` explains."""
        return self._read("latencies", self.latencies_path, read_latencies, "latencies.bin as the harness writes it")

    @cached_property
    def answers(self) -> list[Answer] | None:
        """The logged answers; None where they cannot be had, which `flaws["answers"]` explains."""
        return self._read("answers", self.answers_path, read_answers, "LoadGen's accuracy log")

    def _read(self, what: str, path: str, reader: Callable[[Tree, str], T], wanted: str) -> T | None:
        try:
            return reader(self.tree, path)
        except RefusedError as error:
            self.flaws[what] = [Problem(f"the file {error}", wanted, "", path)]
            return None

    @property
    def measured(self) -> Measured:
        """What the run measured, for verdicts of compliance."""
        return Measured(self.scenario, self.detail.values, self.tokens, self.latencies)

    def interval(self, start: str, stop: str) -> float | None:
        """Return the seconds from the first `start` to the first `stop` by the log's clock; None where unknown."""
        return self.log.interval(start, stop) if self.log else None

    def said(self, key: str, message: str, expected: str, found: str) -> Problem:
        """Return a problem with a line of LoadGen's detail log."""
        return Problem(message, expected, found, self.detail_path, self.detail.at(key))


@dataclass
class ScenarioResult:
    """One scenario of a result: `results/<system>/<workload>/<Scenario>/` and what is ours of it."""

    name: str
    folder: str
    ours: str
    rules: ScenarioRules | None  # None: the round has no such scenario for the workload
    runs: dict[str, ServingRun]

    @property
    def performance(self) -> ServingRun | None:
        """The run whose score counts."""
        return self.runs.get("performance")

    @property
    def accuracy(self) -> ServingRun | None:
        """The run that asks each sample once."""
        return self.runs.get("accuracy")


@dataclass
class ServingResult:
    """`results/<system>/<workload>/` and what belongs to it elsewhere in the submitter's folder."""

    tree: Tree
    folder: str
    ruleset: RuleSet
    submitter: str | None
    division: str
    division_of_folder: str | None
    scenarios: dict[str, ScenarioResult]
    manifest: Document[Manifest] | None
    outputs: Document[OutputsCertificate] | None
    search: Document[SearchRecord] | None
    flaws: dict[str, list[Problem]]
    scope: str = ""
    system_document: Document[ServingSystem] | None = None

    @property
    def system(self) -> str:
        """The system's name, by the folder."""
        return self.folder.split("/")[1]

    @property
    def workload(self) -> str:
        """The workload's name, by the folder."""
        return self.folder.split("/")[2]

    @property
    def ours(self) -> str:
        """The folder of what is ours of the result."""
        return f"assay/{self.system}/{self.workload}"

    @property
    def runs(self) -> list[ServingRun]:
        """All LoadGen runs, scenario by scenario."""
        return [run for scenario in self.scenarios.values() for run in scenario.runs.values()]

    @cached_property
    def rules(self) -> ServingRules | None:
        """What the round fixes about the workload; None where it does not know it."""
        try:
            return serving_rules(self.ruleset.name, self.workload)
        except UsageError:
            return None

    @property
    def compliance(self) -> ComplianceRules:
        """What the round asks of compliance runs."""
        return compliance_rules(self.ruleset.name)

    @property
    def framework(self) -> str:
        """The framework, by the first record; empty where there is none."""
        return next((run.record.model.framework for run in self.runs if run.record), "")

    @property
    def implementation(self) -> str:
        """The folder of the source that ran."""
        return f"src/{self.workload}/{self.framework}"

    @property
    def own_folders(self) -> tuple[str, ...]:
        """Folders all of whose files belong to the result."""
        return (self.folder, self.ours, self.implementation)

    @property
    def sbom_path(self) -> str:
        """The bill of materials."""
        return f"{self.ours}/sbom.cdx.json"

    def sha256(self, path: str) -> str:
        """Return the digest of a file; RefusedError where it cannot be read or is too large."""
        return self.tree.sha256(path, self.tree.limits.log_bytes)


class ServingSubmission(Submission):
    """A submitter's folder of inference."""

    @cached_property
    def systems(self) -> dict[str, System]:
        """Systems in scope, by name: all files of `systems/`, or those the results in scope need."""
        return {
            name: System(path, document, {"system-document": problems})  # type: ignore[arg-type]
            for name, path in self.system_paths.items()
            for document, problems in [read_document(self.tree, path, "serving-system", ServingSystem)]
        }

    @cached_property
    def all_result_folders(self) -> list[str]:
        """Folders of results in scope, or around it where one scenario was asked for."""
        whole = "/".join(self.scope.split("/")[:3])
        return [
            entry.path
            for entry in self.tree.entries.values()
            if entry.kind == "folder"
            and entry.path.startswith("results/")
            and entry.path.count("/") == 2
            and in_scope(entry.path, whole)
        ]


def read_serving_result(submission: ServingSubmission, folder: str) -> ServingResult:
    """Read everything of the result in `folder` but what is large, which is read when it is asked for."""
    tree, ruleset = submission.tree, submission.ruleset
    system, workload = folder.split("/")[1:]
    ours = f"assay/{system}/{workload}"
    flaws: dict[str, list[Problem]] = {}
    manifest, flaws["manifest"] = read_document(tree, f"{ours}/manifest.json", "manifest", Manifest)
    outputs, flaws["outputs"] = read_document(tree, f"{ours}/outputs.json", "outputs-certificate", OutputsCertificate)
    search, flaws["search"] = read_document(tree, f"{ours}/search.json", "search-record", SearchRecord)
    flaws["sbom"] = read_sbom(tree, f"{ours}/sbom.cdx.json")
    described = submission.systems.get(system)
    result = ServingResult(
        tree=tree,
        folder=folder,
        ruleset=ruleset,
        submitter=submission.submitter,
        division=submission.division or "closed",
        division_of_folder=submission.division,
        scenarios={},
        manifest=manifest,
        outputs=outputs,
        search=search,
        flaws=flaws,
        scope=submission.scope,
        system_document=described.document if described else None,  # type: ignore[arg-type]
    )
    for name in _scenarios(tree, folder, ours):
        rules = result.rules.scenarios.get(name) if result.rules else None  # type: ignore[call-overload]
        runs = _runs(tree, name, f"{folder}/{name}", f"{ours}/{name}", bool(result.rules and result.rules.tokens))
        result.scenarios[name] = ScenarioResult(name, f"{folder}/{name}", f"{ours}/{name}", rules, runs)
    if submission.division is None:
        stated = next((run.record.model.division for run in result.runs if run.record), "closed")
        result.division = stated
    return result


def _scenarios(tree: Tree, folder: str, ours: str) -> Iterator[str]:
    """Yield the scenarios there is anything of, in the field's order, unknown ones last."""
    there = {
        entry.path.split("/")[3]
        for entry in tree.entries.values()
        if entry.kind == "folder" and entry.path.count("/") == 3 and entry.path.rpartition("/")[0] in (folder, ours)
    }
    yield from (name for name in SCENARIOS if name in there)
    yield from sorted(there.difference(SCENARIOS))


def _runs(tree: Tree, scenario: str, folder: str, ours: str, tokens: bool) -> dict[str, ServingRun]:
    runs = {}
    for name in RUNS:
        run = ServingRun(tree, scenario, name, folder, ours, tokens)
        if not any(path in tree.entries for path in (run.record_path, run.detail_path, run.log_path)):
            continue
        run.log, run.flaws["log-present"] = open_log(tree, run.log_path)
        run.record, run.flaws["record"] = read_document(tree, run.record_path, "serving-record", ServingRecord)
        if tree.is_file(run.observation_path):
            run.observation, run.flaws["observation"] = read_document(
                tree, run.observation_path, "observation", Observation
            )
        runs[name] = run
    return runs
