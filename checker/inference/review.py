"""The review of an MLPerf Inference round, or a part of it: one pass over the files, both verdicts on every result.

Logs are read by two processes; all of a submitter is dropped before the next one is judged, so that memory does not
grow with the round.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from checker.findings import Finding, Item, Problem, Report, Verdict
from checker.inference.cases import ResultCase, Trace
from checker.inference.explained import explained
from checker.inference.facts import Paths, ResultFacts, read_result, readable
from checker.inference.integrity import result_case, result_problems, round_problems, submitter_problems, trace
from checker.inference.official import (
    Options,
    ResultReview,
    SubmitterFacts,
    judge_result,
    problems_of,
    submitter_stops,
)
from checker.inference.outcome import PHASES, Stop
from checker.inference.table import score
from checker.inference.walk import Place, Scope, find, read_submitter
from checker.ledger import Unit
from checker.round_ledger import RoundLedger
from checker.tree import Tree
from checker.waivers import Waivers
from rules.cards import Severity
from rules.errors import unknown
from rules.inference import inference_rules
from rules.ruleset import Limits, load
from rules.text import printable

CHECKERS = ("modular",)
CHUNK = 4 << 20  # bytes given to a process at a time
AHEAD = 3  # submitters whose files are read before they are judged

Job = tuple[Place, Paths, frozenset[str]]


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
    if official not in CHECKERS:
        raise unknown("official checker", official, CHECKERS)
    rules, ruleset = inference_rules(round_name), load(round_name)
    scope = find(path)
    ledger = RoundLedger(scope.base, ruleset, waivers or Waivers(), unit_of)
    for odd, problem in scope.odd:
        ledger.add(odd, "mlperf-division", problem)
    ledger.fold()
    course, traces = _Course(), list[Trace]()
    with _readers(scope, jobs) as readers:
        waiting: list[tuple[SubmitterFacts, Iterator[ResultFacts]]] = []
        pending = list(scope.submitters)
        while pending or waiting:
            while pending and len(waiting) < AHEAD:
                division, root = pending.pop(0)
                facts = SubmitterFacts(read_submitter(division, root, ruleset.limits), rules)
                waiting.append((facts, readers.read(facts, scope)))
            traces += _submitter(ledger, *waiting.pop(0), scope, options or Options(), course)
    _across(ledger, traces)
    if (unseen := course.unseen()) is not None:
        ledger.add(scope.base, "official-unseen", unseen)
    return Report(
        assay=version("assay"),
        path=printable(str(path)),
        ruleset=round_name,
        items=ledger.items,
        findings=ledger.findings,
        scores=ledger.scores,
    )


def unit_of(path: str) -> Unit:
    """Return what a path of a submitter's folder is about: a system, a result, a benchmark, or the submission."""
    parts = path.split("/")
    if parts[0] == "systems" and len(parts) == 2:
        return ("systems", parts[1].removesuffix(".json").removesuffix("_power.yaml"))
    if parts[0] not in ("results", "measurements", "compliance") or len(parts) < 2:
        return ()
    if len(parts) == 2:
        return ("systems", parts[1])
    return ("results", "/".join(("results", *parts[1:4])))


# Reading, in processes


@dataclass
class _Readers:
    """Reads results: in this process, or in a few others."""

    pool: ProcessPoolExecutor | None

    def read(self, facts: SubmitterFacts, scope: Scope) -> Iterator[ResultFacts]:
        """Start reading a submitter's results that are wanted; they are yielded in the official checker's order."""
        root, limits = facts.submitter.root, facts.submitter.tree.limits
        chunks = list(_chunks(facts, scope))
        if self.pool is None:
            tree = facts.submitter.tree
            return (read_result(tree, *job) for chunk in chunks for job in chunk)
        futures: list[Future[list[ResultFacts]]] = [self.pool.submit(_read, root, limits, chunk) for chunk in chunks]
        return (result for future in futures for result in future.result())


def _chunks(facts: SubmitterFacts, scope: Scope) -> Iterator[list[Job]]:
    listing, chunk, held = facts.submitter.listing, list[Job](), 0
    for place in facts.submitter.places:
        if not scope.wanted(place):
            continue
        paths = facts.paths(place)
        present = readable(place, paths, listing)
        chunk.append((place, paths, present))
        held += sum(listing.size(path) or 0 for path in present)
        if held >= CHUNK:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _read(root: Path, limits: Limits, chunk: list[Job]) -> list[ResultFacts]:
    tree = Tree(root, limits)
    return [read_result(tree, *job) for job in chunk]


