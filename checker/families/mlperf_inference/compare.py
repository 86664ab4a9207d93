"""Two submissions of MLPerf Inference beside each other: what they measured, and how systems and settings differ.

A result is one run, so nothing here says whether a difference is more than chance. What a repeated run of the same
system came to, its compliance tests, says how far runs scatter at least.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker.core.findings import brief
from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.facts import read_result
from checker.families.mlperf_inference.modular.official import Options, SubmitterFacts, judge_result
from checker.families.mlperf_inference.rules.integrity import result_case
from checker.families.mlperf_inference.table import measured, row
from checker.families.mlperf_inference.walk import find, read_submitter
from checker.report.comparison import differing, listed, refuse_many
from checker.report.measured_comparison import MeasuredComparison, MeasuredComparisons, MeasuredSide
from rules.errors import NothingToCheckError, UsageError
from rules.inference import inference_rules
from rules.ruleset import load
from rules.scenarios import logged_scenario
from rules.text import printable

METHOD = (
    "Every result is one run, so no test says whether two differ by more than chance. Repeated: how far the runs of "
    "the result's own compliance tests TEST01 and TEST04 came out from it: the same system scatters at least so much."
)
SETTINGS = "effective_"
OF_THE_ROUND = frozenset(
    {"effective_qsl_rng_seed", "effective_sample_index_rng_seed", "effective_schedule_rng_seed", "effective_scenario"}
)


@dataclass(frozen=True)
class _Found:
    case: ResultCase
    side: MeasuredSide
    model: str
    scenario: str

    @property
    def name(self) -> str:
        return f"{self.model} {self.scenario}"


def compare(a: Path, b: Path, round_name: str) -> MeasuredComparisons:
    """Compare two submitters, systems or results of a round of MLPerf Inference.

    A system is compared with its namesake; one that has none, with each of the other side that has none either. Raises
    NothingToCheckError where they have nothing in common, UsageError for a path that holds no or several submitters.
    """
    mine, theirs = list(_results(a, round_name)), list(_results(b, round_name))
    names, others = ({found.name for found in one} for one in (mine, theirs))
    if not names & others:
        what = f"no common benchmark and scenario: {listed(names)} in the one, {listed(others)} in the other"
        raise NothingToCheckError(what, fix="give two submissions that ran the same benchmark")
    pairs = list(_pairs(mine, theirs))
    refuse_many(pairs)
    return MeasuredComparisons(
        ruleset=round_name,
        a=printable(str(a)),
        b=printable(str(b)),
        method=METHOD,
        results=tuple(_beside(one, other) for one, other in pairs),
        only_a=tuple(sorted(map(printable, names - others))),
        only_b=tuple(sorted(map(printable, others - names))),
    )


def _results(path: Path, round_name: str) -> Iterator[_Found]:
    scope = find(path)
    if len(scope.submitters) != 1:
        fix = "give one submitter's folder, or a folder below its results/"
        raise UsageError(f"{path}: holds {len(scope.submitters) or 'no'} submissions", fix=fix)
    division, root = scope.submitters[0]
    facts = SubmitterFacts(read_submitter(division, root, load(round_name).limits), inference_rules(round_name))
    for place in facts.submitter.places:
        if scope.wanted(place):
            paths = facts.paths(place)
            yield _found(facts, read_result(facts.submitter.listing, place, paths))


def _found(facts: SubmitterFacts, read: Any) -> _Found:
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
    return _Found(case, side, case.model or side.benchmark, found.scenario)


def _repeated(case: ResultCase) -> Iterator[float]:
    run = case.log
    key = logged_scenario(run.values.get("effective_scenario")).score if run is not None else ""
    if run is None or not key:
        return
    reference = run.number(key)
    for test in case.facts.tests.values():
        score = log.number(key) if (log := test.official_log) is not None else None
        if reference and score:
            yield (score / reference - 1) * 100


def _pairs(first: list[_Found], second: list[_Found]) -> Iterator[tuple[_Found, _Found]]:
    for one in sorted(first, key=lambda found: (found.name, found.side.path)):
        others = sorted((o for o in second if o.name == one.name), key=lambda found: found.side.path)
        same = [other for other in others if other.side.system == one.side.system]
        taken = {found.side.system for found in first if found.name == one.name}
        yield from ((one, other) for other in same or [o for o in others if o.side.system not in taken])


def _beside(one: _Found, other: _Found) -> MeasuredComparison:
    mine, theirs = one.side.measured.metric, other.side.measured.metric
    units = dict.fromkeys((one.side.measured.unit, other.side.measured.unit))
    return MeasuredComparison(
        model=printable(one.model),
        scenario=one.scenario,
        unit=", ".join(units),
        a=one.side,
        b=other.side,
        ratio=theirs / mine if mine and theirs and len(units) == 1 else None,
        system=differing(_told(one.case.system), _told(other.case.system)),
        settings=differing(_settings(one.case), _settings(other.case)),
    )


def _told(document: dict[str, Any]) -> dict[str, str]:
    return {printable(str(name), 80): brief(value) for name, value in document.items()}


def _settings(case: ResultCase) -> dict[str, str]:
    """Return what LoadGen was told in the performance run, the round's own settings left out."""
    values = case.log.values if case.log is not None else {}
    return {
        printable(key, 80): brief(value)
        for key, value in values.items()
        if key.startswith(SETTINGS) and key not in OF_THE_ROUND
    }
