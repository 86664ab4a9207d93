"""The review of a round of MLPerf Tiny, or a part of it: the official verdict on every result, and ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from checker.core.detection import named_otherwise
from checker.core.findings import Report, Score, Violation, Windows, brief, plain
from checker.core.ledger import Ledger, Subject, system_of
from checker.core.waivers import Waivers
from checker.families.mlperf_tiny.cases import LogTrace, TinyResultCase, TinySubmitterCase, traces_of
from checker.families.mlperf_tiny.checks import CHECKS
from checker.families.mlperf_tiny.detect import round_mismatch
from checker.families.mlperf_tiny.facts import TinyResultFacts, read_result
from checker.families.mlperf_tiny.official import SubmitterReview, TinyResultReview, judge_submitter
from checker.families.mlperf_tiny.submission import TinyScope, find
from checker.families.mlperf_tiny.table import measured, row
from rules.ruleset import load
from rules.text import printable
from rules.tiny import TinyRules, tiny_rules


def review(path: Path, round_name: str, waivers: Waivers | None = None) -> Report:
    """Judge what `path` holds by a round of MLPerf Tiny; nothing below `path` is written.

    Raises NothingToCheckError and UsageError as `find` does; whatever a submission holds becomes findings.
    """
    fixed, ruleset = tiny_rules(round_name), load(round_name)
    scope = find(path, fixed, ruleset.limits)
    ledger = Ledger(scope.base, waivers or Waivers(), ruleset, subject_of)
    if (wrong := round_mismatch(scope, round_name)) is not None:
        ledger.add(scope.base, "round-as-given", wrong)
    elif (otherwise := named_otherwise(path, round_name)) is not None:
        ledger.add(scope.base, "round-as-named", otherwise)
    reviews = [judge_submitter(submitter, fixed) for submitter in scope.submitters]
    if scope.whole:
        _nothing_measured(ledger, scope, reviews)
    traces: list[LogTrace] = []
    for judged in reviews:
        traces += _submitter(ledger, judged, fixed, round_name, scope)
        ledger.fold()
    ledger.across(CHECKS.problems(ledger.by, "round", traces), but=("system",))
    for folder in scope.strangers:
        stray = Violation(
            "no division of MLPerf Tiny: nothing in it is judged", ", ".join(fixed.divisions), folder.name
        )
        ledger.add(folder, "tiny-division", stray)
    for link in scope.elsewhere:
        what = "is a link to what is no folder of this round: nothing behind it is judged"
        ledger.add(link, "tiny-links", Violation(what, "a folder", "a link"))
    ledger.fold()
    return ledger.report(path)


def subject_of(path: str) -> Subject:
    """Return what a path of a submission is about: a system, a result or one of its files, or the submission."""
    parts = path.split("/")
    if (system := system_of(parts)) is not None:
        return system
    result = "/".join(parts[:3])
    return ("results", result) if len(parts) == 3 else ("results", result, "/".join(parts[3:5]))


def _nothing_measured(ledger: Ledger, scope: TinyScope, reviews: Sequence[SubmitterReview]) -> None:
    """Note that the official program ends with a traceback where it comes to measure nothing at all."""
    results = [result for judged in reviews for result in judged.results]
    stopped = any(result.outcome.answer == "crash" for result in results)
    if stopped or any(result.measured for result in results):
        return
    cause = "UnboundLocalError: is_valid: no result has a measurement"
    for result in results:
        result.outcome.answer, result.outcome.cause = "crash", cause
    ledger.add(scope.base, "official-crash", Violation("the official checker ends with a traceback", "", cause, "."))


def _submitter(
    ledger: Ledger, judged: SubmitterReview, fixed: TinyRules, round_name: str, scope: TinyScope
) -> list[LogTrace]:
    root, start = judged.submitter.root, len(ledger.findings)
    traces: list[LogTrace] = []
    ledger.add_all(root, judged.outcome.problems)
    for system in judged.systems.values():
        failed = ledger.add_all(root, system.outcome.problems)
        ledger.item(root, f"systems/{system.name}.json", "system", failed, system.outcome)
    for result in judged.results:
        facts = read_result(judged.submitter, result.result, fixed)
        _result(ledger, judged, result, facts, TinyResultCase(facts, fixed, round_name))
        document = judged.systems[result.result.system].document
        board = tuple(brief(document.get(member)) for member in fixed.board_members)
        traces += traces_of(facts, board, lambda path: ledger.shown(root, path))
    if scope.whole:
        ledger.add_all(root, CHECKS.problems(ledger.by, "submitter", TinySubmitterCase(judged, fixed)))
        failed = any(finding.fails for finding in ledger.findings[start:])
        whole = replace(judged.outcome, problems=[])
        whole.merge(result.outcome for result in judged.results)
        ledger.item(root, ".", "organisation", failed, whole)
    return traces


def _result(
    ledger: Ledger, judged: SubmitterReview, result: TinyResultReview, facts: TinyResultFacts, case: TinyResultCase
) -> None:
    root, start = judged.submitter.root, len(ledger.findings)
    ledger.add_all(root, result.outcome.problems)
    ledger.add_all(root, CHECKS.problems(ledger.by, "result", case))
    failed = any(finding.fails for finding in ledger.findings[start:])
    ledger.item(root, result.result.path, "result", failed, result.outcome)
    official = row(judged, judged.systems[result.result.system], result)
    ledger.scores.append(
        Score(
            path=ledger.shown(root, result.result.path),
            submitter=printable(judged.submitter.name),
            system=printable(result.result.system),
            workload=printable(result.result.benchmark, 80),
            division="closed" if judged.submitter.closed else "open",
            framework=printable(str(judged.systems[result.result.system].document.get("Inference Framework") or "")),
            official=None if official is None else {name: plain(value) for name, value in official.items()},
            inference=replace(measured(facts), windows=_windows(facts, case)),
        )
    )


def _windows(facts: TinyResultFacts, case: TinyResultCase) -> Windows:
    timed = facts.tests["performance"].log if "performance" in facts.tests else None
    runtimes = [window.runtime for window in timed.windows if window.runtime is not None] if timed is not None else []
    long_enough = sum(seconds >= case.fixed.run.window_s for seconds in runtimes)
    return Windows(len(runtimes), long_enough, min(runtimes, default=None), max(runtimes, default=None))
