"""What the review of a published round gathers: items with both verdicts, findings of either authority, scores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from posixpath import normpath

from checker.core.findings import Finding, Item, ItemKind, Problem, Report, Score, Verdict, with_verdicts
from checker.core.ledger import Failures, Raised, Subject, causes_first, fix
from checker.core.outcome import Outcome
from checker.core.waivers import Waivers
from rules.cards import Severity
from rules.ruleset import RuleSet
from rules.text import printable


@dataclass
class RoundLedger:
    """Findings, items and scores of one review; `base` is what their paths are relative to.

    `unit_of` tells what a path of a submission is about: the submission, a system, a result, or a part of one.
    """

    base: Path
    ruleset: RuleSet
    waivers: Waivers
    unit_of: Callable[[str], Subject]
    items: list[Item] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    raised: list[Raised] = field(default_factory=list)  # what the findings since the last `fold` were raised as
    _tops: dict[Path, str] = field(default_factory=dict)  # of each root: its path relative to `base`

    def shown(self, root: Path, path: str) -> str:
        """Return a path below `root` relative to what is judged, safe to print."""
        if root not in self._tops:
            self._tops[root] = Path(os.path.relpath(root, self.base)).as_posix()
        top = self._tops[root]
        below = normpath(f"{top}/{path}") if not top.startswith("..") else os.path.relpath(root / path, self.base)
        return printable(Path(below).as_posix(), 1000)

    def add(self, root: Path, rule: str, problem: Problem, at_most: Severity | None = None) -> Finding:
        """Turn a problem into a finding of its rule's card, no graver than `at_most`."""
        card = self.ruleset.card(rule)
        path, message = self.shown(root, problem.path or "."), printable(problem.message)
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
            clause=self.ruleset.clause(card),
            fix=fix(card, problem),
            waived=self.waivers.on(card.id, path, message),
            cause=card.on_file == "explains",
        )
        self.raised.append(Raised(card, self.unit_of(problem.path or "."), problem.path or ".", problem))
        self.findings.append(found)
        return found

    def settle(self, root: Path, problems: Iterable[tuple[str, Problem]], at_most: Severity | None = None) -> bool:
        """Add findings; return whether any that counts is an error by its own rule, whatever it was lowered to."""
        failed = False
        for rule, problem in problems:
            found = self.add(root, rule, problem, at_most)
            failed |= self.ruleset.card(rule).severity is Severity.ERROR and found.waived is None
        return failed

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

    def item(self, root: Path, path: str, kind: ItemKind, failed: bool, official: Outcome | None) -> None:
        """Note a judged thing with both verdicts."""
        verdict: Verdict = "fail" if failed else "pass"
        theirs: Verdict | None = None if official is None else "pass" if official.answer == "pass" else "fail"
        crash = printable(official.cause) if official is not None and official.answer == "crash" else None
        self.items.append(Item(self.shown(root, path), kind, verdict, theirs, crash))

    def across(self, problems: Iterable[tuple[str, Problem]], but: tuple[ItemKind, ...] = ()) -> None:
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
            ruleset=self.ruleset.name,
            items=self.items,
            findings=self.findings,
            scores=with_verdicts(self.scores, self.items),
        )


def _lower(severity: Severity, at_most: Severity | None) -> Severity:
    if at_most is None:
        return severity
    order = list(Severity)
    return max(severity, at_most, key=order.index)
