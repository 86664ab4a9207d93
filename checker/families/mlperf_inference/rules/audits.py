"""Compliance tests judged from their logs: that they were run, as they must be, and what they show.

The official checker takes a submitter's own "TEST PASS" for it, wherever in a line it stands, and reads of the logs
only what it reads of any performance log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.facts import TestFacts, Text
from checker.families.mlperf_inference.rules.measured import PERFORMANCE_MODES
from checker.loadgen.log import DetailLog
from rules.inference_review import TestSettings

PASS = re.compile(r"\s*TEST PASS\s*")
MEASURED = ("power_begin", "result_mean_latency_ns", "result_max_latency_ns", "result_query_count")
WORD = {"TEST01", "TEST04", "TEST07", "TEST08", "TEST09"}  # tests whose verdict is a line TEST PASS
NUMBERS = re.compile(r"(?i)\s*(reference|test) score = ([0-9.e+-]{1,40})", re.ASCII)


@check("inference-test-passes", "result")
def test_passes(case: ResultCase) -> Iterator[Violation]:
    """Judge that a test's verdict is a line of its own, not some words of another."""
    for test in _tests(case):
        for text in (test.performance, test.accuracy if test.name in WORD else None):
            if text is None or any(PASS.fullmatch(line[:200]) for line in text.lines):
                continue
            at = next((n for n, line in enumerate(text.lines, 1) if "TEST PASS" in line), None)
            if at is not None:
                what = "the words TEST PASS are part of another line"
                yield Violation(what, "a line TEST PASS", brief(text.lines[at - 1].strip()), text.path, at)


def _tests(case: ResultCase) -> Iterator[TestFacts]:
    if case.strict:
        yield from (test for name, test in case.facts.tests.items() if name in case.model_rules.tests)


def _runs(case: ResultCase) -> Iterator[tuple[TestFacts, DetailLog, DetailLog]]:
    """Yield each test that has a log with that log and the result's own."""
    for test in _tests(case):
        if case.log is not None and test.log is not None and test.log.whole:
            yield test, test.log, case.log


@check("inference-test-of-its-own", "result")
def test_of_its_own(case: ResultCase) -> Iterator[Violation]:
    """Judge that a test's log is of a run of its own."""
    seen: list[tuple[str, DetailLog]] = []
    for test, log, run in _runs(case):
        if not seen:
            seen.append(("the performance run", run))
        for name, other in seen:
            if log.fingerprint == other.fingerprint and log.messages == other.messages:
                yield Violation(
                    f"the log of {test.name} is that of {name}", "a run of its own", "equal bytes", log.path
                )
                break
            values = [log.values.get(key) for key in MEASURED]
            if None not in values and values == [other.values.get(key) for key in MEASURED]:
                what = f"{test.name} measured, to the last digit and at the same time, what {name} did"
                yield log.problem(what, "a run of its own", "power_begin")
                break
        seen.append((test.name, log))


@check("inference-test-as-told", "result")
def test_as_told(case: ResultCase) -> Iterator[Violation]:
    """Judge that LoadGen was told in a test what the test's configuration says."""
    for test, log, _ in _runs(case):
        told = case.reviewed.told.get(test.name)
        if told is None:
            continue
        if wrong := list(_untold(told, log)):
            what = f"LoadGen ran without the settings of {test.name}"
            expected = ", ".join(f"{key} {wanted}" for key, wanted in wrong)
            yield log.problem(what, expected, wrong[0][0], ", ".join(log.said(key) for key, _ in wrong))


def _untold(told: TestSettings, log: DetailLog) -> Iterator[tuple[str, str]]:
    """Yield each key of a test's log that says another setting than the test's, with what it must say."""
    for key, value in told.settings.items():
        logged = log.values.get(key)
        if key in log and (logged != value or isinstance(logged, bool) != isinstance(value, bool)):
            yield key, brief(value)
    for key in told.positive:
        if key in log and not (log.number(key) or 0) > 0:
            yield key, "above 0"
    if log.values.get("effective_test_mode") not in PERFORMANCE_MODES:
        yield "effective_test_mode", PERFORMANCE_MODES[0]


