"""What a path looks like: the rounds that it may be of, of all families of MLPerf, also of those without rules.

`checker/families/recognition.py` finds it out. A folder's name never makes a submission pass: it chooses
among rounds that what is in the folder leaves open, or says that the round is one that Assay has no rules of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from checker.core.findings import Violation
from rules.errors import UsageError
from rules.known_rounds import named, no_rules, ordered, title
from rules.round import rulesets
from rules.text import printable

OWN_TOOLS = "take the tools of its own round; `assay rules list` lists the rounds that Assay judges"


@dataclass(frozen=True)
class DetectedRound:
    """What a path looks like; `rounds` may be of it, by family and version, or a family where no mark tells which."""

    path: Path
    seen: str  # what is there, in words that follow on the path
    rounds: tuple[str, ...]
    several: str = ""  # why several rounds are possible

    def only(self) -> str:
        """Return the one round with rules that this can be; UsageError with the candidates, or with what it is."""
        rounds, known = self._narrowed(), rulesets()
        if len(rounds) == 1 and rounds[0] in known:
            return rounds[0]
        judged = [name for name in ordered(known) if name in rounds or name.partition("/")[0] in rounds]
        if not judged:
            what = f"{self.path}: this is {_listed(rounds)}, which Assay has no rules for"
            raise UsageError(f"{what}; it knows {no_rules(rounds[0], known)}", fix=OWN_TOOLS)
        without = [name for name in rounds if "/" in name and name not in known]
        among = f"; so have {_listed(without)}, which Assay has no rules for" if without else ""
        options = ", or ".join(f"add --round {name}" for name in reversed(judged))
        fix = options if set(judged) == set(rounds) else f"only if it is of such a round, {options}"
        raise UsageError(f"{self.path} {self.seen}, and {self.several}{among}", fix=fix)

    def _narrowed(self) -> tuple[str, ...]:
        """Return the rounds that the folder's name leaves: the one it says, where that may be or is without rules."""
        if (said := named(self.path)) is None:
            return self.rounds
        may_be = said[0] in self.rounds or said[0].partition("/")[0] in self.rounds
        return (said[0],) if may_be or said[0] not in rulesets() else self.rounds


def known_rounds(family: str) -> tuple[str, ...]:
    """Return the rounds of a family that have rules, older first."""
    return tuple(name for name in rulesets() if name.startswith(f"{family}/"))


def named_otherwise(path: Path, round_name: str) -> Violation | None:
    """Return what a reviewer should know where a folder's name says another round than the one judged by."""
    said = named(path)
    if said is None or said[0] == round_name:
        return None
    without = "" if said[0] in rulesets() else ", which Assay has no rules for"
    what = f"the folder {printable(said[1], 80)} is named for {title([said[0]])}{without}; judged by {round_name}"
    return Violation(what, round_name, said[0], ".")


def _listed(rounds: Iterable[str]) -> str:
    """Return rounds in words, family by family."""
    by_family: dict[str, list[str]] = {}
    for name in rounds:
        by_family.setdefault(name.partition("/")[0], []).append(name)
    return " or ".join(title(names) for names in by_family.values())
