"""The official verdict of the single-file checker (mlcommons/inference 5fbf01a1), which judged rounds up to v5.1.

It comes to results in the order in which the file system lists folders, and ends at the first thing that it cannot
read; here everything is judged, and a result that it ends at has the answer `crash`. It looks at what its successor
lost: large files, links, names, empty folders, calibration, systems without results, power settings, code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from checker.core.findings import Problem, brief
from checker.core.links import within
from checker.core.outcome import OfficialOutcome
from checker.core.tree import RefusedError
from checker.families.mlperf_inference.facts import JsonFile, Paths, ResultFacts, Text, read_document, read_text
from checker.families.mlperf_inference.models import KINDS, SCENARIOS
from checker.families.mlperf_inference.modular.outcome import RAISED
from checker.families.mlperf_inference.power.check import judge_power
from checker.families.mlperf_inference.single_file.log import (
    Fixed,
    PerformanceLog,
    StopsError,
    has_errors,
    judge_run,
    opened,
    over_network,
    ranging_metric,
    read_accuracy,
)
from checker.families.mlperf_inference.single_file.tests import judge_tests
from checker.families.mlperf_inference.walk import DIVISIONS, MAPPING, ResultFolder, Submitter
from checker.loadgen.detail_log import read_detail
from rules.inference import InferenceRules
from rules.power import power_rules

RUN_FILES = ("mlperf_log_summary.txt", "mlperf_log_detail.txt")
ACCURACY_FILES = (*RUN_FILES, "accuracy.txt", "mlperf_log_accuracy.json")
ANYWHERE = frozenset({"mlperf_log_trace.json", "results.json", ".gitkeep"})
DESCRIBED = ("user.conf", "README.md")
TABLE_TEXTS = ("system_name", "host_processor_model_name", "accelerator_model_name")


@dataclass
class ScenarioVerdict:
    """One scenario folder, judged. `listed`: the checker's summary has it among the results."""

    place: ResultFolder
    outcome: OfficialOutcome = field(default_factory=OfficialOutcome)
    model: Any = None
    listed: bool = False
    value: Any = None  # as the summary prints it
    metric: Any = None
    accuracy: str = ""
    power: float = 0
    inferred: bool = False
    rows: int = 0  # in the official table
    measured: bool = False  # the run is valid, so the scenario counts as submitted


@dataclass
class BenchmarkVerdict:
    """One benchmark folder: what the checker says of all its scenarios together."""

    path: str
    outcome: OfficialOutcome = field(default_factory=OfficialOutcome)


@dataclass
class Judged:
    """One submitter, judged. `seen`: whether the checker comes to its results at all."""

    submitter: Submitter
    outcome: OfficialOutcome = field(default_factory=OfficialOutcome)
    systems: dict[str, OfficialOutcome] = field(default_factory=dict)
    benchmarks: list[BenchmarkVerdict] = field(default_factory=list)
    results: dict[ResultFolder, ScenarioVerdict] = field(default_factory=dict)

    @property
    def shared(self) -> list[OfficialOutcome]:
        """What it says of more than one result: of the submitter, of systems, of benchmarks."""
        return [self.outcome, *self.systems.values(), *(benchmark.outcome for benchmark in self.benchmarks)]

    def problems(self) -> Iterator[tuple[str, Problem]]:
        """Yield everything the checker objects to or warns of, with the rule that says so."""
        for outcome in (*self.shared, *(result.outcome for result in self.results.values())):
            yield from outcome.problems