@check("inference-test-run-valid", "result")
def test_run_valid(case: ResultCase) -> Iterator[Violation]:
    """Judge that LoadGen found the run of a test valid that compares speeds."""
    for test, log, _ in _runs(case):
        if _timed(case, test) and log.values.get("result_validity") != "VALID":
            yield log.problem(f"the run of {test.name} is invalid", '"VALID"', "result_validity")


def _timed(case: ResultCase, test: TestFacts) -> bool:
    told = case.reviewed.told.get(test.name)
    return told is not None and told.timed


@check("inference-test-run-errors", "result")
def test_run_errors(case: ResultCase) -> Iterator[Violation]:
    """Judge that LoadGen logged no error in a test's run."""
    for test, log, _ in _runs(case):
        if log.errors:
            first, more = log.errors[0], log.error_count - 1
            what = f"LoadGen logged an error in {test.name}" + (f", and {more:,} more" if more > 0 else "")
            yield Violation(what, "no errors", f"{first.key}: {brief(first.value)}", log.path, first.line)


@check("inference-test-performs", "result")
def test_performs(case: ResultCase) -> Iterator[Violation]:
    """Judge from both logs that a test performs as the result does."""
    for test, log, run in _runs(case):
        scenario, told = run.values.get("effective_scenario"), case.reviewed.told.get(test.name)
        its = run.scenario
        if told is None or not told.timed or not isinstance(scenario, str) or not its.score:
            continue
        if any(_untold(told, log)):
            continue  # `test_as_told` says that this is no such test
        ran = log.values.get("effective_scenario")
        if ran != scenario:
            what = f"{test.name} ran in another scenario than the result"
            yield log.problem(what, brief(scenario), "effective_scenario")
            continue
        score, reference = log.number(its.score), run.number(its.score)
        if not score or not reference:
            continue
        ratio, slack = score / reference, allowed_share(case, test.name, scenario, reference)
        if test.name == "TEST04":
            holds = (1 / ratio if its.is_latency else ratio) < 1 + slack  # faster is what a cache would make it
            expected = f"less than {slack:.0%} faster than {reference:,.6g}"
        else:
            holds = 1 - slack <= ratio <= 1 + slack
            expected = f"{reference * (1 - slack):,.6g} to {reference * (1 + slack):,.6g}"
        if not holds:
            what = f"{test.name} does not perform as the result does: the logs give no TEST PASS"
            yield log.problem(what, expected, its.score, f"{score:,.6g}")


def allowed_share(case: ResultCase, test: str, scenario: str, reference: float) -> float:
    """Return the share by which scores may differ; TEST04's script takes the larger one whatever the latency."""
    fast = case.reviewed.fast_ns.get(scenario)  # type: ignore[call-overload]
    short = fast is not None and (test == "TEST04" or reference <= fast)
    return case.reviewed.test_slack_fast if short else case.reviewed.test_slack


@check("inference-test-reports-its-logs", "result")
def test_reports_its_logs(case: ResultCase) -> Iterator[Violation]:
    """Judge that the scores a test's report compares are those of the logs beside it."""
    for test, log, run in _runs(case):
        key = run.scenario.score
        if test.performance is None or not key:
            continue
        scores = {"reference": run.number(key), "test": log.number(key)}
        yield from _misreported(test.name, test.performance, scores)


def _misreported(name: str, text: Text, scores: dict[str, float | None]) -> Iterator[Violation]:
    for position, line in enumerate(text.lines[:200], 1):
        found = NUMBERS.match(line[:200])
        logged = scores[found[1].lower()] if found is not None else None
        if found is None or not logged:
            continue
        try:
            stated = float(found[2])
        except ValueError:
            continue
        # TEST04's script turns latencies into queries per second.
        if not any(abs(stated / one - 1) < 1e-3 for one in (logged, 1e9 / logged)):
            what = f"the report of {name} was not made from the logs beside it: its {found[1].lower()} score differs"
            yield Violation(what, f"{logged:,.6g}", f"{stated:,.6g}", text.path, position)
