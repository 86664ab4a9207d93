"""One check from path to report: find what is judged, run the round's rules over it, fold what follows from what."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from checker.core.discovery import Passed
from checker.core.findings import Report, Violation, brief, limited
from checker.core.ledger import Ledger, RaisedViolation, Subject, contained, raised
from checker.core.log_rules import Program, compile_rules
from checker.core.mllog import ParsedLog
from checker.core.tree import Tree
from checker.core.waivers import Waivers
from checker.families.assay.checks import CHECKS
from checker.families.assay.discovery import (
    DEFAULT,
    FAMILIES,
    OURS,
    discover,
    refuse_neither,
    round_of,
    round_of_log,
    suite_of,
)
from checker.families.assay.kinds import KINDS, ResultKind
from checker.families.assay.metric import of_workload
from checker.families.assay.submission import Result, Run, Scenario, Submission, open_log
from rules.cards import Card
from rules.errors import NothingToCheckError, UsageError
from rules.expressions import Scalar
from rules.ruleset import RuleSet, load
from rules.text import printable
from rules.workload import WorkloadRules

FOUND = 5000  # problems of one submitter beyond which no further result is judged


def review(path: Path, name: str | None, waivers: Waivers | None = None) -> Report:
    """Check `path` by the round `name`, or the round it says it is of."""
    chosen = _judging(name) if name else None
    found = discover(path)
    if chosen is None:
        refuse_neither(path, found)
    ledger, used = Ledger(found.base, waivers or Waivers()), []
    if found.log is not None:
        ruleset = chosen or _judging(round_of_log(found.log))
        used.append(ruleset.name)
        _single_log(ledger, ruleset, found.log)
    for root in found.submitters:
        ruleset = chosen or _judging(round_of(root, found.scope))
        suite = suite_of(root)
        if ruleset.series != FAMILIES[suite]:
            fix = "leave out --round, or give one of its suite"
            raise UsageError(f"{root} is a submission of {suite}, which {ruleset.name} has no rules on", fix=fix)
        used.append(ruleset.name)
        passed = _passed(ruleset, root, [p for p in found.passed if p.path == root])
        kind = KINDS[suite]
        _submission(ledger, kind, kind.submission(root, found.scope, Tree(root, ruleset.limits), ruleset), passed)
    if elsewhere := [p for p in found.passed if p.path not in found.submitters]:
        ruleset = chosen or _judging(DEFAULT)
        used.append(ruleset.name)
        above = _passed(ruleset, found.base, elsewhere)
        errors = ledger.settle(found.base, ruleset, above)
        ledger.judge(found.base, ".", "organisation", (), errors)
    if not ledger.items:
        raise NothingToCheckError(f"{path}: no result and no log here", fix="give a submission, a result or a log")
    return Report(
        assay=version("assay"),
        path=printable(str(path), 4000),
        ruleset=", ".join(sorted(set(used))),
        items=ledger.items,
        findings=ledger.findings,
        scores=ledger.scores,
    )


def _judging(name: str) -> RuleSet:
    """Load a round; UsageError where it has no rules on a submission of Assay's layout, which then all would pass."""
    ruleset, known = load(name), CHECKS.all()
    checks = (known.get(card.check) for card in ruleset.cards.values() if card.check is not None)
    units = {check.unit for check in checks if check is not None}
    if ruleset.series not in OURS or not {"log", "run", "result"} <= units:
        fix = "give a round of Assay's own, e.g. assay/1.0"
        raise UsageError(f"{name} has no rules on logs, runs and results of this layout", fix=fix)
    return ruleset


def _single_log(ledger: Ledger, ruleset: RuleSet, file: Path) -> None:
    """Judge one log by itself: by its own word on workload and division."""
    if ruleset.series == FAMILIES["inference"]:
        fix = "give the submitter's folder, or results/<system>/<workload>/<Scenario> in it"
        raise UsageError(f"{file}: a log of inference says little by itself", fix=fix)
    root = file.parent
    log, absent = open_log(Tree(root, ruleset.limits), file.name)
    stated = log.value("submission_benchmark") if log else None
    workload = stated if isinstance(stated, str) and stated in ruleset.workloads() else None
    division = "open" if log and log.value("submission_division") == "open" else "closed"
    present = next((card for card in ruleset.cards.values() if card.check == "log-present"), None)
    found = [RaisedViolation(present, (), file.name, problem) for problem in absent] if present else []
    if log is not None:
        found += contained((), file.name, _log(ruleset, workload, division, log, (), file.name))
    errors = ledger.settle(root, ruleset, found)
    ledger.judge(root, file.name, "log", (), errors)


@cache
def program(ruleset: str, workload: str | None, division: str) -> Program:
    """Return the compiled log rules; without a workload only those that need nothing of it."""
    resolved = load(ruleset)
    rules = resolved.workload(workload) if workload else None
    constants, mappings = constants_of(rules)
    constants["round.name"] = resolved.name
    cards: Iterable[Card] = resolved.cards.values()
    if rules is None:
        cards = [card for card in cards if not needs_workload(card)]
    derived = resolved.derived if rules else {}
    return compile_rules([of_workload(card, rules) for card in cards], constants, mappings, derived, division)


