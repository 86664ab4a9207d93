"""The official verdict of the single-file checker (mlcommons/inference 5fbf01a1), which judged rounds up to v5.1.

It comes to results in the order in which the file system lists folders, and ends at the first thing that it cannot
read; here everything is judged, and a result that it ends at has the answer `crash`. It looks at what its successor
lost: large files, links, names, empty folders, calibration, systems without results, power settings, code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from checker.core.findings import Violation, brief
from checker.core.outcome import OfficialOutcome
from checker.families.mlperf_inference.facts import ResultFacts
from checker.families.mlperf_inference.models import KINDS, SCENARIOS
from checker.families.mlperf_inference.modular.outcome import RAISED
from checker.families.mlperf_inference.single_file.case import (
    BenchmarkVerdict,
    Case,
    Fixed,
    Judged,
    ScenarioVerdict,
    StopsError,
)
from checker.families.mlperf_inference.single_file.result import judge_result
from checker.families.mlperf_inference.single_file.submitter import (
    judge_completeness,
    judge_folder,
    judge_system,
    mapped,
)
from checker.families.mlperf_inference.walk import Submitter
from rules.inference import InferenceRules


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
            judged.outcome.fail("single-file-unseen", Violation(what, path="."))
        elif submitter.listing.exists("results"):
            judge_folder(judged, fixed)
            if judged.outcome.answer == "pass":
                mapping = mapped(submitter)
                judge_completeness(judged, fixed)
    except StopsError as stop:
        judged.outcome.crash(stop.cause, stop.path or ".")
        seen = False
    stopped = judged.outcome.answer == "crash"
    passed_over = stopped or not seen or any(rule in PASSED_OVER for rule, _ in judged.outcome.problems)
    documents = {name: judge_system(judged, name, fixed) for name in submitter.systems} if not passed_over else {}
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
            case = Case(submitter, fixed, documents[system], mapping, extra_files)
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
        result.outcome.fail(rule, Violation("the checker does not come to this result", path=result.place.path))


def _benchmark(case: Case, benchmark: BenchmarkVerdict, results: list[tuple[ScenarioVerdict, ResultFacts]]) -> None:
    folder, outcome, models = benchmark.path.rpartition("/")[2], benchmark.outcome, case.fixed.models
    those = [result for result, _ in results]
    try:
        model = models.of(folder, case.mapping)
        if not case.open and not models.rules(model).listed:
            unknown = Violation("no benchmark of this round", "a model of the round", folder, benchmark.path)
            return _refuse(outcome, those, unknown)
        scenarios = models.scenarios(model, KINDS[case.system["system_type"]])
    except RAISED as error:
        cause = f"{type(error).__name__}: {error}"
        outcome.crash(cause, benchmark.path)
        return _all_stop(those, cause)
    if scenarios is None:
        unknown = Violation(
            "the round has no such benchmark on a system of this type", "", brief(model), benchmark.path
        )
        return _refuse(outcome, those, unknown)
    required: set[str] = set(scenarios.required)
    optional: set[str] = set(scenarios.optional)
    known = required | optional
    for result, facts in results:
        result.model = model
        scenario = SCENARIOS.get(result.place.scenario, result.place.scenario)
        if not case.open and scenario not in known:
            what = "the benchmark has no such scenario on a system of this type"
            found = Violation(what, ", ".join(sorted(known)), result.place.scenario, result.place.path)
            result.outcome.fail("single-file-scenario", found)
            continue
        try:
            judge_result(case, result, facts, scenario)
        except StopsError as stop:
            result.outcome.crash(stop.cause, stop.path or result.place.path)
            result.listed, result.rows = False, 0
        if result.measured:
            required.discard(scenario)
            optional.discard(scenario)
    if case.open:
        return None
    for scenario in sorted(required):
        missing = Violation("a required scenario has no valid result", scenario, "none", benchmark.path)
        outcome.fail("single-file-scenarios", missing)
    if {"Server", "Interactive"} <= optional:
        what = "one of two scenarios has to have a valid result"
        neither = Violation(what, "Server or Interactive", "neither", benchmark.path)
        if required or not those:
            outcome.fail("single-file-scenarios", neither)
        else:
            # The checker strikes out the scenario that it happened to look at last, whatever that is: it has forgotten
            # the benchmark's name. Here that is the last by name, for a file system's order is nobody's fault.
            those[-1].outcome.fail("single-file-scenarios", neither)
            those[-1].listed = False
    return None


def _refuse(outcome: OfficialOutcome, results: list[ScenarioVerdict], unknown: Violation) -> None:
    """Refuse a benchmark: said of each of its results, or of the folder where it has none."""
    if not results:
        outcome.fail("single-file-benchmark", unknown)
    outcome.answer = "fail"
    for result in results:
        result.outcome.fail("single-file-benchmark", replace(unknown, path=result.place.path))
