"""One check from path to report: find what is judged, run the round's rules over it, fold what follows from what."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from checker.discovery import Found, discover, round_of
from checker.findings import Finding, Item, Problem, Report, Score, brief, limited
from checker.judges.registry import judges
from checker.log_rules import Program, compile_rules
from checker.mllog import Log
from checker.scores import score
from checker.submission import Result, Run, Submission, open_log
from checker.tree import Tree
from rules.cards import Card
from rules.errors import NothingToCheckError
from rules.expressions import Scalar
from rules.ruleset import RuleSet, load
from rules.text import printable
from rules.workload import WorkloadRules

Unit = tuple[str, ...]  # (), ("systems", name), ("results", folder), ("results", folder, run)


@dataclass(frozen=True)
class Raised:
    """A problem with the rule that raised it and the unit it is about; `path` is relative to the submitter's folder."""

    card: Card
    unit: Unit
    path: str
    problem: Problem


@dataclass
class Ledger:
    """What one check gathers."""

    base: Path
    ruleset: RuleSet
    items: list[Item] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)

    def shown(self, root: Path, path: str) -> str:
        """Return a path below `root` relative to what was checked, safe to print."""
        return printable(Path(os.path.relpath(root / path, self.base)).as_posix(), 1000)

    def settle(self, root: Path, raised: list[Raised]) -> None:
        """Turn what was raised into findings, leaving out what only follows from another rule's finding."""
        failed = {(one.card.id, one.unit) for one in raised}
        for one in raised:
            if any(_related(one.unit, unit) for rule, unit in failed if rule in one.card.requires):
                continue
            self.findings.append(self._finding(root, one))

    def _finding(self, root: Path, one: Raised) -> Finding:
        card, problem = one.card, one.problem
        return Finding(
            rule=card.id,
            severity=card.severity.value,
            authority="assay",
            audience=card.audience.value,
            path=self.shown(root, problem.path or one.path),
            line=problem.line,
            message=printable(problem.message),
            expected=printable(problem.expected),
            found=printable(problem.found),
            clause=self.ruleset.clause(card),
            fix=card.hint,
        )


def _related(unit: Unit, other: Unit) -> bool:
    """Whether a failure in `other` can be the cause of one in `unit`: the same thing, its whole, or its part."""
    shorter = min(len(unit), len(other))
    if unit[:shorter] == other[:shorter]:
        return True
    return other[0] == "systems" and unit[0] == "results" and unit[1].split("/")[1] == other[1]


def review(path: Path, name: str | None) -> Report:
    """Check `path` by the round `name`, or the round it says it is of."""
    chosen = load(name) if name else None
    found = discover(path)
    ruleset = chosen or load(round_of(found))
    ledger = Ledger(found.base, ruleset)
    if found.log is not None:
        _single_log(ledger, found.log)
    for submission in _submissions(found, ruleset):
        _submission(ledger, submission)
    if not ledger.items:
        raise NothingToCheckError(f"{path}: no result and no log here", fix="give a submission, a result or a log")
    return Report(
        assay=version("assay"),
        path=printable(str(path)),
        ruleset=ruleset.name,
        items=ledger.items,
        findings=ledger.findings,
        scores=ledger.scores,
    )


def _submissions(found: Found, ruleset: RuleSet) -> Iterator[Submission]:
    for root in found.submitters:
        yield Submission(root, found.scope, Tree(root, ruleset.limits), ruleset)


def _single_log(ledger: Ledger, file: Path) -> None:
    tree = Tree(file.parent, ledger.ruleset.limits)
    log, problems = open_log(tree, file.name)
    unit: Unit = ("results", file.name, "")
    workload = None
    division = "closed"
    if log is not None:
        stated = log.value("submission_benchmark")
        workload = stated if isinstance(stated, str) and stated in ledger.ruleset.workloads() else None
        division = "open" if log.value("submission_division") == "open" else "closed"
    rules = ledger.ruleset.workload(workload) if workload else None
    raised = list(_log_rules(ledger.ruleset, rules, division, log, problems, unit, file.name))
    ledger.settle(file.parent, raised)
    ledger.items.append(_item(ledger, file.parent, file.name, "log", raised))


