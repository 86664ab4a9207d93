"""What differs between two submissions, member by member, and the lines of text that say it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass

from checker.report.render.text import WIDTH
from rules.errors import UsageError
from rules.text import printable

MOST = 400  # pairs of results that are compared
PLACES = 12  # members shown of one kind


@dataclass(frozen=True)
class Differing:
    """A member of the system description, or a hyperparameter, that is not the same on both sides."""

    name: str
    a: str
    b: str


def differing(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[Differing, ...]:
    """Return the members that are not the same in both."""
    names = sorted(name for name in {*a, *b} if a.get(name) != b.get(name))
    return tuple(Differing(name, a.get(name, "not there"), b.get(name, "not there")) for name in names)


def members(title: str, differing: tuple[Differing, ...]) -> Iterator[str]:
    """Yield the members that differ, some of them where there are many."""
    if not differing:
        yield f"    {title}: the same"
        return
    yield f"    {title}: {len(differing)} differ"
    for member in differing[:PLACES]:
        yield from wrapped("      ", f"{member.name}: A {member.a}; B {member.b}")
    if len(differing) > PLACES:
        yield f"      … and {len(differing) - PLACES} more (--format json lists them)"


def wrapped(label: str, text: str) -> list[str]:
    """Return text in lines of 80 columns under a label."""
    rest = " " * (len(label) if not label.strip() else min(len(label), 8))
    return textwrap.wrap(text, WIDTH, initial_indent=label, subsequent_indent=rest + "  ", break_on_hyphens=False)


def refuse_many(pairs: Sized) -> None:
    """Raise UsageError where two submissions would give more pairs of results than anyone reads."""
    if len(pairs) > MOST:
        fix = "give a system's folder of results/ on each side"
        raise UsageError(f"{len(pairs)} pairs of results; at most {MOST} are compared", fix=fix)


def listed(names: set[str]) -> str:
    """Return names from submissions as one safe line."""
    return printable(", ".join(sorted(names))) or "none"
