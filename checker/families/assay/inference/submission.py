"""A submission of inference: results with scenarios, each with its LoadGen runs.

What is large, traces and answers, is read when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from checker.core.documents import ValidDocument
from checker.core.findings import Violation, brief
from checker.core.tree import Entry, RefusedError, Tree
from checker.families.assay.inference.answers import Answer, read_answers
from checker.families.assay.inference.compliance import PerformanceTest
from checker.families.assay.inference.latencies import Latencies, read_latencies
from checker.families.assay.inference.runs import answers_path, loadgen_folder
from checker.families.assay.submission import Result, Run, Scenario, Submission
from checker.loadgen.detail_log import read_detail
from checker.loadgen.log import DetailLog
from rules.compliance import ComplianceRules, compliance_rules
from rules.errors import UsageError
from rules.scenarios import SCENARIOS, LoadGenScenario, scenario_named
from rules.serving import ScenarioRules, ServingRules, serving_rules
from rules.serving_documents import OutputsCertificate, SearchRecord, ServingRecord, ServingSystem

RUNS = ("performance", "accuracy", "TEST01", "TEST04", "TEST06", "seeds")
PERFORMANCE = tuple(run for run in RUNS if run != "accuracy")
LOGGED = ("accuracy", "TEST01", "TEST06")  # runs that log answers
LOGS = r"mlperf_log_(detail|summary)\.txt"
PLACES = tuple(
    re.compile(form)
    for form in (
        r"systems/[^/]+\.json",
        r"src/[^/]+/[^/]+/.+",
        r"results/[^/]+/[^/]+/[^/]+/(measurements\.json|user\.conf|README\.md)",
        rf"results/[^/]+/[^/]+/[^/]+/(TEST\d\d/)?performance/run_1/{LOGS}",
        rf"results/[^/]+/[^/]+/[^/]+/accuracy/(accuracy\.txt|mlperf_log_accuracy\.json|{LOGS})",
        r"results/[^/]+/[^/]+/[^/]+/TEST\d\d/(verify_(accuracy|performance)\.txt|accuracy/mlperf_log_accuracy\.json)",
        r"assay/[^/]+/[^/]+/(manifest|outputs|search|sbom\.cdx)\.json",
        r"assay/[^/]+/[^/]+/[^/]+/[^/]+/(record\.json|log\.txt|latencies\.bin|observation\.json)",
        r"assay/[^/]+/[^/]+/[^/]+/accuracy/mlperf_log_accuracy\.json",
        rf"assay/[^/]+/[^/]+/[^/]+/seeds/{LOGS}",
    )
)
T = TypeVar("T")


@dataclass(kw_only=True)
class LoadGenRun(Run):
    """One run of LoadGen: the container's log, its record, LoadGen's files."""

    RECORD = ("serving-record", ServingRecord)

    tree: Tree
    scenario: str
    folder: str  # of what is ours of the run
    results: str  # the scenario's folder in results/
    tokens: bool
    detail_path: str  # LoadGen's detail log
    summary_path: str
    latencies_path: str  # what LoadGen's trace was reduced to
    answers_path: str  # LoadGen's accuracy log, whole
    fixed: ScenarioRules | None = None  # what the round asks of its scenario
    told: bool = False  # whether its division lets LoadGen be told otherwise
    record: ValidDocument[ServingRecord] | None = None

    @property
    def its(self) -> LoadGenScenario:
        """What LoadGen makes of its scenario."""
        return scenario_named(self.scenario)

    @cached_property
    def asked(self) -> ScenarioRules | None:
        """What its scenario asks for: by the round, or, in the open division, by what LoadGen was told."""
        if self.fixed is None or not self.told:
            return self.fixed
        changed = {
            member: self.detail[f"effective_{member}"]
            for member in ("min_duration_ms", "min_query_count", "samples_per_query")
            if type(self.detail[f"effective_{member}"]) is int and getattr(self.fixed, member) is not None
        }
        return self.fixed.model_copy(update=changed)

    @cached_property
    def detail(self) -> DetailLog:
        """LoadGen's detail log; one that is cut off, or none, is refused like one that cannot be read."""
        log = read_detail(self.tree, self.detail_path)
        return log if log.state is None else replace(log, refused=log.state.what)

    @property
    def whole(self) -> DetailLog | None:
        """LoadGen's detail log, where it was read to its end."""
        return self.detail if self.detail.refused is None else None

    @cached_property
    def latencies(self) -> Latencies | None:
        """The run's latencies; None where they cannot be had, which `flaws["latencies"]` explains."""
        return self._read("latencies", self.latencies_path, read_latencies, "latencies.bin as the harness writes it")

    @property
    def timed(self) -> Latencies | None:
        """The latencies of a run in performance mode whose log is whole and whose scenario the round has."""
        known = self.asked is not None and self.whole is not None and self.name in PERFORMANCE
        return self.latencies if known else None

    @cached_property
    def answers(self) -> list[Answer] | None:
        """The logged answers; None where they cannot be had, which `flaws["answers"]` explains."""
        return self._read("answers", self.answers_path, read_answers, "LoadGen's accuracy log")

    def _read(self, what: str, path: str, reader: Callable[[Tree, str], T], wanted: str) -> T | None:
        try:
            return reader(self.tree, path)
        except RefusedError as error:
            self.flaws[what] = [Violation(f"the file {error}", wanted, "", path)]
            return None

    @property
    def measured(self) -> PerformanceTest:
        """What the run measured, for verdicts of compliance."""
        return PerformanceTest(self.scenario, self.detail.values, self.tokens, self.latencies)

    def said(self, key: str, message: str, expected: str) -> Violation:
        """Return a problem with what LoadGen's detail log says of `key`."""
        return Violation(message, expected, brief(self.detail[key]), self.detail_path, self.detail.at(key))

    def with_latencies(self, message: str, expected: str, found: str) -> Violation:
        """Return a problem with the latencies."""
        return Violation(message, expected, found, self.latencies_path)

    def require_said(self, message: str, wanted: Any, key: str) -> Iterator[Violation]:
        """Yield a problem where LoadGen's detail log, read to its end, has not `wanted` as the value of `key`."""
        if self.whole is not None and self.detail[key] != wanted:
            yield self.said(key, message, brief(wanted))


