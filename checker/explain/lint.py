"""Mistakes in rule files, found before a log is: unknown names in expressions, checks and clauses that do not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches

from checker.core.checks import UNITS
from checker.core.family import Family
from checker.explain.coverage import sections
from rules.cards import Card, Severity
from rules.errors import AssayError
from rules.round import rulesets
from rules.ruleset import RuleSet, load


def mistakes(family_of: Callable[[str], Family]) -> Iterator[str]:
    """Yield each mistake in each round, with its place."""
    for name in rulesets():
        try:
            yield from (f"{name}: {mistake}" for mistake in _in(load(name), family_of(name)))
        except AssayError as error:
            yield error.message


def _in(round_: RuleSet, family: Family) -> Iterator[str]:
    known, clauses = family.checks.all(), sections(round_)
    for card in round_.cards.values():
        if card.check is not None and card.check not in known:
            yield f"{card.id}: check {card.check!r} does not exist{_near(card.check, known)}"
        if card.official is not None and card.official not in family.officials:
            told = _near(card.official, family.officials)
            yield f"{card.id}: official checker {card.official!r} does not exist{told}"
        yield from (f"{card.id}: requires {other!r}, which does not exist" for other in _missing(card.requires, round_))
        for other in (round_.cards[rule] for rule in card.requires if rule in round_.cards):
            if other.severity is not Severity.ERROR:
                yield f"{card.id}: requires {other.id!r}, a {other.severity}, which would hide an error"
            if card.id in _before(other, round_):
                yield f"{card.id}: requires {other.id!r}, which requires it: each would hide the other"
        if clauses and card.clause not in clauses:
            yield f"{card.id}: {round_.document} has no section {card.clause}"
    for check in known.values():
        if check.unit not in UNITS:
            yield f"check {check.name!r}: looks at {check.unit!r}, which is no unit{_near(check.unit, UNITS)}"
    yield from family.mistakes(round_)


def _before(card: Card, round_: RuleSet) -> set[str]:
    """Return the rules that must hold before `card` speaks, at any remove."""
    found: set[str] = set()
    waiting = [card.id]
    while waiting:
        rule = waiting.pop()
        required = set(round_.cards[rule].requires if rule in round_.cards else ()) - found
        found |= required
        waiting += required
    return found | {card.id}


def _missing(required: list[str], round_: RuleSet) -> list[str]:
    return [rule for rule in required if rule not in round_.cards]


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.8)
    return f" (did you mean {near[0]!r}?)" if near else ""
