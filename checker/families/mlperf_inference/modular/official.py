"""The official verdict of the modular checker: six phases on every result, and where that program ends instead.

It judges one result after the other, in sorted order, and ends with a traceback at the first thing it cannot load; what
comes after is never judged. Here everything is judged: a result that it dies at has `stop`, every other one the verdict
it would have with those results taken out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checker.core.files import look
from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.endpoints.logs import EndpointFiles, as_log, read_files
from checker.families.mlperf_inference.facts import JsonFile, ResultFacts, read_document
from checker.families.mlperf_inference.models import KINDS, SCENARIOS, Models, models
from checker.families.mlperf_inference.modular.accuracy import judge_accuracy
from checker.families.mlperf_inference.modular.case import Judging, LogRun, Options, ResultReview, SubmitterFacts
from checker.families.mlperf_inference.modular.compliance import Compliance, audits_folder, judge_compliance
from checker.families.mlperf_inference.modular.describing import judge_measurements, judge_system
from checker.families.mlperf_inference.modular.outcome import PHASES, RAISED, Name, ResultPhase, Stop, View
from checker.families.mlperf_inference.modular.performance import PerformanceRun, judge_performance
from checker.families.mlperf_inference.power.check import has_power, judge_power
from checker.families.mlperf_inference.walk import MAPPING, InferenceScope, Listing, ResultFolder, Submitter
from checker.loadgen.log import DetailLog
from rules.inference import SystemKind
from rules.power import power_rules

UNKNOWN = "model not known: "  # what its checks raise on a benchmark that a table lacks


def judge_result(case: SubmitterFacts, facts: ResultFacts, options: Options) -> ResultReview:
    """Judge one result whose files were read."""
    place = facts.place
    system = case.systems[place.system]
    review = ResultReview(place, facts, system, place.benchmark)
    of = Judging(case, review, options)
    stops = list(_stops(case, review))
    review.stop = case.stop or system.stop or next(iter(stops), None)
    _judge(of)
    if review.valid:
        review.stop = _table_stop(of)
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


def _judge(of: Judging) -> None:
    """Judge the phases that what is there allows."""
    review, phases = of.review, of.review.phases
    review.has_power = has_power(of.case.submitter.tree, review.place.path)
    if of.system.described:
        phases["system"] = judge_system(of)
    phases["measurements"] = judge_measurements(of)
    if review.accuracy is not None:
        phases["accuracy"] = judge_accuracy(LogRun(of.case, review, of.options, View(review.accuracy)))
    if (log := review.performance) is None:
        return
    ran = log.values.get("effective_scenario")
    ran = _endpoints_scenario(ran, of.asked) if review.is_endpoints else ran
    run = PerformanceRun(of.case, review, of.options, View(log), review.place.path, ran)
    phases["performance"] = judge_performance(run)
    review.metric, review.metric_key = run.metric, run.metric_key
    review.inferred = isinstance(run.ran, str) and run.inferred
    audits = _audits(of) if review.is_endpoints else {}
    if review.endpoint is not None:
        review.endpoint.audits = audits
    phases["compliance"] = judge_compliance(Compliance(run, audits))
    phases["power"] = _power(of, log)


def _endpoints_scenario(ran: Any, asked: str) -> Any:
    if asked.lower() == "singlestream":
        return "SingleStream"
    if "interactive" in (asked.lower(), str(ran).lower()):
        return "Interactive"
    return "Server" if isinstance(ran, str) and ran.lower() == "online" else ran


def _audits(of: Judging) -> dict[str, JsonFile]:
    folder, named = audits_folder(of.facts.paths.tests), of.rules.package.endpoints.audits
    paths = {test: f"{folder}/audit_{name}.json" for test, name in named.items()}
    return {test: read_document(of.listing.tree, path) for test, path in paths.items() if of.listing.exists(path)}


def _power(of: Judging, log: DetailLog) -> ResultPhase:
    phase, review = ResultPhase("power"), of.review
    if not review.has_power:
        return phase
    metric = review.metric if isinstance(review.metric, int | float) else None
    judged = judge_power(of.listing.tree, review.place.path, log.__getitem__, metric, power_rules(of.rules.name))
    phase.problems += judged.outcome.problems
    if judged.outcome.answer != "pass":
        phase.failed.append("power")
    review.power_metric, review.power_efficiency = judged.metric, judged.efficiency
    return phase


def _table_stop(of: Judging) -> Stop | None:
    """Return why the official program ends where it writes a valid result down; None where it does not."""
    system, path = of.system.description, of.system.path
    what = "the result is valid and cannot be written into the table"
    try:
        int(system["number_of_nodes"]) * int(system["accelerators_per_node"])
    except RAISED as error:
        found = f"{brief(system.get('number_of_nodes'))} nodes of {brief(system.get('accelerators_per_node'))}"
        return Stop(what, f"{type(error).__name__}: {found} accelerators: {error}", path)
    try:
        joined_notes(system)
    except TypeError as error:
        return Stop(what, f"TypeError: hw_notes and sw_notes: {error}", path)
    if of.asked not in SCENARIOS and of.asked not in SCENARIOS.values():
        return Stop(what, f"KeyError: {of.asked!r}", of.place.path)
    if not isinstance(of.model, str):
        return Stop(what, f"TypeError: the model is {brief(of.model)}", MAPPING)
    return None


def joined_notes(system: dict[str, Any]) -> Any:
    """Return the notes on hardware and software as one; TypeError where they are no texts."""
    notes = system.get("hw_notes", "")
    if system.get("sw_notes"):
        notes = notes + ". " if notes else ""
        notes = notes + system["sw_notes"]
    return notes


def problems_of(review: ResultReview) -> Iterator[tuple[str, Violation]]:
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
            yield "official-benchmark", Violation(what, "a benchmark of the round", review.place.benchmark, folder)
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