def loadgen_run(tree: Tree, scenario: str, name: str, results: str, ours: str, tokens: bool) -> LoadGenRun:
    """Return a run, unread; `results` and `ours` are the scenario's folders in `results/` and `assay/`."""
    folder, loadgens = f"{ours}/{name}", loadgen_folder(results, ours, name)
    return LoadGenRun(
        name=name,
        place={"scenario": scenario, "run": name},
        tree=tree,
        scenario=scenario,
        folder=folder,
        results=results,
        tokens=tokens,
        log_path=f"{folder}/log.txt",
        record_path=f"{folder}/record.json",
        observation_path=f"{folder}/observation.json",
        detail_path=f"{loadgens}/mlperf_log_detail.txt",
        summary_path=f"{loadgens}/mlperf_log_summary.txt",
        latencies_path=f"{folder}/latencies.bin",
        answers_path=answers_path(results, ours, name),
    )


def _is_there(run: LoadGenRun) -> bool:
    return any(path in run.tree.entries for path in (run.record_path, run.detail_path, run.log_path))


@dataclass(kw_only=True)
class ScenarioResult(Scenario):
    """One scenario of a result: `results/<system>/<workload>/<Scenario>/` and what is ours of it."""

    ours: str
    rules: ScenarioRules | None  # None: the round has no such scenario for the workload
    runs: dict[str, LoadGenRun]

    @property
    def performance(self) -> LoadGenRun | None:
        """The run whose score counts."""
        return self.runs.get("performance")

    @property
    def accuracy(self) -> LoadGenRun | None:
        """The run that asks each sample once."""
        return self.runs.get("accuracy")


@dataclass(kw_only=True)
class InferenceResult(Result):
    """A system's scenarios of a workload."""

    system_document: ValidDocument[ServingSystem] | None = None
    scenarios: dict[str, ScenarioResult] = field(default_factory=dict)
    outputs: ValidDocument[OutputsCertificate] | None = None
    search: ValidDocument[SearchRecord] | None = None

    @property
    def ours(self) -> str:
        """The folder of what is ours of the result."""
        return f"assay/{self.system}/{self.workload}"

    @property
    def documents(self) -> str:
        """The folder of what is ours of the result."""
        return self.ours

    @property
    def runs(self) -> list[LoadGenRun]:
        """All LoadGen runs, scenario by scenario."""
        return [run for scenario in self.scenarios.values() for run in scenario.runs.values()]

    @property
    def records(self) -> list[ValidDocument[ServingRecord]]:
        """The records that could be read, scenario by scenario."""
        return [run.record for run in self.runs if run.record]

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
    def implementation(self) -> str:
        """The folder of the source that ran."""
        return f"src/{self.workload}/{self.framework}"

    @property
    def own_folders(self) -> tuple[str, ...]:
        """Folders all of whose files belong to the result."""
        return (self.folder, self.ours, self.implementation)

    def read(self) -> None:
        """Read outputs, search and scenarios too."""
        super().read()
        self.outputs = self.document("outputs", "outputs-certificate", OutputsCertificate)
        self.search = self.document("search", "search-record", SearchRecord)
        for name in self._named():
            rules = self.rules.scenarios.get(name) if self.rules else None  # type: ignore[call-overload]
            folder, ours = f"{self.folder}/{name}", f"{self.ours}/{name}"
            tokens = self.rules is not None and self.rules.tokens
            runs = {run: loadgen_run(self.tree, name, run, folder, ours, tokens) for run in RUNS}
            there = {run: one for run, one in runs.items() if _is_there(one)}
            for one in there.values():
                one.read(self.tree)
            self.scenarios[name] = ScenarioResult(name=name, folder=folder, ours=ours, rules=rules, runs=there)
        for scenario in self.scenarios.values():
            for run in scenario.runs.values():
                run.fixed, run.told = scenario.rules, self.division != "closed"

    def _named(self) -> Iterator[str]:
        """Yield the scenarios there is anything of, in the field's order, unknown ones last."""
        folders = (entry.path for entry in self.tree.entries.values() if entry.kind == "folder")
        parts = (path.rpartition("/") for path in folders if path.count("/") == 3)
        there = {name for above, _, name in parts if above in (self.folder, self.ours)}
        yield from (name for name in SCENARIOS if name in there)
        yield from sorted(there.difference(SCENARIOS))


class InferenceSubmission(Submission):
    """A submitter's folder of inference."""

    TOP = ("systems", "src", "results", "assay")
    SYSTEM = ("serving-system", ServingSystem)

    def read(self, folder: str) -> InferenceResult:
        """Read everything of the result in `folder` but what is large."""
        result = InferenceResult(**self.common(folder))
        result.read()
        return result

    def has_place(self, entry: Entry) -> bool:
        """Whether the layout has a place for `entry`."""
        if entry.kind == "folder":
            return entry.path.partition("/")[0] in self.TOP
        return any(form.fullmatch(entry.path) for form in PLACES)