def judge(
    submitter: Submitter,
    rules: InferenceRules,
    results: Iterable[ResultFacts],
    above: OfficialOutcome | None = None,
    extra_files: bool = False,
) -> Judged:
    """Judge a submitter whose results were read; `above` is what `look_above` says of its division.

    `extra_files`: without --skip-extra-accuracy-files-check, pictures have to be there.
    """
    fixed = Fixed(rules)
    judged = Judged(submitter)
    seen = above is None or above.answer == "pass"
    mapping: Any = None
    try:
        if not seen:
            what = "the checker looks at nothing of this division, because of files outside the submitters' folders"
            judged.outcome.fail("single-file-unseen", Problem(what, path="."))
        elif submitter.listing.exists("results"):
            _folder(judged, fixed)
            if judged.outcome.answer == "pass":
                mapping = _mapping(submitter)
                _completeness(judged, fixed)
    except StopsError as stop:
        judged.outcome.crash(stop.cause, stop.path or ".")
        seen = False
    stopped = judged.outcome.answer == "crash"
    passed_over = stopped or not seen or any(rule in PASSED_OVER for rule, _ in judged.outcome.problems)
    documents = {name: _system(judged, name, fixed) for name in submitter.systems} if not passed_over else {}
    by_benchmark: dict[tuple[str, str], list[ResultFacts]] = {}
    for facts in results:
        by_benchmark.setdefault((facts.place.system, facts.place.benchmark), []).append(facts)
    by_benchmark.update(((system, name), []) for system, name in _without_scenarios(submitter))
    for (system, name), those in by_benchmark.items():
        benchmark = BenchmarkVerdict(f"results/{system}/{name}")
        judged.benchmarks.append(benchmark)
        mine = [ScenarioVerdict(facts.place) for facts in those]
        judged.results.update((result.place, result) for result in mine)
        if stopped:
            _all_stop(mine, judged.outcome.cause)
        elif passed_over:
            _unseen(mine, "single-file-unseen")
        elif judged.systems[system].answer == "crash":
            _all_stop(mine, judged.systems[system].cause)
        elif judged.systems[system].answer == "fail":
            _unseen(mine, "single-file-system-unseen")
        else:
            case = _Case(submitter, fixed, documents[system], mapping, extra_files)
            _benchmark(case, benchmark, list(zip(mine, those, strict=True)))
    return judged


def _without_scenarios(submitter: Submitter) -> Iterator[tuple[str, str]]:
    """Yield each system and benchmark whose folder has no scenario in it; the checker judges it all the same."""
    for system in submitter.systems:
        for name in submitter.benchmarks(system):
            if not submitter.scenarios(system, name):
                yield system, name


PASSED_OVER = (
    "single-file-links",
    "single-file-size",
    "single-file-names",
    "single-file-blanks",
    "single-file-pycache",
    "single-file-empty-folder",
)


def _all_stop(results: list[ScenarioVerdict], cause: str) -> None:
    for result in results:
        result.outcome.crash(cause, result.place.path, rule="single-file-crash-follows")


def _unseen(results: list[ScenarioVerdict], rule: str) -> None:
    for result in results:
        result.outcome.fail(rule, Problem("the checker does not come to this result", path=result.place.path))


# Above the submitters


def look_above(root: Path, rules: InferenceRules) -> dict[str, OfficialOutcome]:
    """Return what the checker says of each division of a round's folder; after files at the root it looks at none."""
    fixed = Fixed(rules).own
    found = {name: OfficialOutcome() for name in DIVISIONS}
    stray = [f.name for f in _plain(root) if not f.name.endswith(tuple(fixed.at_root))]
    for name, outcome in found.items():
        if within(root / name, root) is None:
            continue
        for file in stray[:10]:
            expected = f"nothing but names that end in {' or '.join(fixed.at_root)}"
            what = "a file beside the divisions: the checker looks at nothing at all"
            outcome.fail("single-file-root-files", Problem(what, expected, file, file))
        for path in [] if stray else _plain(root / name)[:10]:
            what = "a file outside the submitters' folders: the checker looks at nothing of this division"
            outcome.fail("single-file-division-files", Problem(what, "folders only", path.name, f"{name}/{path.name}"))
    return found


