"""What one check gathers: problems as rules raise them, folded into findings, and the verdict on each judged thing.

A problem is about a *unit*: the submission, a system, a result or a run. A rule is silent about a unit where a rule it
requires failed on the same unit, its whole or its part, so that one missing file is not ten findings. Where a rule says
what a file is instead of what it should be, every other one is silent about that file.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from checker.core.findings import DEFECT, Finding, Item, ItemKind, Problem, Score, Verdict, Waived
from checker.core.waivers import Waivers
from rules.cards import Card, Example, Severity
from rules.ruleset import RuleSet
from rules.text import printable

Subject = tuple[str, ...]  # (), ("systems", name), ("results", folder), ("results", folder, run)


@dataclass(frozen=True)
class Raised:
    """A problem, the rule that raised it and the unit it is about; `path` is relative to the submitter's folder."""

    card: Card
    unit: Subject
    path: str
    problem: Problem

    @property
    def where(self) -> str:
        """The file or folder the problem is in."""
        return self.problem.path or self.path


def raised(card: Card, unit: Subject, path: str, problems: Iterable[Problem]) -> Iterator[Raised]:
    """Attach rule and unit to each problem."""
    return (Raised(card, unit, path, problem) for problem in problems)


_DEFECT = Card(
    id=DEFECT,
    title="Assay can judge whatever a submission holds",
    clause="",
    check=DEFECT,
    hint="report this with the submission; ASSAY_DEBUG=1 shows where it arose",
    passes=Example(),
    fails=Example(),
)


def contained(unit: Subject, path: str, judging: Iterable[Raised]) -> Iterator[Raised]:
    """Yield what `judging` yields; where it fails itself, that as the last, so that everything else is judged too."""
    try:
        yield from judging
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not spare the other submitters
        if os.environ.get("ASSAY_DEBUG"):
            traceback.print_exc()
        what = f"a defect of Assay kept it from judging this: {type(error).__name__}: {error}"
        yield Raised(_DEFECT, unit, path, Problem(what))


class Failures:
    """Which rules failed on which units."""

    def __init__(self, all_raised: Iterable[Raised]) -> None:
        self._on: dict[str, set[Subject]] = {}
        self._within: dict[str, set[Subject]] = {}  # the same units and all that they are part of
        self._files: set[str] = set()  # about which all is said
        for one in all_raised:
            if one.card.on_file == "explains":
                self._files.add(one.where)
            self._on.setdefault(one.card.id, set()).add(one.unit)
            self._within.setdefault(one.card.id, set()).update(_wholes(one.unit))

    def explain(self, one: Raised) -> bool:
        """Whether a failed rule that `one`'s rule requires, or what its file is, makes it a mere consequence."""
        if self._files and one.card.on_file is None and self._spoiled(one.where):
            return True
        wholes = {*_wholes(one.unit), *_system(one.unit)}
        return any(
            not wholes.isdisjoint(self._on.get(rule, ())) or one.unit in self._within.get(rule, ())
            for rule in one.card.requires
        )

    def _spoiled(self, path: str) -> bool:
        return path in self._files or any(str(folder) in self._files for folder in PurePosixPath(path).parents)


class Errors:
    """Which units and files errors are about; warnings and notes fail nothing."""

    def __init__(self, all_raised: Iterable[Raised]) -> None:
        self._units: set[Subject] = set()
        self._about: set[Subject] = set()
        self._paths: set[str] = set()
        for one in all_raised:
            if one.card.severity is Severity.ERROR:
                self._units.update(_wholes(one.unit))
                self._about.add(one.unit)
                if one.unit == ():
                    self._paths.update(str(folder) for folder in (one.where, *PurePosixPath(one.where).parents))

    def about(self, unit: Subject) -> bool:
        """Whether an error is about `unit` itself, not only about a part of it."""
        return unit in self._about

    def against(self, path: str, unit: Subject) -> bool:
        """Whether an error is about `unit`, a part of it, the system it ran on, or a file at or below `path`."""
        return unit in self._units or not self._units.isdisjoint(_system(unit)) or path in self._paths


def _wholes(unit: Subject) -> Iterator[Subject]:
    return (unit[:length] for length in range(len(unit) + 1))


def _system(unit: Subject) -> Iterator[Subject]:
    """Yield the system that a result or run depends on."""
    if unit[:1] == ("results",):
        yield ("systems", unit[1].split("/")[1])


def fix(card: Card, problem: Problem) -> str:
    """Return what to do about a problem: what it says itself, then what its rule advises."""
    return f"{problem.first}: {card.hint}" if problem.first else card.hint


def causes_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with those that say what a file is before all others, else in their order."""
    return sorted(findings, key=lambda finding: not finding.cause)


@dataclass
class Ledger:
    """Findings, items and scores of one check; `base` is what their paths are relative to."""

    base: Path
    waivers: Waivers = field(default_factory=Waivers)
    items: list[Item] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)

    def shown(self, root: Path, path: str) -> str:
        """Return a path below `root` relative to what was checked, safe to print."""
        return printable(Path(os.path.relpath(root / path, self.base)).as_posix(), 1000)

    def settle(self, root: Path, ruleset: RuleSet, all_raised: list[Raised]) -> Errors:
        """Turn what was raised by the rules of a round into findings, leaving out what only follows from another.

        What follows from a waived finding is left in: nobody looked at it when that was accepted. Returns the errors.
        """
        counted = [one for one in all_raised if self.accepted(root, one) is None]
        failures = Failures(counted)
        told = [self._finding(root, ruleset, one) for one in all_raised if not failures.explain(one)]
        self.findings += causes_first(told)
        return Errors(counted)

    def accepted(self, root: Path, one: Raised) -> Waived | None:
        """Return by which waiver a problem is accepted; None where it counts."""
        if not self.waivers.given:
            return None
        return self.waivers.on(one.card.id, self.shown(root, one.where), printable(one.problem.message))

    def judge(self, root: Path, path: str, kind: ItemKind, unit: Subject, errors: Errors) -> Verdict:
        """Add the item `path` with the verdict that the errors about it give; return the verdict."""
        return self.item(root, path, kind, errors.against(path, unit))

    def item(self, root: Path, path: str, kind: ItemKind, failed: bool) -> Verdict:
        """Add the item `path`; return its verdict."""
        verdict: Verdict = "fail" if failed else "pass"
        self.items.append(Item(self.shown(root, path), kind, verdict))
        return verdict

    def _finding(self, root: Path, ruleset: RuleSet, one: Raised) -> Finding:
        card, problem = one.card, one.problem
        return Finding(
            rule=card.id,
            severity=card.severity.value,
            authority=card.authority,
            audience=card.audience.value,
            path=self.shown(root, one.where),
            line=problem.line,
            message=printable(problem.message),
            expected=printable(problem.expected),
            found=printable(problem.found),
            clause=ruleset.clause(card) if card.clause else ruleset.name,
            fix=fix(card, problem),
            waived=self.accepted(root, one),
            cause=card.on_file == "explains",
        )
