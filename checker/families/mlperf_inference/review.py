"""The review of an MLPerf Inference round, or a part of it: one pass over the files, both verdicts on every result.

Results are read and judged by two processes; all of a submitter is dropped before the next one's findings are made, so
that memory does not grow with the round.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from checker.core.detection import named_otherwise
from checker.core.findings import Finding, Item, Report, Score, Verdict, Violation
from checker.core.ledger import Ledger, Subject, system_of
from checker.core.outcome import OfficialOutcome
from checker.core.waivers import Waivers
from checker.families.mlperf_inference.cases import ResultCase, ResultTrace
from checker.families.mlperf_inference.checks import CHECKS
from checker.families.mlperf_inference.detect import round_mismatch
from checker.families.mlperf_inference.facts import read_result
from checker.families.mlperf_inference.modular.case import Options, ResultReview, SubmitterFacts
from checker.families.mlperf_inference.modular.official import judge_result, problems_of, submitter_stops
from checker.families.mlperf_inference.modular.outcome import PHASES, Stop
from checker.families.mlperf_inference.rules.explained import explained
from checker.families.mlperf_inference.rules.integrity import (
    result_case,
    result_problems,
    submitter_problems,
    trace,
)
from checker.families.mlperf_inference.single_file.case import Judged, ScenarioVerdict
from checker.families.mlperf_inference.single_file.check import judge
from checker.families.mlperf_inference.single_file.submitter import look_above
from checker.families.mlperf_inference.single_file.table import score as single_file_score
from checker.families.mlperf_inference.table import score
from checker.families.mlperf_inference.walk import InferenceScope, ResultFolder, find, read_submitter
from rules.cards import Severity
from rules.inference import InferenceRules, inference_rules
from rules.ruleset import load
from rules.single_file import single_file_rules
from rules.text import printable

CHUNK, LARGEST_CHUNK = 8, 48  # results given to a process at a time; those of one benchmark share logs


def review(
    path: Path,
    round_name: str,
    options: Options | None = None,
    jobs: int | None = None,
    waivers: Waivers | None = None,
    official: str = "modular",
) -> Report:
    """Judge what `path` holds by a round of MLPerf Inference; nothing below `path` is written.

    `official`: whose verdict the official one is. Raises NothingToCheckError and UsageError as `find` does; whatever a
    submission holds becomes findings.
    """
    rules, ruleset = inference_rules(round_name), load(round_name)
    if official == "single-file":
        single_file_rules(round_name)  # refuses a round that it does not know
    scope = find(path)
    ledger = Ledger(scope.base, waivers or Waivers(), ruleset, subject_of)
    for odd, problem in scope.odd:
        ledger.add(odd, "mlperf-division", problem)
    ledger.fold()
    course, traces = _Course(), list[ResultTrace]()
    above = _above(ledger, scope, rules) if official == "single-file" else None
    listed = [SubmitterFacts(read_submitter(*one, ruleset.limits), rules) for one in scope.submitters]
    with _seldom_collecting(), _judged(_Bench(listed, options or Options()), scope, jobs) as judged:
        for facts, results in zip(listed, judged, strict=True):
            traces += _submitter(ledger, facts, results, scope, course, above)
    ledger.across(CHECKS.problems(ruleset, "round", traces))
    said = any(finding.rule == "round-as-given" for finding in ledger.findings)
    if not said and (otherwise := named_otherwise(path, round_name)) is not None:
        ledger.add(scope.base, "round-as-named", otherwise)
    if (unseen := course.unseen()) is not None:
        ledger.add(scope.base, "official-unseen", unseen)
    return ledger.report(path)


def subject_of(path: str) -> Subject:
    """Return what a path of a submitter's folder is about: a system, a result, a benchmark, or the submission."""
    parts = path.split("/")
    system = system_of(parts, ("results", "measurements", "compliance"))
    return ("results", "/".join(("results", *parts[1:4]))) if system is None else system


# Reading and judging results, in processes


@dataclass
class _Judged:
    """A result, judged, and what is wrong with it: by the official checker first, then by the rules as written."""

    review: ResultReview
    problems: list[tuple[str, Violation]]


@dataclass
class _Told:
    """A judged result, and what follows from it alone."""

    judged: _Judged
    case: ResultCase
    score: Score
    trace: ResultTrace