@contextmanager
def _readers(scope: Scope, jobs: int | None) -> Iterator[_Readers]:
    wanted = jobs if jobs is not None else min(2, os.cpu_count() or 1)
    if wanted < 2 or scope.only:
        yield _Readers(None)
        return
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
    with ProcessPoolExecutor(wanted, mp_context=multiprocessing.get_context(method)) as pool:
        yield _Readers(pool)


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

    def unseen(self) -> Problem | None:
        """Return the note on what it never judges; None where it judges all."""
        if self.stop is None or not self.after:
            return None
        what = f"the official checker ends at {self.shown} and writes no table: {self.after} results were never judged"
        said = f"{self.before} judged before it; official verdicts here are those with what it ends at taken out"
        return Problem(what, "a verdict on each", said, ".")


@dataclass
class _Settled:
    """The findings of one submitter, each said once however many results it is about."""

    ledger: RoundLedger
    root: Path
    said: dict[tuple[str, Problem], Finding] = field(default_factory=dict)

    def settle(self, problems: Iterable[tuple[str, Problem]]) -> bool:
        """Add findings not said yet; return whether any of them is an error that counts."""
        failed = False
        for rule, problem in problems:
            found = self.said.get((rule, problem))
            if found is None:
                found = self.said[rule, problem] = self.ledger.add(self.root, rule, problem)
            failed |= self.ledger.ruleset.card(rule).severity is Severity.ERROR and found.waived is None
        return failed


def _submitter(
    ledger: RoundLedger,
    facts: SubmitterFacts,
    results: Iterator[ResultFacts],
    scope: Scope,
    options: Options,
    course: _Course,
) -> list[Trace]:
    root = facts.submitter.root
    settled = _Settled(ledger, root)
    failed, refused = False, list[str]()
    reviews = {result.place: judge_result(facts, result, options) for result in results}
    cases = {place: result_case(facts, judged) for place, judged in reviews.items()}
    for what in submitter_stops(facts, scope):
        if isinstance(what, Stop):
            course.ends(what, ledger.shown(root, what.path))
            failed |= settled.settle([(what.rule, what.problem)])
            refused.append(what.cause)
            continue
        judged = reviews[what]
        course.result()
        if judged.stop is not None:
            course.ends(judged.stop, ledger.shown(root, judged.stop.path))
            refused.append(judged.stop.cause)
        elif not judged.valid:
            refused.append("")
        failed |= _result(settled, judged, cases[what])
    if not scope.only:
        failed |= settled.settle(submitter_problems(facts, list(cases.values())))
        verdict: Verdict = "fail" if refused else "pass"
        cause = next((printable(cause) for cause in refused if cause), None)
        ours: Verdict = "fail" if failed else "pass"
        ledger.items.append(Item(ledger.shown(root, "."), "organisation", ours, verdict, cause))
    ledger.fold()
    return [trace(case, lambda path: ledger.shown(root, path)) for case in cases.values()]


def _result(settled: _Settled, judged: ResultReview, case: ResultCase) -> bool:
    """Add the findings on a result and the result as an item; return whether it fails by our verdict."""
    failed = settled.settle(explained(case, problems_of(judged)))
    failed |= settled.settle(result_problems(case))
    path = settled.ledger.shown(settled.root, judged.place.path)
    settled.ledger.scores.append(score(case, judged, path, failed))
    phases: dict[str, bool] | None = None
    if judged.told:
        phases = {name: judged.phases[name].passed for name in PHASES}
    settled.ledger.items.append(
        Item(
            path=path,
            kind="result",
            verdict="fail" if failed else "pass",
            official_verdict="pass" if judged.valid else "fail",
            official_crash=None if judged.stop is None else printable(judged.stop.cause),
            official_phases=phases,
        )
    )
    return failed


def _across(ledger: RoundLedger, traces: Sequence[Trace]) -> None:
    """Judge what spans submitters; an error fails the result whose log it names, and its submitter."""
    failed: set[str] = set()
    for rule, problem in round_problems(ledger.ruleset.name, traces):
        finding = ledger.add(ledger.base, rule, problem)
        if finding.fails:
            failed.update((".", *(str(folder) for folder in PurePosixPath(finding.path).parents)))
    ledger.items[:] = [replace(item, verdict="fail") if item.path in failed else item for item in ledger.items]
