"""Mistakes in rule files, found before a log is: unknown names in expressions, judges and clauses that do not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import rules.round
from checker.core.family import Family
from rules.cards import Card, Severity
from rules.errors import AssayError
from rules.round import rulesets
from rules.ruleset import RuleSet, load


def mistakes(family_of: Callable[[str], Family]) -> Iterator[str]:
    """Yield each mistake in each round, with its place."""
    for name in rulesets():
        try:
            round_ = load(name)
        except AssayError as error:
            yield error.message
            continue
        yield from (f"{name}: {mistake}" for mistake in _in(round_, family_of(name)))


def _in(round_: RuleSet, family: Family) -> Iterator[str]:
    known = family.checks()
    sections = _sections(rules.round.ROOT.parent / round_.document)
    for card in round_.cards.values():
        if card.judge is not None and card.judge not in known:
            yield f"{card.id}: judge {card.judge!r} does not exist"
        yield from (f"{card.id}: requires {other!r}, which does not exist" for other in _missing(card.requires, round_))
        for other in (round_.cards[rule] for rule in card.requires if rule in round_.cards):
            if other.severity is not Severity.ERROR:
                yield f"{card.id}: requires {other.id!r}, a {other.severity}, which would hide an error"
            if card.id in _before(other, round_):
                yield f"{card.id}: requires {other.id!r}, which requires it: each would hide the other"
        if sections is not None and card.clause not in sections:
            yield f"{card.id}: {round_.document} has no section {card.clause}"
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


def _sections(document: Path) -> set[str] | None:
    """Return the numbers of a rules document's sections; None where it is not part of this installation."""
    if not document.is_file():
        return None
    headings = (line.split() for line in document.read_text().splitlines() if line.startswith("##"))
    return {words[1].rstrip(".") for words in headings if len(words) > 1}