@dataclass
class _Bench:
    """What judging needs: every submitter's folder, listed, and how the official checker was called."""

    submitters: list[SubmitterFacts]
    options: Options

    def judge(self, position: int, places: list[ResultFolder]) -> list[_Judged]:
        """Read and judge results of one submitter."""
        return [self._result(self.submitters[position], place) for place in places]

    def _result(self, submitter: SubmitterFacts, place: ResultFolder) -> _Judged:
        facts = read_result(submitter.submitter.listing, place, submitter.paths(place))
        review = judge_result(submitter, facts, self.options)
        case = result_case(submitter, review)
        return _Judged(review, [*explained(case, problems_of(review)), *result_problems(case)])


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for garbage seldom: nearly all that is read is in use until its submitter is judged."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


_bench: _Bench  # of a process that judges, once it was told


def _sit(bench: _Bench) -> None:
    global _bench  # what all the work of a process shares
    _bench = bench


def _work(position: int, places: list[ResultFolder]) -> list[_Judged]:
    return _bench.judge(position, places)


@contextmanager
def _judged(bench: _Bench, scope: InferenceScope, jobs: int | None) -> Iterator[Iterator[Iterator[_Judged]]]:
    """Yield, submitter by submitter, its results as they are judged."""
    wanted = jobs if jobs is not None else min(2, os.cpu_count() or 1)
    chunks = [list(_chunks(facts, scope)) for facts in bench.submitters]
    if wanted < 2 or scope.only:
        yield ((one for chunk in mine for one in bench.judge(at, chunk)) for at, mine in enumerate(chunks))
        return
    CHECKS.all()  # loaded before the processes part, so that each has them
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(wanted, mp_context=context, initializer=_sit, initargs=(bench,)) as pool:
        started = [[pool.submit(_work, at, chunk) for chunk in mine] for at, mine in enumerate(chunks)]
        yield (_done(started.pop(0)) for _ in range(len(started)))


def _done(futures: list[Future[list[_Judged]]]) -> Iterator[_Judged]:
    while futures:
        yield from futures.pop(0).result()


def _chunks(facts: SubmitterFacts, scope: InferenceScope) -> Iterator[list[ResultFolder]]:
    chunk = list[ResultFolder]()
    places = filter(scope.wanted, facts.submitter.places)
    for place in sorted(places, key=lambda place: (place.benchmark, place.system, place.scenario)):
        if chunk and len(chunk) >= (CHUNK if place.benchmark != chunk[-1].benchmark else LARGEST_CHUNK):
            yield chunk
            chunk = []
        chunk.append(place)
    if chunk:
        yield chunk


# Judging


@dataclass
class _Course:
    """How far the official program comes: its first end, and how many results come before and after that."""

    stop: Stop | None = None
    shown: str = ""  # the path where it ends, as findings show it
    before: int = 0
    after: int = 0

    def ends(self, stop: Stop, shown: str) -> None:
        """Note an end; the first counts."""
        if self.stop is None:
            self.stop, self.shown = stop, shown

    def result(self) -> None:
        """Count a result it comes to, or would have come to."""
        if self.stop is None:
            self.before += 1
        else:
            self.after += 1

    def unseen(self) -> Violation | None:
        """Return the note on what it never judges; None where it judges all."""
        if self.stop is None or not self.after:
            return None
        plural = " was" if self.after == 1 else "s were"
        what = (
            f"the official checker ends at {self.shown} and writes no table: {self.after} result{plural} never judged"
        )
        said = f"{self.before} judged before it; official verdicts here are those with what it ends at taken out"
        return Violation(what, "a verdict on each", said, ".")


@dataclass
class _Settled:
    """The findings of one submitter, each said once however many results it is about."""

    ledger: Ledger
    root: Path
    said: dict[tuple[str, Violation], Finding] = field(default_factory=dict)

    def settle(self, problems: Iterable[tuple[str, Violation]]) -> bool:
        """Add findings not said yet; return whether any of them is an error that counts."""
        failed = False
        for rule, problem in problems:
            found = self.said.get((rule, problem))
            if found is None:
                found = self.said[rule, problem] = self.ledger.add(self.root, rule, problem)
            failed |= self.ledger.by.card(rule).severity is Severity.ERROR and found.waived is None
        return failed


