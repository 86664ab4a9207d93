"""Waivers: findings that reviewers looked at and accept, by whom, why and until when.

A waived finding is shown and counted apart; it no longer fails what it is on. It says nothing about the official
checker, whose verdict stays what it is. What is not accepted any more, or never was found, is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from checker.core.findings import DEFECT, Finding, Waived
from rules import hostile_yaml
from rules.errors import UsageError
from rules.ruleset import load
from rules.text import printable

LARGEST = 1 << 20  # bytes of a file of waivers
Words = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Waiver(_Strict):
    """One accepted finding, or those of one rule below one place."""

    rule: Words
    path: Words  # of the finding as reported; * and ? within a name, ** for any number of folders
    message: Words | None = None  # part of the finding's message
    by: Words
    why: Words
    until: date  # the last day it holds

    def concerns(self, rule: str, path: str, message: str) -> bool:
        """Whether this is about a finding."""
        if rule != self.rule or (self.message is not None and self.message not in message):
            return False
        return matches(path, self.path)


class WaiverFile(_Strict):
    """A file of waivers."""

    waivers: list[Waiver]


@dataclass
class Waivers:
    """The waivers of one check, and what became of each."""

    name: str = ""  # of the file
    given: list[Waiver] = field(default_factory=list)
    today: date = field(default_factory=date.today)
    used: dict[int, int] = field(default_factory=dict)  # position -> findings it is about

    def on(self, rule: str, path: str, message: str) -> Waived | None:
        """Return by which waiver a finding is accepted; None where it counts. Of several the one that holds longest."""
        if rule == DEFECT:
            return None
        concerned = [i for i, waiver in enumerate(self.given) if waiver.concerns(rule, path, message)]
        if not concerned:
            return None
        position = max(concerned, key=lambda i: self.given[i].until)
        self.used[position] = self.used.get(position, 0) + 1
        waiver = self.given[position]
        if waiver.until < self.today:
            return None
        return Waived(printable(waiver.by), printable(waiver.why, 2000), waiver.until.isoformat())

    def said(self, round_name: str) -> Iterator[Finding]:
        """Yield a warning for each waiver that would be needed and is over, a note for each that nothing needed."""
        for position, waiver in enumerate(self.given):
            many = self.used.get(position, 0)
            which = f"waiver {position + 1} in {self.name} ({waiver.rule} on {waiver.path}, by {waiver.by})"
            if many and waiver.until < self.today:
                what = f"{which} is over: what it accepted counts again"
                until, found = f"a day no earlier than {self.today}", f"until {waiver.until}"
                yield _finding("waiver-expired", "warning", what, until, found, round_name)
            elif not many:
                what = f"{which} is about no finding"
                what += _no_such_rule(waiver.rule, round_name)
                yield _finding("waiver-unused", "note", what, "", "", round_name)


def _no_such_rule(rule: str, round_name: str) -> str:
    """Return what to add of a rule that no round judged by has, with the nearest name; nothing where one has it."""
    known = [card for name in round_name.split(", ") for card in load(name).cards]
    if rule in known:
        return ""
    near = get_close_matches(rule, known, n=1)
    return "; no rule is called that" + (f", did you mean {near[0]!r}?" if near else "")


FIXES = {
    "waiver-expired": "look at the finding again; waive it again or object to it",
    "waiver-unused": "remove it, or correct its rule, path or message",
}


def _finding(rule: str, severity: str, message: str, expected: str, found: str, round_name: str) -> Finding:
    return Finding(
        rule=rule,
        severity="warning" if severity == "warning" else "note",
        authority="assay",
        audience="reviewer",
        path=".",
        line=None,
        message=printable(message, 2000),
        expected=expected,
        found=found,
        clause=round_name,
        fix=FIXES[rule],
    )


def read(file: Path, today: date | None = None) -> Waivers:
    """Read a file of waivers; UsageError for one that cannot be read or is not as it must be."""
    fix = "give a YAML file: waivers: [{rule, path, by, why, until: 2026-12-31}, …]"
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise UsageError(f"{file}: larger than {LARGEST:,} bytes", fix=fix)
        given = WaiverFile.model_validate(hostile_yaml.loads(raw))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", fix=fix) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise UsageError(f"{file}: {_wrong(error)}", fix=fix) from None
    return Waivers(printable(file.name), given.waivers, today or date.today())


def _wrong(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    loc = [str(part + 1) if isinstance(part, int) else part for part in first["loc"]]
    return f"{' '.join(loc) or 'the file'}: {first['msg']}"


def matches(path: str, pattern: str) -> bool:
    """Whether a path is one that `pattern` means: * and ? within a name, ** for any number of names, also none."""
    parts = path.split("/")
    reached = {0}  # how many of the path's names the pattern so far can stand for
    for wanted in pattern.split("/"):
        if wanted == "**":
            reached = set(range(min(reached), len(parts) + 1)) if reached else reached
        else:
            reached = {at + 1 for at in reached if at < len(parts) and fnmatchcase(parts[at], wanted)}
    return len(parts) in reached