def _item(ledger: Ledger, root: Path, path: str, kind: Any, raised: Iterable[Raised]) -> Item:
    bad = any(one.card.severity == "error" for one in raised)
    return Item(ledger.shown(root, path), kind, "fail" if bad else "pass")


def _cards(ruleset: RuleSet, division: str, scope: str) -> Iterator[tuple[Card, Any]]:
    known = judges()
    for card in ruleset.cards.values():
        if card.judge is not None and card.division in (None, division) and known[card.judge].scope == scope:
            yield card, known[card.judge].function


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
    return compile_rules(cards, constants, mappings, derived, division)


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


def _log_rules(
    ruleset: RuleSet,
    rules: WorkloadRules | None,
    division: str,
    log: Log | None,
    absent: list[Problem],
    unit: Unit,
    path: str,
) -> Iterator[Raised]:
    """Judge one log by itself."""
    for card in ruleset.cards.values():
        if card.judge == "log-present":
            yield from (Raised(card, unit, path, problem) for problem in absent)
    if log is None:
        return
    if rules is None:
        stated = log.first("submission_benchmark")
        known, line = ", ".join(ruleset.workloads()), stated.number if stated else None
        found = brief(stated.value) if stated else "no submission_benchmark"
        log.flaw("log-workload", Problem("the log is of no workload this round knows", known, found, line=line))
    for card, function in _cards(ruleset, division, "log"):
        yield from (Raised(card, unit, path, problem) for problem in limited(function(log)))
    for rule, problem in program(ruleset.name, rules.workload if rules else None, division).judge(log.records):
        yield Raised(ruleset.cards[rule], unit, path, problem)


def _submission(ledger: Ledger, submission: Submission) -> None:
    """Judge one submitter's folder; every part is judged even where another is beyond reading."""
    ruleset, root = ledger.ruleset, submission.root
    raised: list[Raised] = []
    everything = "closed" if submission.division is None else submission.division
    for card, function in _cards(ruleset, everything, "submission"):
        for problem in limited(function(submission), 50):
            if submission.scope == "" or problem.path == ".":
                raised.append(Raised(card, (), problem.path or ".", problem))
            else:
                raised.append(Raised(card, (), problem.path or submission.scope, problem))
    for system in submission.systems.values():
        unit: Unit = ("systems", system.name)
        for card, function in _cards(ruleset, everything, "system"):
            raised += (Raised(card, unit, system.path, problem) for problem in function(system))
    items: list[tuple[str, Any, Unit]] = [
        (system.path, "system", ("systems", system.name)) for system in submission.systems.values()
    ]
    for result in submission.results():
        of_result = list(_result(ruleset, result))
        raised += of_result
        items.append((result.folder, "result", ("results", result.folder)))
        items += ((run.log_path, "log", ("results", result.folder, str(run.index))) for run in result.runs)
        bad = any(one.card.severity == "error" for one in of_result)
        ledger.scores.append(score(ledger.shown(root, result.folder), result, "fail" if bad else "pass"))
    ledger.settle(root, raised)
    if submission.scope in ("", "."):
        ledger.items.append(_item(ledger, root, ".", "organisation", raised))
    for path, kind, unit in items:
        mine = (one for one in raised if one.unit[: len(unit)] == unit or (one.unit == () and one.path == path))
        ledger.items.append(_item(ledger, root, path, kind, mine))


def _result(ruleset: RuleSet, result: Result) -> Iterator[Raised]:
    unit: Unit = ("results", result.folder)
    for card, function in _cards(ruleset, result.division, "result"):
        yield from (Raised(card, unit, result.folder, problem) for problem in limited(function(result)))
    for run in result.runs:
        yield from _run(ruleset, result, run, (*unit, str(run.index)))


def _run(ruleset: RuleSet, result: Result, run: Run, unit: Unit) -> Iterator[Raised]:
    absent = run.flaws.get("log-present", [])
    yield from _log_rules(ruleset, result.rules, result.division, run.log, absent, unit, run.log_path)
    for card, function in _cards(ruleset, result.division, "run"):
        yield from (Raised(card, unit, run.log_path, problem) for problem in limited(function(result, run)))
