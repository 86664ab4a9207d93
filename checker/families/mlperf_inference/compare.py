"""Two submissions of MLPerf Inference beside each other: what they measured, and how systems and settings differ.

A result is one run, so nothing here says whether a difference is more than chance. What a repeated run of the same
system came to, its compliance tests, says how far runs scatter at least.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.facts import read_result
from checker.families.mlperf_inference.modular.case import Options, SubmitterFacts
from checker.families.mlperf_inference.modular.official import judge_result
from checker.families.mlperf_inference.rules.integrity import result_case
from checker.families.mlperf_inference.table import measured, row
from checker.families.mlperf_inference.walk import find, read_submitter
from checker.report.comparison import Beside, Comparisons, paired, told
from checker.report.measured_comparison import MeasuredComparison, MeasuredResult, MeasuredSide, beside
from rules.errors import UsageError
from rules.inference import inference_rules
from rules.ruleset import load
from rules.text import printable

METHOD = (
    "Every result is one run, so no test says whether two differ by more than chance. Repeated: how far the runs of "
    "the result's own compliance tests TEST01 and TEST04 came out from it: the same system scatters at least so much."
)
SETTINGS = "effective_"
OF_THE_ROUND = frozenset(
    {"effective_qsl_rng_seed", "effective_sample_index_rng_seed", "effective_schedule_rng_seed", "effective_scenario"}
)


def compare(a: Path, b: Path, round_name: str) -> Comparisons[MeasuredComparison]:
    """Compare two submitters, systems or results of a round of MLPerf Inference.

    Raises NothingToCheckError where they have nothing in common, UsageError for a path that holds no or several
    submitters.
    """
    first, second = (sorted(_results(path, round_name), key=lambda one: (one.name, one.side.path)) for path in (a, b))
    sides = Beside(a, b, {one.name for one in first}, {one.name for one in second})
    sides.common("benchmark and scenario")
    return sides.comparisons(round_name, METHOD, "results", paired(first, second, beside))


def _results(path: Path, round_name: str) -> Iterator[MeasuredResult]:
    scope = find(path)
    if len(scope.submitters) != 1:
        fix = "give one submitter's folder, or a folder below its results/"
        raise UsageError(f"{path}: holds {len(scope.submitters) or 'no'} submissions", fix=fix)
    division, root = scope.submitters[0]
    facts = SubmitterFacts(read_submitter(division, root, load(round_name).limits), inference_rules(round_name))
    for place in facts.submitter.places:
        if scope.wanted(place):
            yield _found(facts, read_result(facts.submitter.listing, place, facts.paths(place)))


def _found(facts: SubmitterFacts, read: Any) -> MeasuredResult:
    review = judge_result(facts, read, Options())
    case = result_case(facts, review)
    found = measured(case, review)
    side = MeasuredSide(
        path=printable(f"{read.place.division}/{read.place.submitter}/{read.place.path}"),
        submitter=printable(read.place.submitter),
        system=printable(read.place.system),
        benchmark=printable(read.place.benchmark),
        valid=review.valid,
        measured=found,
        chips=row(case, review, found).get("total_accelerators"),
        repeated_percent=tuple(_repeated(case)),
    )
    return MeasuredResult(side, printable(case.model or side.benchmark), told(case.system), _settings(case))


def _repeated(case: ResultCase) -> Iterator[float]:
    run = case.log
    key = run.scenario.score if run is not None else ""
    reference = run.number(key) if run is not None else None
    for test in case.facts.tests.values():
        score = log.number(key) if (log := test.official_log) is not None else None
        if reference and score:
            yield (score / reference - 1) * 100


def _settings(case: ResultCase) -> dict[str, str]:
    """Return what LoadGen was told in the performance run, the round's own settings left out."""
    values = case.log.values if case.log is not None else {}
    return told({key: v for key, v in values.items() if key.startswith(SETTINGS) and key not in OF_THE_ROUND})
