"""Two submissions to MLPerf Tiny beside each other: what they measured, and how their systems differ.

A result is the median of five windows on one device; how far they lie from it says how far runs scatter at least.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checker.core.findings import brief
from checker.families.mlperf_tiny.facts import TinyResultFacts, read_result
from checker.families.mlperf_tiny.official import judge_submitter
from checker.families.mlperf_tiny.submission import find
from checker.families.mlperf_tiny.table import measured
from checker.report.comparison import differing, refuse_many
from checker.report.measured_comparison import MeasuredComparison, MeasuredComparisons, MeasuredSide
from rules.errors import NothingToCheckError, UsageError
from rules.ruleset import load
from rules.text import printable
from rules.tiny import tiny_rules

METHOD = (
    "Every result is the median of five windows on one device, so no test says whether two differ by more than chance. "
    "Repeated: how far the windows lie from it."
)


def compare(a: Path, b: Path, round_name: str) -> MeasuredComparisons:
    """Compare two submitters, systems or results of a round of MLPerf Tiny.

    A system is compared with its namesake; one that has none, with each of the other side that has none either. Raises
    NothingToCheckError where they have nothing in common, UsageError for a path that holds no or several submitters.
    """
    mine, theirs = list(_sides(a, round_name)), list(_sides(b, round_name))
    names, others = ({side.benchmark for side, _ in one} for one in (mine, theirs))
    if not names & others:
        what = f"no common benchmark: {', '.join(sorted(names))} in the one, {', '.join(sorted(others))} in the other"
        raise NothingToCheckError(what, fix="give two submissions that ran the same benchmark")
    pairs = [
        _beside(one, other)
        for one in sorted(mine, key=lambda found: found[0].path)
        for other in sorted(theirs, key=lambda found: found[0].path)
        if _comparable(one[0], other[0], mine, theirs)
    ]
    refuse_many(pairs)
    return MeasuredComparisons(
        ruleset=round_name,
        a=printable(str(a)),
        b=printable(str(b)),
        method=METHOD,
        results=tuple(pairs),
        only_a=tuple(sorted(names - others)),
        only_b=tuple(sorted(others - names)),
    )


Found = tuple[MeasuredSide, dict[str, str]]


def _sides(path: Path, round_name: str) -> Iterator[Found]:
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
        document = judged.systems[result.result.system].document
        yield side, {printable(str(name), 80): brief(value) for name, value in document.items()}


def _scatter(facts: TinyResultFacts) -> Iterator[float]:
    timed = facts.tests.get("performance")
    if timed is None or timed.log is None or timed.summary is None:
        return
    median = timed.summary.number("median throughput")
    for window in timed.log.windows[:100]:
        if median and window.throughput is not None:
            yield (window.throughput / median - 1) * 100


def _comparable(one: MeasuredSide, other: MeasuredSide, mine: list[Found], theirs: list[Found]) -> bool:
    if one.benchmark != other.benchmark:
        return False
    if one.system == other.system:
        return True
    alone = not any(s.system == one.system and s.benchmark == one.benchmark for s, _ in theirs)
    return alone and not any(s.system == other.system and s.benchmark == other.benchmark for s, _ in mine)


def _beside(one: Found, other: Found) -> MeasuredComparison:
    (a, described), (b, others) = one, other
    mine, theirs = a.measured.metric, b.measured.metric
    return MeasuredComparison(
        model=a.benchmark,
        scenario=a.measured.scenario,
        unit=a.measured.unit,
        a=a,
        b=b,
        ratio=theirs / mine if mine and theirs else None,
        system=differing(described, others),
        settings=(),
    )