def needs_workload(card: Card) -> bool:
    """Whether a card's log constraints speak of what the round fixes per workload."""
    text = " ".join(constraint.model_dump_json(exclude_defaults=True) for constraint in card.log or ())
    return any(word in text for word in ("rule.", "derived.", '"each"'))


def constants_of(rules: WorkloadRules | None) -> tuple[dict[str, Scalar], dict[str, Mapping[str, Scalar]]]:
    """Return a workload's rules as constants (`rule.quality.target`) and as mappings for `each`."""
    constants: dict[str, Scalar] = {}
    mappings: dict[str, Mapping[str, Scalar]] = {}
    if rules is None:
        return constants, mappings
    for name, value in rules.model_dump().items():
        if isinstance(value, dict):
            scalars = {k: v for k, v in value.items() if isinstance(v, bool | int | float | str)}
            constants |= {f"rule.{name}.{key}": scalar for key, scalar in scalars.items()}
            mappings[name] = scalars
        elif isinstance(value, bool | int | float | str):
            constants[f"rule.{name}"] = value
    return constants, mappings


def _log(
    ruleset: RuleSet, workload: str | None, division: str, log: ParsedLog, unit: Subject, path: str
) -> Iterator[RaisedViolation]:
    """Judge a log that could be read by what its lines say."""
    if workload is None:
        stated = log.first("submission_benchmark")
        known, line = ", ".join(ruleset.workloads()), stated.number if stated else None
        found = brief(stated.value) if stated else "no submission_benchmark"
        log.flaw("log-workload", Violation("the log's workload is not one of the round's", known, found, line=line))
    for card, function in CHECKS.of(ruleset, "log", division):
        yield from raised(card, unit, path, limited(function(log)))
    for rule, problem in program(ruleset.name, workload, division).judge(log.records):
        yield RaisedViolation(ruleset.cards[rule], unit, path, problem)


def _passed(ruleset: RuleSet, root: Path, passed: list[Passed]) -> list[RaisedViolation]:
    """Return what the search for submitters objects to, as problems of the submission at `root`."""
    cards = {card.check: card for card in ruleset.cards.values()}
    return [
        RaisedViolation(cards[one.check], (), Path(os.path.relpath(one.path, root)).as_posix(), one.problem)
        for one in passed
        if one.check in cards
    ]


def _submission(ledger: Ledger, kind: ResultKind, submission: Submission, found: list[RaisedViolation]) -> None:
    """Judge one submitter's folder, `found` being known; every part is judged even where another is beyond reading."""
    ruleset, root = submission.ruleset, submission.root
    division = submission.division or "closed"
    for card, function in CHECKS.of(ruleset, "submitter", division):
        found += contained((), ".", raised(card, (), ".", limited(function(submission), 50)))
    for name, system in submission.systems.items():
        for card, function in CHECKS.of(ruleset, "system", division):
            unit: Subject = ("systems", name)
            found += contained(unit, system.path, raised(card, unit, system.path, function(system)))
    results: list[Result] = []
    for folder in submission.result_folders:
        if len(found) > FOUND:
            problem = Violation("so much is wrong that this result and those after it were not judged", path=folder)
            found += _passed(ruleset, root, [Passed("bounds", root / folder, problem)])
            break
        unit = ("results", folder)
        found += contained(unit, folder, _result(submission, folder, unit, results))
    for card, function in CHECKS.of(ruleset, "results", division):
        found += contained((), ".", raised(card, (), ".", limited(function(results), 50)))
    errors = ledger.settle(root, ruleset, found)
    if not submission.scope:
        ledger.judge(root, ".", "organisation", (), errors)
    for name, system in submission.systems.items():
        ledger.judge(root, system.path, "system", ("systems", name), errors)
    for result in results:
        kind.note(ledger, root, result, errors)


def _result(submission: Submission, folder: str, unit: Subject, results: list[Result]) -> Iterator[RaisedViolation]:
    """Read the result in `folder`, add it to `results` and judge it."""
    result = submission.read(folder)
    results.append(result)
    for card, function in CHECKS.of(result.ruleset, "result", result.division):
        yield from raised(card, unit, result.folder, limited(function(result)))
    for scenario in result.scenarios.values():
        inner = (*unit, scenario.name)
        yield from contained(inner, scenario.folder, _scenario(result, scenario, inner))
    if not result.scenarios:
        yield from _runs(result, result.runs, unit)


def _scenario(result: Result, scenario: Scenario, unit: Subject) -> Iterator[RaisedViolation]:
    for card, function in CHECKS.of(result.ruleset, "scenario", result.division):
        yield from raised(card, unit, scenario.folder, limited(function(result, scenario)))
    yield from _runs(result, list(scenario.runs.values()), unit)


def _runs(result: Result, runs: Sequence[Run], unit: Subject) -> Iterator[RaisedViolation]:
    ruleset, division = result.ruleset, result.division
    for run in runs:
        inner = (*unit, run.name)
        if run.log is not None:
            yield from _log(ruleset, result.logged_workload, division, run.log, inner, run.log_path)
        for card, function in CHECKS.of(ruleset, "run", division):
            yield from raised(card, inner, run.log_path, limited(function(result, run)))
