"""What one check gathers: problems as rules raise them, folded into findings, and both verdicts on each judged thing.

A problem is about a *unit*: the submission, a system, a result or a run. A rule is silent about a unit where a rule it
requires failed on the same unit, its whole or its part, so that one missing file is not ten findings. Where a rule says
what a file is instead of what it should be, every other one is silent about that file.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from posixpath import normpath

from checker.core.findings import DEFECT, Finding, Item, ItemKind, Report, Score, Verdict, Violation, with_verdicts
from checker.core.outcome import OfficialOutcome
from checker.core.waivers import Waivers
from rules.cards import Card, Example, Severity
from rules.ruleset import RuleSet
from rules.text import printable

Subject = tuple[str, ...]  # (), ("systems", name), ("results", folder), ("results", folder, run)


def system_of(parts: Sequence[str], results: Sequence[str] = ("results",)) -> Subject | None:
    """Return what a path is about that is no part of a result: a system, or the submission; None for others.

    `results` are the top folders of which the folders are named after systems.
    """
    if parts[0] == "systems" and len(parts) == 2:
        return ("systems", parts[1].removesuffix(".json").removesuffix("_power.yaml"))
    if parts[0] not in results or len(parts) < 2:
        return ()
    return ("systems", parts[1]) if len(parts) == 2 else None


@dataclass(frozen=True)
class RaisedViolation:
    """A problem, the rule that raised it and the unit it is about; `path` is relative to the submitter's folder."""

    card: Card
    unit: Subject
    path: str
    problem: Violation

    @property
    def where(self) -> str:
        """The file or folder the problem is in."""
        return self.problem.path or self.path


def raised(card: Card, unit: Subject, path: str, problems: Iterable[Violation]) -> Iterator[RaisedViolation]:
    """Attach rule and unit to each problem."""
    return (RaisedViolation(card, unit, path, problem) for problem in problems)


_DEFECT = Card(
    id=DEFECT,
    title="Assay can judge whatever a submission holds",
    clause="",
    check=DEFECT,
    fix="report this with the submission; ASSAY_DEBUG=1 shows where it arose",
    passes=Example(),
    fails=Example(),
)


def contained(unit: Subject, path: str, judging: Iterable[RaisedViolation]) -> Iterator[RaisedViolation]:
    """Yield what `judging` yields; where it fails itself, that as the last, so that everything else is judged too."""
    try:
        yield from judging
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not spare the other submitters
        if os.environ.get("ASSAY_DEBUG"):
            traceback.print_exc()
        what = f"a defect of Assay kept it from judging this: {type(error).__name__}: {error}"
        yield RaisedViolation(_DEFECT, unit, path, Violation(what))


class Failures:
    """Which rules failed on which units."""

    def __init__(self, all_raised: Iterable[RaisedViolation]) -> None:
        self._on: dict[str, set[Subject]] = {}
        self._within: dict[str, set[Subject]] = {}  # the same units and all that they are part of
        self._files: set[str] = set()  # about which all is said
        for one in all_raised:
            if one.card.on_file == "explains":
                self._files.add(one.where)
            self._on.setdefault(one.card.id, set()).add(one.unit)
            self._within.setdefault(one.card.id, set()).update(_wholes(one.unit))

    def explain(self, one: RaisedViolation) -> bool:
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

    def __init__(self, all_raised: Iterable[RaisedViolation]) -> None:
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


def fix(card: Card, problem: Violation) -> str:
    """Return what to do about a problem: what it says itself, then what its rule advises."""
    return f"{problem.first}: {card.fix}" if problem.first else card.fix


