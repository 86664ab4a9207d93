"""Two submissions beside each other: which results are compared, what differs between them, and the whole as text.

A family says what a pair of results is: its members for programs, its lines for people.
"""

from __future__ import annotations

import json
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from checker.core.findings import brief
from checker.report.render.text import WIDTH
from rules.errors import NothingToCheckError, UsageError
from rules.text import printable

MOST = 400  # pairs of results that are compared
PLACES = 12  # members shown of one kind


class ComparedResult(Protocol):
    """One result of one side."""

    @property
    def name(self) -> str:
        """What it measured; results of one name are compared."""

    @property
    def namesake(self) -> str:
        """By which its counterpart is found among several."""


class ComparedPair(ABC):
    """A result beside one of the other side."""

    @abstractmethod
    def body(self) -> dict[str, Any]:
        """Return it as members for programs."""

    @abstractmethod
    def lines(self) -> Iterator[str]:
        """Yield it as text."""


R = TypeVar("R", bound=ComparedResult)
P = TypeVar("P", bound=ComparedPair)


@dataclass(frozen=True)
class Differing:
    """A member of the system description, or a hyperparameter, that is not the same on both sides."""

    name: str
    a: str
    b: str


@dataclass(frozen=True)
class Comparisons(Generic[P]):
    """All that both submissions have results of, and what only one has."""

    ruleset: str
    a: str
    b: str
    method: str
    kind: str  # what programs find the pairs under
    pairs: tuple[P, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    def as_json(self) -> str:
        """Return the comparison as indented JSON that ends with a newline."""
        body: dict[str, Any] = {"ruleset": self.ruleset, "a": self.a, "b": self.b, "method": self.method}
        body |= {self.kind: [pair.body() for pair in self.pairs], "only_a": self.only_a, "only_b": self.only_b}
        return json.dumps(body, indent=2, allow_nan=False) + "\n"

    def as_text(self) -> str:
        """Return the comparison as text of 80 columns that ends with a newline."""
        lines = [*wrapped("A  ", self.a), *wrapped("B  ", self.b), ""]
        for pair in self.pairs:
            lines += [*pair.lines(), ""]
        for name, only in (("A", self.only_a), ("B", self.only_b)):
            lines += wrapped(f"Only in {name}: ", ", ".join(only)) if only else []
        lines += wrapped("Method: ", self.method)
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Beside:
    """The paths of two submissions, and the names of the results in each."""

    a: Path
    b: Path
    mine: set[str]
    theirs: set[str]

    def common(self, what: str) -> set[str]:
        """Return the names that both have; NothingToCheckError where there is none."""
        if not self.mine & self.theirs:
            said = f"no common {what}: {_listed(self.mine)} in the one, {_listed(self.theirs)} in the other"
            raise NothingToCheckError(said, fix="give two submissions that ran the same benchmark")
        return self.mine & self.theirs

    def comparisons(self, ruleset: str, method: str, kind: str, pairs: Iterable[P]) -> Comparisons[P]:
        """Return the pairs with what only one side has."""
        only = (tuple(sorted(map(printable, names))) for names in (self.mine - self.theirs, self.theirs - self.mine))
        return Comparisons(ruleset, printable(str(self.a)), printable(str(self.b)), method, kind, tuple(pairs), *only)


def paired(first: Sequence[R], second: Sequence[R], beside: Callable[[R, R], P]) -> list[P]:
    """Bring each result beside its namesake; one that has none, beside each of the other side that has none either.

    Raises UsageError where there are more pairs than anyone reads.
    """
    pairs: list[tuple[R, R]] = []
    for one in first:
        others = [other for other in second if other.name == one.name]
        same = [other for other in others if other.namesake == one.namesake]
        taken = {mine.namesake for mine in first if mine.name == one.name}
        pairs += ((one, other) for other in same or [o for o in others if o.namesake not in taken])
    if len(pairs) > MOST:
        fix = "give a system's folder of results/ on each side"
        raise UsageError(f"{len(pairs)} pairs of results; at most {MOST} are compared", fix=fix)
    return [beside(one, other) for one, other in pairs]


def told(document: object) -> dict[str, str]:
    """Return the members of what may be a document of a submission as safe text."""
    members = document.items() if isinstance(document, Mapping) else ()
    return {printable(str(name), 80): brief(value) for name, value in members}


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


def _listed(names: set[str]) -> str:
    return printable(", ".join(sorted(names))) or "none"
