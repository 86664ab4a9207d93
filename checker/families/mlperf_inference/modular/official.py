"""The official verdict of the modular checker: six phases on every result, and where that program ends instead.

It judges one result after the other, in sorted order, and ends with a traceback at the first thing it cannot load; what
comes after is never judged. Here everything is judged: a result that it dies at has `stop`, every other one the verdict
it would have with those results taken out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from checker.core.files import look
from checker.core.findings import Problem, brief
from checker.core.tree import RefusedError
from checker.families.mlperf_inference.endpoints.logs import EndpointFiles, as_log, read_files
from checker.families.mlperf_inference.facts import JsonFile, Paths, ResultFacts, read_document
from checker.families.mlperf_inference.models import KINDS, SCENARIOS, Models, models
from checker.families.mlperf_inference.modular.accuracy import AccuracyRun, judge_accuracy
from checker.families.mlperf_inference.modular.compliance import Compliance, audits_folder, judge_compliance
from checker.families.mlperf_inference.modular.describing import Described, judge_measurements, judge_system
from checker.families.mlperf_inference.modular.outcome import PHASES, RAISED, Name, ResultPhase, Stop, View
from checker.families.mlperf_inference.modular.performance import PerformanceRun, judge_performance
from checker.families.mlperf_inference.power.check import has_power, judge_power
from checker.families.mlperf_inference.walk import MAPPING, InferenceScope, Listing, ResultFolder, Submitter
from checker.loadgen.detail_log import DetailLog
from rules import hostile_yaml
from rules.inference import InferenceRules, SystemKind
from rules.power import power_rules

YAML = 1 << 20  # bytes of a list of power supplies
UNKNOWN = "model not known: "  # what its checks raise on a benchmark that a table lacks


@dataclass(frozen=True)
class Options:
    """How the official checker was called; as recorded for published rounds, neither."""

    submission_exceptions: bool = False  # LoadGen's errors in a performance log fail it; an uncommitted one is forgiven
    extra_files: bool = False  # without --skip-extra-accuracy-files-check: pictures and videos have to be there


@dataclass
class SystemVerdict:
    """A system with results. `stop` is why the official checker ends before it comes to any of them."""

    name: str
    path: str  # systems/{system}.json
    description: dict[str, Any] = field(default_factory=dict)
    described: bool = False  # there is a description, and it is an object
    supplies_path: str | None = None
    supplies: Any = None
    stop: Stop | None = None


@dataclass
class ResultReview:
    """One result, judged. `stop` is why the official checker ends at it; then it has no official phases."""

    place: ResultFolder
    facts: ResultFacts
    system: SystemVerdict
    model: Any
    is_endpoints: bool = False
    endpoint: EndpointFiles | None = None  # what an endpoint's result is read from, where there is any of it
    performance: DetailLog | None = None  # what the performance phase read, an endpoint's files included
    accuracy: DetailLog | None = None
    phases: dict[Name, ResultPhase] = field(default_factory=dict)  # all six, unless a log they need is missing
    stop: Stop | None = None
    unwritten: bool = False  # it ends where it writes a valid result into its table
    metric: Any = None  # as the official table has it; None where the performance phase came to none
    metric_key: str = ""  # the key that it was read from
    inferred: bool = False
    accuracies: Any = None  # metric -> value as accuracy.txt says it
    power_metric: float | None = None  # W, or mJ per query
    power_efficiency: float | None = None
    has_power: bool = False
    design_power: Any = None

    @property
    def told(self) -> bool:
        """Whether the official checker comes to judge its six phases, be it that it cannot write them down."""
        return (self.stop is None or self.unwritten) and len(self.phases) == len(PHASES)

    @property
    def valid(self) -> bool:
        """Whether the official checker accepts it."""
        return self.stop is None and self.told and all(phase.passed for phase in self.phases.values())

    @property
    def failed(self) -> list[str]:
        """The official checks that fail, as `phase.check`."""
        return [f"{name}.{check}" for name in PHASES if name in self.phases for check in self.phases[name].failed]


class SubmitterFacts:
    """One submitter's folder and what all its results share."""

    def __init__(self, submitter: Submitter, rules: InferenceRules) -> None:
        self.submitter = submitter
        self.rules = rules
        self.mapping: Any = {}  # own benchmark names -> models, open division
        self.stop: Stop | None = None
        self._scenarios: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        try:
            self._read()
        except Stop as stop:
            self.stop = stop
        self.systems = {name: self._system(name) for name in submitter.systems}

    def paths(self, place: ResultFolder) -> Paths:
        """Return where a result's files are."""
        layout, names = self.rules.package.layout, _names(place)
        tests = {test: path.format(**names) for test, path in layout.compliance.items()}
        folder = layout.measurements.rpartition("/")[0].format(**names)
        if not layout.measurements.endswith("{file}"):
            return Paths(layout.measurements.format(**names), folder, tests)
        files = self.submitter.listing.files(folder)
        named = (name for name in files if name.startswith(place.system) and name.endswith(".json"))
        return Paths(f"{folder}/{next(named, None)}", folder, tests)

    def scenarios(self, place: ResultFolder, model: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return which required scenarios of a benchmark are missing, and which folders are of none it has."""
        key = (place.system, place.benchmark)
        if key not in self._scenarios:
            self._scenarios[key] = self._compared(place, model)
        return self._scenarios[key]

    def _compared(self, place: ResultFolder, model: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        kind = KINDS.get(str(self.systems[place.system].description.get("system_type")))
        if place.division == "open" or kind is None:
            return (), ()
        wanted = models(self.rules.name).scenarios(model, kind)
        if wanted is None:
            return (), ()
        there = [scenario.lower() for scenario in self.submitter.scenarios(place.system, place.benchmark)]
        required, optional = ([s.lower() for s in those] for those in (wanted.required, wanted.optional))
        missing: list[str] = [SCENARIOS[scenario] for scenario in required if scenario not in there]
        unknown = [scenario for scenario in there if scenario not in required + optional]
        if {"interactive", "server"} <= set(optional) and not {"interactive", "server"} & set(there):
            missing.append("Interactive or Server")
        return tuple(missing), tuple(unknown)

    def _read(self) -> None:
        listing, path = self.submitter.listing, MAPPING
        if self.submitter.division == "open" and listing.exists(path):
            document = read_document(self.submitter.tree, path)
            if document.crash is not None:
                raise Stop("the submitter's model mapping cannot be read", document.crash, path, document.crash_line)
            self.mapping = document.value
        if not listing.is_folder("results"):
            cause = "NotADirectoryError: results" if listing.exists("results") else "FileNotFoundError: results"
            raise Stop("the submitter has no results", cause, "results")

    def _system(self, name: str) -> SystemVerdict:
        system = SystemVerdict(name, f"systems/{name}.json")
        try:
            self._describe(system)
        except Stop as stop:
            system.stop = stop
        return system

    def _describe(self, system: SystemVerdict) -> None:
        listing, tree, path = self.submitter.listing, self.submitter.tree, system.path
        if not listing.exists(path):
            raise Stop("the system has no description", f"AttributeError: no {path}", path)
        document = read_document(tree, path)
        if document.crash is not None:
            raise Stop("the system's description cannot be read", document.crash, path, document.crash_line)
        if not isinstance(document.value, dict):
            cause = f"AttributeError: the description is {brief(document.value)}"
            raise Stop("the system's description is no object", cause, path)
        system.description, system.described = document.value, True
        supplies = self.rules.package.layout.power_supplies
        if supplies is not None:
            system.supplies_path = supplies.format(system=system.name)
            if listing.exists(system.supplies_path):
                system.supplies = self._supplies(system.supplies_path)
        kind, benchmarks = document.value.get("system_type"), self.submitter.benchmarks(system.name)
        if self.submitter.division != "open" and benchmarks and kind not in list(KINDS):
            what = "the system is of no type that has scenarios"
            raise Stop(what, f"ValueError: invalid system type: {brief(kind)}", path)

    def _supplies(self, path: str) -> Any:
        try:
            return hostile_yaml.loads(self.submitter.tree.read(path, YAML).decode())
        except RefusedError as error:
            cause = f"the file {error}"
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            cause = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise Stop("the list of power supplies cannot be read", cause, path)


def _names(place: ResultFolder) -> dict[str, str]:
    return {
        "system": place.system,
        "benchmark": place.benchmark,
        "scenario": place.scenario,
        "file": "",
    }


def judge_result(case: SubmitterFacts, facts: ResultFacts, options: Options) -> ResultReview:
    """Judge one result whose files were read."""
    place = facts.place
    system = case.systems[place.system]
    review = ResultReview(place, facts, system, place.benchmark)
    stops = list(_stops(case, review))
    review.stop = case.stop or system.stop or next(iter(stops), None)
    _judge(case, review, options)
    if review.valid:
        review.stop = _table_stop(review)
        review.unwritten = review.stop is not None
    return review


def submitter_stops(case: SubmitterFacts, scope: InferenceScope) -> Iterator[Stop | ResultFolder]:
    """Yield, in the official program's order, what ends it at more than one result, and the results."""
    if case.stop is not None:
        yield case.stop
    submitter, known = case.submitter, models(case.rules.name)
    by_benchmark: dict[tuple[str, str], list[ResultFolder]] = {}
    for place in submitter.places:
        if scope.wanted(place):
            by_benchmark.setdefault((place.system, place.benchmark), []).append(place)
    with_results = {system for system, _ in by_benchmark}
    for name, system in case.systems.items():
        if name not in with_results and scope.only:
            continue
        if system.stop is not None:
            yield system.stop
        kind = KINDS.get(str(system.description.get("system_type")))
        for benchmark in submitter.benchmarks(name):
            results = by_benchmark.get((name, benchmark), [])
            if not results and not scope.only and submitter.division != "open" and kind is not None:
                yield from _unknown(known, benchmark, known.of(benchmark), kind, f"results/{name}/{benchmark}")
            yield from results


def _unknown(known: Models, benchmark: str, model: Any, kind: SystemKind, path: str) -> Iterator[Stop]:
    """Yield the end at a benchmark that the round does not have on such a system."""
    if known.scenarios(model, kind) is None:
        what = f"the round has no benchmark {brief(benchmark)} on a system of this type ({kind})"
        yield Stop(what, "TypeError: 'NoneType' object is not iterable", path)


def _stops(case: SubmitterFacts, review: ResultReview) -> Iterator[Stop]:
    """Yield what ends the official program at this result, in the order in which it comes to it."""
    place, facts, known = review.place, review.facts, models(case.rules.name)
    try:
        review.model = known.of(place.benchmark, case.mapping)
    except RAISED as error:
        what = "the submitter's model mapping is no object"
        yield Stop(what, f"{type(error).__name__}: {error}", MAPPING)
    kind = KINDS.get(str(review.system.description.get("system_type")))
    if place.division != "open" and kind is not None:
        path = f"results/{place.system}/{place.benchmark}"
        yield from _unknown(known, place.benchmark, review.model, kind, path)
    folder = facts.paths.measurements_folder
    if not case.submitter.listing.is_folder(folder):
        yield Stop("the folder of the implementation's description is missing", "FileNotFoundError", folder)
    yield from _unreadable(facts)
    review.performance, review.accuracy = facts.performance, facts.accuracy
    if facts.performance is None and facts.accuracy is None:
        review.is_endpoints = True
        files, fixed = read_files(case.submitter.tree, place.path), case.rules.package.endpoints
        review.endpoint = files if _is_endpoint(case.submitter.listing, files) else None
        review.performance = as_log(files, fixed, accuracy=False)
        review.accuracy = as_log(files, fixed, accuracy=True)
        _blame_config(case.submitter, review)
        for read in (review.performance, review.accuracy):
            if read.crash is not None:
                yield Stop("an endpoint's log cannot be read", read.crash, read.path)
    logs = (("performance", review.performance), ("accuracy", review.accuracy))
    for name, log in logs:
        path = f"{place.path}/{'performance/run_1' if name == 'performance' else name}/mlperf_log_detail.txt"
        if log is None:
            yield Stop(f"the {name} log is missing", "TypeError: 'NoneType' object is not subscriptable", path)
        elif "effective_scenario" in log and "effective_scenario" not in log.values:
            what = "the log's effective_scenario has no value"
            yield Stop(what, "KeyError: 'value'", path, log.at("effective_scenario"))
        elif name == "performance" and review.is_endpoints and not _endpoints_scenario_told(review):
            what = "there is no performance log, neither LoadGen's nor an endpoint's that says its scenario"
            yield Stop(what, "AttributeError: effective_scenario is no text", path)


def _is_endpoint(listing: Listing, files: EndpointFiles) -> bool:
    """Whether a result without LoadGen's logs is an endpoint's, rather than one whose logs are missing."""
    return any(listing.exists(file.path) for file in (files.summary, files.accuracy, files.config))


def _blame_config(submitter: Submitter, review: ResultReview) -> None:
    """Let what an endpoint's logs lack be a matter of config.yaml where that is no such file: it gives half of them."""
    for name in ("config.yaml", "config.yml"):
        path = f"{review.place.path}/{name}"
        if submitter.listing.size(path) is None:
            continue
        if (state := look(submitter.tree, path)) is not None and state.name != "byte-order mark":
            for log in filter(None, (review.performance, review.accuracy)):
                log.path = path
        return


def _unreadable(facts: ResultFacts) -> Iterator[Stop]:
    """Yield the files that stop the official program while it loads them."""
    what = "LoadGen's log cannot be read"
    for log in (facts.performance, facts.accuracy):
        if log is not None and log.stops is not None:
            yield Stop(what, log.stops, log.path, log.crash_line)
    for file in (facts.accuracy_text, facts.measurements):
        if file is not None and file.crash is not None:
            line = file.crash_line if isinstance(file, JsonFile) else None
            yield Stop("the file cannot be read", file.crash, file.path, line)
    for test in ("TEST01", "TEST04", "TEST06", "TEST07", "TEST09", "TEST08"):
        if (found := facts.tests.get(test)) is None:
            continue
        if (log := found.official_log) is not None and log.stops is not None:
            yield Stop(what, log.stops, log.path, log.crash_line)
        if found.accuracy is not None and found.accuracy.crash is not None:
            yield Stop("the file cannot be read", found.accuracy.crash, found.accuracy.path)


def _endpoints_scenario_told(review: ResultReview) -> bool:
    asked, ran = review.place.scenario.lower(), review.performance["effective_scenario"] if review.performance else None
    return asked in ("singlestream", "interactive") or str(ran).lower() == "interactive" or isinstance(ran, str)


def _judge(case: SubmitterFacts, review: ResultReview, options: Options) -> None:
    """Judge the phases that what is there allows."""
    place, facts, system, rules = review.place, review.facts, review.system, case.rules
    tree, listing = case.submitter.tree, case.submitter.listing
    review.has_power = has_power(tree, place.path)
    described = Described(
        rules=rules,
        listing=listing,
        division=place.division,
        submitter=place.submitter,
        system_path=system.path,
        system=system.description,
        supplies_path=system.supplies_path,
        supplies=system.supplies,
        has_power=review.has_power,
        measurements=facts.measurements,
        measurements_path=facts.paths.measurements,
        measurements_folder=facts.paths.measurements_folder,
        is_endpoints=review.is_endpoints,
    )
    if system.described:
        review.phases["system"] = judge_system(described)
        review.design_power = described.design_power
    review.phases["measurements"] = judge_measurements(described)
    if review.accuracy is not None:
        review.phases["accuracy"] = _accuracy(case, review, review.accuracy, options)
    if review.performance is None:
        return
    run = _run(case, review, review.performance, options)
    review.phases["performance"] = judge_performance(run)
    review.metric, review.metric_key = run.metric, run.metric_key
    review.inferred = isinstance(run.ran, str) and run.inferred
    audits = {} if not review.is_endpoints else _audits(case, facts)
    if review.endpoint is not None:
        review.endpoint.audits = audits
    of = Compliance(run, listing, facts.paths.tests, facts.tests, audits)
    review.phases["compliance"] = judge_compliance(of)
    review.phases["power"] = _power(case, review, review.performance)


def _run(case: SubmitterFacts, review: ResultReview, log: DetailLog, options: Options) -> PerformanceRun:
    place, view = review.place, View(log)
    missing, unknown = case.scenarios(review.place, review.model)
    ran = log.values.get("effective_scenario")
    asked = place.scenario
    if review.is_endpoints:
        asked = "server" if asked.lower() == "online" else asked
        ran = _endpoints_scenario(ran, asked)
    return PerformanceRun(
        rules=case.rules,
        view=view,
        path=place.path,
        division=place.division,
        model=review.model,
        asked=asked,
        ran=ran,
        system=review.system.description,
        is_endpoints=review.is_endpoints,
        strict_errors=options.submission_exceptions,
        missing=missing,
        unknown=unknown,
    )


def _endpoints_scenario(ran: Any, asked: str) -> Any:
    if asked.lower() == "singlestream":
        return "SingleStream"
    if "interactive" in (asked.lower(), str(ran).lower()):
        return "Interactive"
    return "Server" if isinstance(ran, str) and ran.lower() == "online" else ran


def _accuracy(case: SubmitterFacts, review: ResultReview, log: DetailLog, options: Options) -> ResultPhase:
    place = review.place
    run = AccuracyRun(
        rules=case.rules,
        view=View(log),
        listing=case.submitter.listing,
        folder=f"{place.path}/accuracy",
        text=review.facts.accuracy_text,
        division=place.division,
        model=review.model,
        asked="server" if review.is_endpoints and place.scenario.lower() == "online" else place.scenario,
        is_endpoints=review.is_endpoints,
        strict_errors=options.submission_exceptions,
        extra_files=options.extra_files,
    )
    phase = judge_accuracy(run)
    review.accuracies = run.metrics
    return phase


def _audits(case: SubmitterFacts, facts: ResultFacts) -> dict[str, JsonFile]:
    folder, named = audits_folder(facts.paths.tests), case.rules.package.endpoints.audits
    paths = {test: f"{folder}/audit_{name}.json" for test, name in named.items()}
    listing, tree = case.submitter.listing, case.submitter.tree
    return {test: read_document(tree, path) for test, path in paths.items() if listing.exists(path)}


def _power(case: SubmitterFacts, review: ResultReview, log: DetailLog) -> ResultPhase:
    phase = ResultPhase("power")
    if not review.has_power:
        return phase
    metric = review.metric if isinstance(review.metric, int | float) else None
    fixed = power_rules(case.rules.name)
    judged = judge_power(case.submitter.tree, review.place.path, log.__getitem__, metric, fixed)
    phase.problems += judged.outcome.problems
    if judged.outcome.answer != "pass":
        phase.failed.append("power")
    review.power_metric, review.power_efficiency = judged.metric, judged.efficiency
    return phase


def _table_stop(review: ResultReview) -> Stop | None:
    """Return why the official program ends where it writes a valid result down; None where it does not."""
    system, path = review.system.description, review.system.path
    scenario = "server" if review.is_endpoints and review.place.scenario.lower() == "online" else review.place.scenario
    what = "the result is valid and cannot be written into the table"
    try:
        int(system["number_of_nodes"]) * int(system["accelerators_per_node"])
    except RAISED as error:
        found = f"{brief(system.get('number_of_nodes'))} nodes of {brief(system.get('accelerators_per_node'))}"
        return Stop(what, f"{type(error).__name__}: {found} accelerators: {error}", path)
    if (notes := _notes(system)) is not None:
        return Stop(what, notes, path)
    if scenario not in SCENARIOS and scenario not in SCENARIOS.values():
        return Stop(what, f"KeyError: {scenario!r}", review.place.path)
    if not isinstance(review.model, str):
        return Stop(what, f"TypeError: the model is {brief(review.model)}", MAPPING)
    return None


def _notes(system: dict[str, Any]) -> str | None:
    """Return why the notes on hardware and software cannot be joined, None where they can."""
    try:
        notes = system.get("hw_notes", "")
        if system.get("sw_notes"):
            notes = notes + ". " if notes else ""
            notes + system["sw_notes"]
    except TypeError as error:
        return f"TypeError: hw_notes and sw_notes: {error}"
    return None


def problems_of(review: ResultReview) -> Iterator[tuple[str, Problem]]:
    """Yield everything that the official checker objects to in a result, with the rule that says so."""
    if review.stop is not None:
        yield review.stop.rule, review.stop.problem
    blind = _blind(review) if review.stop is not None else set()
    found = [
        one for name in PHASES if name in review.phases and name not in blind for one in review.phases[name].problems
    ]
    nameless = [one for one in found if UNKNOWN in one[1].message or UNKNOWN in one[1].found]
    for rule, problem in found:
        if (rule, problem) == next(iter(nameless), None):
            what = "the round has no such benchmark: no check that needs its numbers can be computed, and each fails"
            folder = review.place.path.rpartition("/")[0]
            yield "official-benchmark", Problem(what, "a benchmark of the round", review.place.benchmark, folder)
        elif (rule, problem) not in nameless:
            yield rule, problem


def _blind(review: ResultReview) -> set[Name]:
    """Return the phases whose own files end the official program: what fails there only follows from that."""
    facts, found = review.facts, set[Name]()
    if review.system.stop is not None:
        found.add("system")
    if _unusable(review.performance):
        found |= {"performance", "power"}
    if _unusable(review.accuracy) or (facts.accuracy_text is not None and facts.accuracy_text.crash is not None):
        found.add("accuracy")
    if facts.measurements is not None and facts.measurements.crash is not None:
        found.add("measurements")
    files = [file for test in facts.tests.values() for file in (test.official_log, test.accuracy) if file is not None]
    if "performance" in found or any(file.crash is not None for file in files):
        found.add("compliance")
    return found


def _unusable(log: DetailLog | None) -> bool:
    return log is None or log.stops is not None or not log.lines