def _submitter(
    ledger: Ledger,
    facts: SubmitterFacts,
    results: Iterator[_Judged],
    scope: InferenceScope,
    course: _Course,
    above: dict[str, OfficialOutcome] | None,
) -> list[ResultTrace]:
    root = facts.submitter.root
    settled = _Settled(ledger, root)
    failed, refused = False, list[str]()
    by_place = {told.case.facts.place: told for told in _told(ledger, facts, results)}
    by_place = {place: by_place[place] for place in sorted(by_place)}  # in the official checker's order
    logs = (told.case.facts.performance for told in by_place.values())
    if (wrong := round_mismatch(logs, ledger.by.name)) is not None:
        failed |= settled.settle([("round-as-given", replace(wrong, path=scope.only or "."))])
    if above is not None:
        read = [told.case.facts for told in by_place.values()]
        single = judge(facts.submitter, facts.rules, read, above.get(facts.submitter.division))
        refused += _refused(single)
        failed |= settled.settle(problem for outcome in single.shared for problem in outcome.problems)
        for place, result in single.results.items():
            failed |= _single_file_result(settled, result, by_place[place])
    for what in submitter_stops(facts, scope) if above is None else ():
        if isinstance(what, Stop):
            course.ends(what, ledger.shown(root, what.path))
            failed |= settled.settle([(what.rule, what.problem)])
            refused.append(what.cause)
            continue
        judged = by_place[what].judged.review
        course.result()
        if judged.stop is not None:
            course.ends(judged.stop, ledger.shown(root, judged.stop.path))
            refused.append(judged.stop.cause)
        elif not judged.valid:
            refused.append("")
        failed |= _result(settled, by_place[what])
    if not scope.only:
        failed |= settled.settle(submitter_problems(facts, [told.case for told in by_place.values()]))
        verdict: Verdict = "fail" if refused else "pass"
        cause = next((printable(cause) for cause in refused if cause), None)
        ours: Verdict = "fail" if failed else "pass"
        ledger.items.append(Item(ledger.shown(root, "."), "organisation", ours, verdict, cause))
    ledger.fold()
    return [told.trace for told in by_place.values()]


def _told(ledger: Ledger, facts: SubmitterFacts, results: Iterator[_Judged]) -> Iterator[_Told]:
    """Yield what is told of results as they come, while others are judged in other processes."""
    for judged in results:
        case = result_case(facts, judged.review)
        told = score(case, judged.review, ledger.shown(facts.submitter.root, case.path))
        yield _Told(judged, case, told, trace(case, lambda path: ledger.shown(facts.submitter.root, path)))


def _result(settled: _Settled, told: _Told) -> bool:
    """Add the findings on a result and the result as an item; return whether it fails by our verdict."""
    judged, failed = told.judged.review, settled.settle(told.judged.problems)
    phases = {str(name): judged.phases[name].passed for name in PHASES} if judged.told else None
    crash = None if judged.stop is None else judged.stop.cause
    return _item(settled, told.score, failed, judged.valid, crash, phases)


def _item(
    settled: _Settled, score: Score, failed: bool, valid: bool, crash: str | None, phases: dict[str, bool] | None = None
) -> bool:
    """Note a result with its score, our verdict and the official one; return whether it failed by ours."""
    ours: Verdict = "fail" if failed else "pass"
    settled.ledger.scores.append(score)
    cause = None if crash is None else printable(crash)
    settled.ledger.items.append(Item(score.path, "result", ours, "pass" if valid else "fail", cause, phases))
    return failed


def _above(ledger: Ledger, scope: InferenceScope, rules: InferenceRules) -> dict[str, OfficialOutcome]:
    """Add what the single-file checker finds above the submitters, where a whole round is judged; return it."""
    rounds = {root.parents[1] for _, root in scope.submitters} if not scope.only else set()
    if rounds != {scope.base}:
        return {}
    above = look_above(scope.base, rules)
    said = dict.fromkeys(problem for outcome in above.values() for problem in outcome.problems)
    for rule, problem in said:
        ledger.add(scope.base, rule, problem)
    return above


def _refused(judged: Judged) -> list[str]:
    """Return why the single-file checker calls a submission faulty, "" for what does not end it."""
    outcomes = [*judged.shared, *(result.outcome for result in judged.results.values())]
    return [outcome.cause for outcome in outcomes if outcome.answer != "pass"]


def _single_file_result(settled: _Settled, result: ScenarioVerdict, told: _Told) -> bool:
    """Add the findings on a result and the result as an item, the official verdict the single-file checker's."""
    failed = settled.settle(result.outcome.problems)
    failed |= settled.settle(result_problems(told.case))
    row = single_file_score(told.case, told.judged.review, result, told.score)
    crash = result.outcome.cause if result.outcome.answer == "crash" else None
    return _item(settled, row, failed, result.listed, crash)