def _plain(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


# A submitter's folder


def _folder(judged: Judged, fixed: Fixed) -> None:
    submitter, outcome, own = judged.submitter, judged.outcome, fixed.own
    entries = submitter.tree.entries.values()
    filled = {entry.path.rpartition("/")[0] for entry in entries}
    for entry in entries:
        if entry.kind == "link" and _is_broken(submitter, entry.path):
            what = "a link that leads nowhere from the root of the round"
            outcome.fail("single-file-links", Problem(what, "a plain file", "a link", entry.path))
    if outcome.answer == "pass":
        for entry in entries:
            if entry.kind == "link" and not (submitter.root / entry.path).exists():
                raise StopsError(f"FileNotFoundError: {entry.path}", entry.path)
            if entry.size > own.file_bytes:
                most = f"at most {own.file_bytes:,} bytes"
                outcome.fail("single-file-size", Problem("the file is too large", most, f"{entry.size:,}", entry.path))
    names = [(submitter.name, "."), *((entry.path.rpartition("/")[2], entry.path) for entry in entries)]
    for rule, what, expected, is_wrong in (
        ("single-file-names", "the name begins with a dot", "no leading dot", lambda name: name.startswith(".")),
        ("single-file-blanks", "the name holds a blank", "no blank", lambda name: " " in name),
    ):
        if outcome.answer == "pass":
            for name, path in names:
                if is_wrong(name):
                    outcome.fail(rule, Problem(what, expected, name, path))
    folders = [entry.path for entry in entries if entry.kind == "folder"]
    if outcome.answer == "pass":
        for path in folders:
            if path.endswith("__pycache__"):
                outcome.fail("single-file-pycache", Problem("compiled Python", "no such folder", path, path))
    if outcome.answer == "pass":
        for path in folders:
            if path not in filled:
                outcome.fail("single-file-empty-folder", Problem("an empty folder", "files in it", "none", path))


def _is_broken(submitter: Submitter, path: str) -> bool:
    """Whether the checker takes a link for broken: it looks for its target from the root of the round.

    A link to a folder is passed over; no link is followed here, so one that leads out of the round counts as broken.
    """
    root = submitter.root.parents[1]
    try:
        if (submitter.root / path).is_dir():
            return False
        target = Path(os.path.normpath(root / (submitter.root / path).readlink()))
        return not (target.is_relative_to(root) and target.exists())
    except (OSError, RuntimeError):
        return True


def _mapping(submitter: Submitter) -> Any:
    path = MAPPING
    if submitter.division != "open" or not submitter.listing.exists(path):
        return None
    document = read_document(submitter.tree, path)
    if document.crash is not None:
        raise StopsError(_cause(document), path)
    return document.value


def _cause(document: JsonFile) -> str:
    """Return what the checker raises on a document that is none, or no object."""
    if document.crash is None:
        return f"AttributeError: {document.path} is {brief(document.value)}"
    return f"OSError: {document.crash}" if document.crash.startswith("the file") else document.crash


def _completeness(judged: Judged, fixed: Fixed) -> None:
    submitter, outcome = judged.submitter, judged.outcome
    listing, results = submitter.listing, set(submitter.systems)
    for folder in ("measurements", "results", "systems"):
        if not listing.is_folder(folder):
            kind = "NotADirectoryError" if listing.exists(folder) else "FileNotFoundError"
            raise StopsError(f"{kind}: {folder}", folder)
    for name in sorted(set(listing.folders("measurements")) - results):
        what = "a description of an implementation without results"
        outcome.fail("single-file-no-results", Problem(what, f"results/{name}", "none", f"measurements/{name}"))
    described = {name.replace(".json", "") for name in listing.files("systems") if name.endswith(".json")}
    for name in sorted(described - results):
        what = "a system without results"
        outcome.fail("single-file-no-results", Problem(what, f"results/{name}", "none", f"systems/{name}.json"))
    wanted = fixed.own.calibration
    if submitter.division != "open" and not any(listing.exists(path) for path in wanted):
        what = "there is no document on calibration"
        outcome.fail("single-file-calibration", Problem(what, " or ".join(wanted), "neither", "."))


def _system(judged: Judged, name: str, fixed: Fixed) -> dict[str, Any]:
    outcome, path = judged.systems.setdefault(name, OfficialOutcome()), f"systems/{name}.json"
    submitter, asked = judged.submitter, fixed.rules.package.system
    if not submitter.listing.exists(path):
        missing = Problem("the system has no description", path, "no such file", f"results/{name}")
        outcome.fail("single-file-system", missing)
        return {}
    document = read_document(submitter.tree, path)
    if document.crash is not None or not isinstance(document.value, dict):
        outcome.crash(_cause(document), path)
        return {}
    described = document.value

    def fail(what: str, expected: str, member: str) -> None:
        outcome.fail("single-file-system", Problem(what, expected, brief(described.get(member)), path))

    try:
        status = described.get("status").lower()  # type: ignore[union-attr]
        if status not in asked.statuses:
            fail("no known status", ", ".join(asked.statuses), "status")
        elif described.get("system_type") not in list(KINDS):
            fail("no known type of system", ", ".join(KINDS), "system_type")
        else:
            _members(outcome, described, path, submitter, fixed)
            if described.get("submitter").lower() != submitter.name.lower():  # type: ignore[union-attr]
                fail("the description is of another submitter", submitter.name, "submitter")
            if described.get("division") != submitter.division:
                fail("the description is of another division", submitter.division, "division")
    except RAISED as error:
        outcome.crash(f"{type(error).__name__}: {error}", path)
    return described


def _members(
    outcome: OfficialOutcome, described: Mapping[str, Any], path: str, submitter: Submitter, fixed: Fixed
) -> None:
    asked = fixed.rules.package.system
    is_network, suits = over_network(submitter.division, dict(described))
    if not suits:
        what = "the system is over a network, or not, otherwise than the division has it"
        found = brief(described.get("is_network"))
        outcome.fail("single-file-system", Problem(what, submitter.division, found, path))
    wanted = [*asked.members, *(asked.network_members if is_network else ())]
    missing = [member for member in wanted if member not in described]
    empty = [
        member for member in wanted if member in asked.meaningful and member in described and not described[member]
    ]
    for what, members in (("members are missing", missing), ("members are empty", empty)):
        if members:
            outcome.fail("single-file-system", Problem(what, "all members", ", ".join(members), path))


# A benchmark


@dataclass(frozen=True)
class _Case:
    submitter: Submitter
    fixed: Fixed
    system: dict[str, Any]
    mapping: Any
    extra_files: bool

    @property
    def open(self) -> bool:
        return self.submitter.division == "open"

    def outside(self, path: str) -> str:
        """Return a path as the checker has it, from the root of the round."""
        return f"{self.submitter.division}/{self.submitter.name}/{path}"


def _benchmark(case: _Case, benchmark: BenchmarkVerdict, results: list[tuple[ScenarioVerdict, ResultFacts]]) -> None:
    folder, outcome = benchmark.path.rpartition("/")[2], benchmark.outcome
    those = [result for result, _ in results]
    try:
        model = case.fixed.name(folder, case.mapping)
        if not case.open and not case.fixed.model(model).listed:
            unknown = Problem("no benchmark of this round", "a model of the round", folder, benchmark.path)
            return _refuse(outcome, those, unknown)
        scenarios = case.fixed.model(case.fixed.name(model)).scenarios.get(KINDS[case.system["system_type"]])
    except RAISED as error:
        cause = f"{type(error).__name__}: {error}"
        outcome.crash(cause, benchmark.path)
        return _all_stop(those, cause)
    if scenarios is None:
        unknown = Problem("the round has no such benchmark on a system of this type", "", brief(model), benchmark.path)
        return _refuse(outcome, those, unknown)
    required: set[str] = set(scenarios.required)
    optional: set[str] = set(scenarios.optional)
    known = required | optional
    for result, facts in results:
        result.model = model
        scenario = SCENARIOS.get(result.place.scenario, result.place.scenario)
        if not case.open and scenario not in known:
            what = "the benchmark has no such scenario on a system of this type"
            found = Problem(what, ", ".join(sorted(known)), result.place.scenario, result.place.path)
            result.outcome.fail("single-file-scenario", found)
            continue
        try:
            _result(case, result, facts, scenario)
        except StopsError as stop:
            result.outcome.crash(stop.cause, stop.path or result.place.path)
            result.listed, result.rows = False, 0
        if result.measured:
            required.discard(scenario)
            optional.discard(scenario)
    if case.open:
        return None
    for scenario in sorted(required):
        missing = Problem("a required scenario has no valid result", scenario, "none", benchmark.path)
        outcome.fail("single-file-scenarios", missing)
    if {"Server", "Interactive"} <= optional:
        what = "one of two scenarios has to have a valid result"
        neither = Problem(what, "Server or Interactive", "neither", benchmark.path)
        if required or not those:
            outcome.fail("single-file-scenarios", neither)
        else:
            # The checker strikes out the scenario that it happened to look at last, whatever that is: it has forgotten
            # the benchmark's name. Here that is the last by name, for a file system's order is nobody's fault.
            those[-1].outcome.fail("single-file-scenarios", neither)
            those[-1].listed = False
    return None


def _refuse(outcome: OfficialOutcome, results: list[ScenarioVerdict], unknown: Problem) -> None:
    """Refuse a benchmark: said of each of its results, or of the folder where it has none."""
    if not results:
        outcome.fail("single-file-benchmark", unknown)
    outcome.answer = "fail"
    for result in results:
        result.outcome.fail("single-file-benchmark", replace(unknown, path=result.place.path))


# A result


def _result(case: _Case, result: ScenarioVerdict, facts: ResultFacts, scenario: str) -> None:
    listing, path, outcome = case.submitter.listing, result.place.path, result.outcome
    has_power = listing.exists(f"{path}/performance/power")
    described = _description(case, result, facts.paths, has_power)
    if described is None:
        return
    if not listing.exists(f"{path}/accuracy/accuracy.txt"):
        missing = Problem("there is no accuracy", "accuracy.txt", "no such file", f"{path}/accuracy")
        outcome.fail("single-file-accuracy-files", missing)
        return
    differing = _differing(listing.files(f"{path}/accuracy"), ACCURACY_FILES)
    if differing:
        what = "the accuracy run's files are not those wanted"
        expected = ", ".join(ACCURACY_FILES)
        outcome.fail("single-file-accuracy-files", Problem(what, expected, differing, f"{path}/accuracy"))
        return
    accurate = _accuracy(case, result, facts)
    _measured(case, result, facts, scenario, has_power)
    complies = True
    if not case.open:
        before = len(outcome.problems)
        complies = judge_tests(case.fixed, facts, _test_run(case, result, scenario), listing, outcome, case.outside)
        if not complies and len(outcome.problems) == before:
            outcome.answer = "fail"
    if not (complies and result.value):
        if complies and result.measured:
            what = "a result of nothing is listed neither among the results nor among those without"
            outcome.fail("single-file-nothing", Problem(what, "above 0", brief(result.value), path))
        return
    if not accurate:
        outcome.answer = "fail"
        return
    _tabled(case, result, scenario, described)
    result.listed = True
    result.rows = 1 if result.power <= 0 or _true(case.system.get("system_power_only")) else 2


def _test_run(case: _Case, result: ScenarioVerdict, scenario: str) -> Any:
    def run(log: Any, path: str) -> PerformanceLog:
        return PerformanceLog(
            case.fixed, log, path, result.model, scenario, case.submitter.division, case.outside(path), case.system
        )

    return run


def _description(case: _Case, result: ScenarioVerdict, paths: Paths, has_power: bool) -> dict[str, Any] | None:
    """Return the implementation's description; None where it is not as wanted."""
    listing, outcome, folder = case.submitter.listing, result.outcome, paths.measurements_folder
    rule = "single-file-measurements"
    if not listing.exists(folder):
        outcome.fail(rule, Problem("the implementation is not described", folder, "no such folder", folder))
        return None
    if not listing.is_folder(folder):
        raise StopsError(f"NotADirectoryError: {folder}", folder)
    before = len(outcome.problems)
    for name in DESCRIBED:
        size = listing.size(f"{folder}/{name}")
        if not size:
            found = "empty" if size == 0 else "no such file"
            outcome.fail(rule, Problem("a file beside the description is missing or empty", name, found, folder))
    if has_power:
        _power_settings(case, folder, outcome)
    place = result.place
    named = (f for f in listing.files(folder) if f.startswith(place.system) and f.endswith(".json"))
    name = next(named, "")
    if not name:
        what = "the implementation is not described"
        outcome.fail(rule, Problem(what, f"{place.system}*.json", "no such file", folder))
        return None
    path = f"{folder}/{name}"
    document = read_document(case.submitter.tree, path)
    if document.crash is not None:
        raise StopsError(_cause(document), path)
    described = document.value
    try:
        described["weight_data_types"]
        wanted = case.fixed.rules.package.measurements
        lacking = [member for member in wanted if member not in described or not described[member]]
    except RAISED as error:
        raise StopsError(f"{type(error).__name__}: {error}", path) from None
    if lacking:
        outcome.fail(rule, Problem("members are missing or empty", ", ".join(wanted), ", ".join(lacking), path))
    end = len(f"_{place.scenario}.json") if name.endswith(f"_{place.scenario}.json") else len(".json")
    _code(case, result, name[len(place.system) + 1 : -end])
    return described if len(outcome.problems) == before else None


def _power_settings(case: _Case, folder: str, outcome: OfficialOutcome) -> None:
    """Object to missing files on the meter and its settings, wanted in the description's folder or above it."""
    listing = case.submitter.listing
    above = ["/".join(folder.split("/")[:depth]) for depth in range(4, 0, -1)]
    for beginning in case.fixed.own.power_settings:
        stem = beginning.removesuffix(".")
        matching = [f"{at}/{f}" for at in above for f in listing.files(at) if f.startswith(stem) and len(f) > len(stem)]
        if not matching:
            missing = Problem("a file on the power measurement is missing", f"{stem}.*", "none", folder)
            outcome.fail("single-file-power-settings", missing)
        elif not listing.size(matching[-1]):
            what = "a file on the power measurement is empty"
            outcome.fail("single-file-power-settings", Problem(what, "not empty", "empty", matching[-1]))


def _code(case: _Case, result: ScenarioVerdict, implementation: str) -> None:
    listing, model = case.submitter.listing, result.place.benchmark
    where = f"code/{model}"
    if listing.size(where) is not None:
        text = read_text(case.submitter.tree, where)
        if text.crash is not None:
            raise StopsError(text.crash if text.raw else f"OSError: {text.crash}", where)
        where = os.path.normpath(f"code/{''.join(text.lines).strip()}")
    if not (where == "code" or listing.exists(where)):
        wanted = f"{where}/{implementation}".rstrip("/")
        missing = Problem("there is no code of the implementation", wanted, "no such folder", result.place.path)
        result.outcome.fail("single-file-code", missing)


def _differing(files: Iterable[str], wanted: Iterable[str], free: Iterable[str] = ()) -> str:
    odd = (set(files) ^ set(wanted)) - ANYWHERE - set(free)
    return ", ".join(f"{'no ' if name in set(wanted) else ''}{name}" for name in sorted(odd)[:10])


def _accuracy(case: _Case, result: ScenarioVerdict, facts: ResultFacts) -> bool:
    """Judge the accuracy run; return whether it will do."""
    outcome, folder = result.outcome, f"{result.place.path}/accuracy"
    text = facts.accuracy_text or Text(f"{folder}/accuracy.txt", crash="it is no plain file")
    read = read_accuracy(case.fixed, text, result.model)
    problems = [("single-file-accuracy", problem) for problem in read.problems]
    most = case.fixed.rules.package.limits.accuracy_log_bytes
    size = case.submitter.listing.size(f"{folder}/mlperf_log_accuracy.json") or 0
    if size > most:
        what, where = "the accuracy log is not truncated", f"{folder}/mlperf_log_accuracy.json"
        problems.append(("single-file-accuracy", Problem(what, f"at most {most:,} bytes", f"{size:,}", where)))
    try:
        log = opened(facts.accuracy)
        if has_errors(log):
            line = log.errors[0].line if log.errors else None
            outcome.warn(
                "single-file-accuracy-errors",
                Problem("LoadGen logged errors in the accuracy run", "none", str(log.error_count), log.path, line),
            )
            if not all(error.has_value for error in log.errors):
                raise KeyError("value")
            raise StopsError("UnboundLocalError: mlperf_log: LoadGen logged errors in the accuracy run", log.path)
        covered, samples = log["qsl_reported_total_count"], case.fixed.model(case.fixed.name(result.model)).samples
        if samples is None:
            raise ValueError(f"model not known: {result.model}")
    except RAISED as error:
        raise StopsError(f"{type(error).__name__}: {error}", folder) from None
    if covered != samples:
        what = "the accuracy run does not cover the data set; the checker logs it and accepts"
        line = log.at("qsl_reported_total_count")
        outcome.warn("single-file-data-set", Problem(what, f"{samples:,}", brief(covered), log.path, line))
    said = json.dumps(read.values)
    for mark in '{}"':
        said = said.replace(mark, "")
    result.accuracy = said.replace(",", " ").strip()
    problems += _pictures(case, result, folder)
    if case.open and result.accuracy:
        return True  # whatever it is
    for rule, problem in problems:
        outcome.fail(rule, problem)
    return not problems


def _pictures(case: _Case, result: ScenarioVerdict, folder: str) -> list[tuple[str, Problem]]:
    listing = case.submitter.listing
    found = []
    for name, wanted in case.fixed.model(result.model).extra_files.items() if case.extra_files else ():
        there = {file.split(".")[0] for file in listing.files(f"{folder}/{name}")}
        if missing := [file for file in wanted if file not in there]:
            what = "pictures that show the accuracy are missing"
            expected = ", ".join(missing)
            found.append(("single-file-accuracy-files", Problem(what, expected, "no such files", f"{folder}/{name}")))
    return found


def _measured(case: _Case, result: ScenarioVerdict, facts: ResultFacts, scenario: str, has_power: bool) -> None:
    """Judge the run and, where there is one, the power measurement; note the value the checker would print."""
    listing, outcome, folder = case.submitter.listing, result.outcome, f"{result.place.path}/performance/run_1"
    if not listing.exists(folder):
        outcome.fail("single-file-run", Problem("there is no performance run", folder, "no such folder", folder))
        return
    if not listing.is_folder(folder):
        raise StopsError(f"NotADirectoryError: {folder}", folder)
    wanted = (*RUN_FILES, *(("spl.txt",) if has_power else ()))
    if differing := _differing(listing.files(folder), wanted, ("mlperf_log_accuracy.json",)):
        what = "the performance run's files are not those wanted"
        outcome.fail("single-file-run", Problem(what, ", ".join(wanted), differing, folder))
        return
    run = _test_run(case, result, scenario)(facts.performance, folder)
    judge_run(run)
    for problem in run.problems:
        outcome.fail("single-file-run", problem)
    for problem in run.tolerated:
        outcome.warn("single-file-tolerated", problem)
    result.inferred, result.metric = run.inferred, run.metric
    efficiency = 0.0
    valid = run.valid
    if has_power:
        powered = _power(case, result, facts, scenario)
        valid = valid and powered is not None
        efficiency = powered or 0.0
    if not valid:
        return
    result.measured, result.value = True, run.metric
    if has_power and run.metric is not None:
        try:
            value = f"{run.metric:f} with power_metric = {result.power:f}"
            result.value = f"{value} and power_efficiency (samples/J) = {efficiency:f}"
        except RAISED as error:
            raise StopsError(f"{type(error).__name__}: {error}", folder) from None


def _power(case: _Case, result: ScenarioVerdict, facts: ResultFacts, scenario: str) -> float | None:
    """Judge the power measurement; return its efficiency, None where it will not do."""
    tree, path, outcome = case.submitter.tree, result.place.path, result.outcome
    fine = True
    try:
        ranging = f"{path}/performance/ranging/mlperf_log_detail.txt"
        log = opened(read_detail(tree, ranging))
        ranging_metric(case.fixed, log, result.model, scenario)
    except (StopsError, RefusedError, *RAISED) as error:
        cause = error.cause if isinstance(error, StopsError) else f"{type(error).__name__}: {error}"
        what = "the ranging run's result cannot be told"
        outcome.fail("single-file-power", Problem(what, "", cause, ranging))
        fine = False
    metric = result.metric if isinstance(result.metric, int | float) else None
    value = facts.performance.__getitem__ if facts.performance is not None else (lambda _: None)
    judged = judge_power(tree, path, value, metric, power_rules(case.fixed.rules.name))
    outcome.problems += judged.outcome.problems
    if judged.outcome.answer != "pass":
        outcome.answer = "fail" if outcome.answer == "pass" else outcome.answer
        return None
    result.power = judged.metric or 0
    return judged.efficiency if fine else None


def _tabled(case: _Case, result: ScenarioVerdict, scenario: str, described: dict[str, Any]) -> None:
    """Stop where writing the result into the table stops the checker."""
    system, path = case.system, f"systems/{result.place.system}.json"
    try:
        notes = system.get("hw_notes", "")
        if system.get("sw_notes"):
            notes = notes + ". " if notes else ""
            notes = notes + system["sw_notes"]
        if scenario not in SCENARIOS.values():
            raise KeyError(scenario)
        if result.power > 0:
            _true(system.get("system_power_only"))
        texts = [system.get("system_type"), *(system.get(name) for name in TABLE_TEXTS), notes]
        texts += [system.get("framework", ""), system.get("operating_system", "")]
        if result.power > 0:
            texts.append(described["weight_data_types"])
        for text in texts:
            '"' + text + '"'
    except RAISED as error:
        raise StopsError(
            f"{type(error).__name__}: {error}: the result cannot be written into the table", path
        ) from None


def _true(value: Any) -> bool:
    """Return what the checker takes a member for; TypeError for what is neither text, number nor truth value."""
    if value is None or isinstance(value, bool | int):
        return bool(value)
    if isinstance(value, str):
        return value.lower() == "true"
    raise TypeError(f"Variable should be bool, string or int, got {type(value).__name__}")