def causes_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with those that say what a file is before all others, else in their order."""
    return sorted(findings, key=lambda finding: not finding.cause)


@dataclass
class Ledger:
    """Findings, items and scores of one check; `base` is what their paths are relative to.

    Findings are added and then folded: all of a submission together, or, by the `ruleset` of a published round, as its
    official answers come. There `subject_of` tells what a path of a submission is about.
    """

    base: Path
    waivers: Waivers = field(default_factory=Waivers)
    ruleset: RuleSet | None = None
    subject_of: Callable[[str], Subject] = lambda _path: ()
    items: list[Item] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    raised: list[RaisedViolation] = field(
        default_factory=list
    )  # what the findings since the last `fold` were raised as
    _tops: dict[Path, str] = field(default_factory=dict)  # of each root: its path relative to `base`

    def shown(self, root: Path, path: str) -> str:
        """Return a path below `root` relative to what is judged, safe to print."""
        if root not in self._tops:
            self._tops[root] = Path(os.path.relpath(root, self.base)).as_posix()
        top = self._tops[root]
        below = normpath(f"{top}/{path}") if not top.startswith("..") else os.path.relpath(root / path, self.base)
        return printable(below, 1000)

    def add(self, root: Path, rule: str, problem: Violation, at_most: Severity | None = None) -> Finding:
        """Turn a problem into a finding of its rule's card, no graver than `at_most`."""
        path = problem.path or "."
        one = RaisedViolation(self.by.card(rule), self.subject_of(path), path, problem)
        return self._add(root, self.by, one, at_most)

    @property
    def by(self) -> RuleSet:
        """The round that all is judged by."""
        assert self.ruleset is not None
        return self.ruleset

    def _add(self, root: Path, ruleset: RuleSet, one: RaisedViolation, at_most: Severity | None = None) -> Finding:
        card, problem = one.card, one.problem
        path, message = self.shown(root, one.where), printable(problem.message)
        found = Finding(
            rule=card.id,
            severity=_lower(card.severity, at_most).value,
            authority=card.authority,
            audience=card.audience.value,
            path=path,
            line=problem.line,
            message=message,
            expected=printable(problem.expected),
            found=printable(problem.found),
            clause=ruleset.clause(card) if card.clause else ruleset.name,
            fix=fix(card, problem),
            waived=self.waivers.on(card.id, path, message),
            cause=card.on_file == "explains",
        )
        self.raised.append(one)
        self.findings.append(found)
        return found

    def add_all(self, root: Path, problems: Iterable[tuple[str, Violation]], at_most: Severity | None = None) -> bool:
        """Add findings; return whether any that counts is an error by its own rule, whatever it was lowered to."""
        failed = False
        for rule, problem in problems:
            found = self.add(root, rule, problem, at_most)
            failed |= self.by.card(rule).severity is Severity.ERROR and found.waived is None
        return failed

    def settle(self, root: Path, ruleset: RuleSet, all_raised: list[RaisedViolation]) -> Errors:
        """Add and fold all that was raised on a submission by the rules of a round; return the errors that count."""
        told = [(one, self._add(root, ruleset, one)) for one in all_raised]
        self.fold()
        return Errors(one for one, finding in told if finding.waived is None)

    def fold(self) -> None:
        """Leave out findings that only follow from another, and those said again of one system.

        A fault that was lowered to a warning, or waived, explains no error.
        """
        start = len(self.findings) - len(self.raised)
        told = list(zip(self.findings[start:], self.raised, strict=True))
        grave = Failures(raised for finding, raised in told if finding.fails)
        slight = Failures(raised for finding, raised in told if finding.waived is None)
        kept: list[Finding] = []
        seen: set[Finding] = set()
        for finding, raised in told:
            again = raised.unit[:1] == ("systems",) and finding in seen
            seen.add(finding)
            if not (again or grave.explain(raised) or (not finding.fails and slight.explain(raised))):
                kept.append(finding)
        self.findings[start:] = causes_first(kept)
        self.raised.clear()

    def judge(self, root: Path, path: str, kind: ItemKind, unit: Subject, errors: Errors) -> Verdict:
        """Add the item `path` with the verdict that the errors about it give; return the verdict."""
        return self.item(root, path, kind, errors.against(path, unit))

    def item(
        self, root: Path, path: str, kind: ItemKind, failed: bool, official: OfficialOutcome | None = None
    ) -> Verdict:
        """Note a judged thing with both verdicts; return Assay's."""
        verdict: Verdict = "fail" if failed else "pass"
        theirs: Verdict | None = None if official is None else "pass" if official.answer == "pass" else "fail"
        crash = printable(official.cause) if official is not None and official.answer == "crash" else None
        self.items.append(Item(self.shown(root, path), kind, verdict, theirs, crash))
        return verdict

    def across(self, problems: Iterable[tuple[str, Violation]], but: tuple[ItemKind, ...] = ()) -> None:
        """Add what spans submitters; an error fails all that its path lies in, but for items of the kinds `but`."""
        failed: set[str] = set()
        for rule, problem in problems:
            finding = self.add(self.base, rule, problem)
            if finding.fails:
                failed.update((finding.path, ".", *(str(folder) for folder in PurePosixPath(finding.path).parents)))
        self.items[:] = [
            replace(item, verdict="fail") if item.kind not in but and item.path in failed else item
            for item in self.items
        ]

    def report(self, path: Path) -> Report:
        """Return all that was gathered of `path`."""
        return Report(
            assay=version("assay"),
            path=printable(str(path)),
            ruleset=self.by.name,
            items=self.items,
            findings=self.findings,
            scores=with_verdicts(self.scores, self.items),
        )


def _lower(severity: Severity, at_most: Severity | None) -> Severity:
    if at_most is None:
        return severity
    order = list(Severity)
    return max(severity, at_most, key=order.index)
