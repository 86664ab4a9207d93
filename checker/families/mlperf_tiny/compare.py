"""Two submissions to MLPerf Tiny beside each other: what they measured, and how their systems differ.

A result is the median of five windows on one device; how far they lie from it says how far runs scatter at least.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checker.families.mlperf_tiny.facts import TinyResultFacts, read_result
from checker.families.mlperf_tiny.official import judge_submitter
from checker.families.mlperf_tiny.submission import find
from checker.families.mlperf_tiny.table import measured
from checker.report.comparison import Beside, Comparisons, paired, told
from checker.report.measured_comparison import MeasuredComparison, MeasuredResult, MeasuredSide, beside
from rules.errors import UsageError
from rules.ruleset import load
from rules.text import printable
from rules.tiny import tiny_rules

METHOD = (
    "Every result is the median of five windows on one device, so no test says whether two differ by more than chance. "
    "Repeated: how far the windows lie from it."
)


def compare(a: Path, b: Path, round_name: str) -> Comparisons[MeasuredComparison]:
    """Compare two submitters, systems or results of a round of MLPerf Tiny.

    Raises NothingToCheckError where they have nothing in common, UsageError for a path that holds no or several
    submitters.
    """
    first, second = (sorted(_results(path, round_name), key=lambda one: one.side.path) for path in (a, b))
    sides = Beside(a, b, {one.model for one in first}, {one.model for one in second})
    sides.common("benchmark")
    return sides.comparisons(round_name, METHOD, "results", paired(first, second, beside))


def _results(path: Path, round_name: str) -> Iterator[MeasuredResult]:
    fixed = tiny_rules(round_name)
    scope = find(path, fixed, load(round_name).limits)
    if len(scope.submitters) != 1:
        fix = "give one submitter's folder, or a folder below its results/"
        raise UsageError(f"{path}: holds {len(scope.submitters)} submissions", fix=fix)
    (submitter,) = scope.submitters
    judged = judge_submitter(submitter, fixed)
    for result in judged.results:
        facts = read_result(submitter, result.result, fixed)
        side = MeasuredSide(
            path=printable(f"{submitter.division}/{submitter.name}/{result.result.path}"),
            submitter=printable(submitter.name),
            system=printable(result.result.system),
            benchmark=printable(result.result.benchmark),
            valid=result.outcome.answer == "pass",
            measured=measured(facts),
            chips=None,
            repeated_percent=tuple(_scatter(facts)),
        )
        yield MeasuredResult(side, side.benchmark, told(judged.systems[result.result.system].document))


def _scatter(facts: TinyResultFacts) -> Iterator[float]:
    timed = facts.tests.get("performance")
    if timed is None or timed.log is None or timed.summary is None:
        return
    median = timed.summary.number("median throughput")
    for window in timed.log.windows[:100]:
        if median and window.throughput is not None:
            yield (window.throughput / median - 1) * 100
