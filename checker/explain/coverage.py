"""Which clauses of a rules document the rules of a round look at, and which none does.

The clauses are the document's sections, as `clauses.yaml` of the round's folder or of the nearest it extends lists
them: a title; or `title` with `rules` that look at the clause though they cite another, or with `beyond`, why none can.
A round of Assay's own has its document beside it, and its headings are the clauses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

import rules.round
from rules.cards import Card
from rules.errors import UsageError
from rules.round import Strict, content, validated
from rules.ruleset import RuleSet

FILE = "clauses.yaml"


class ListedClause(Strict):
    """A section as `clauses.yaml` lists it, where it is more than a title."""

    title: str
    rules: list[str] = Field(default_factory=list)
    beyond: str = ""


@dataclass(frozen=True)
class Clause:
    """A section of a rules document and the rules that cite it."""

    number: str
    title: str
    cards: tuple[Card, ...]
    beyond: str = ""  # why no rule can look at it: what it asks does not stand in a submission's files


def clauses(ruleset: RuleSet) -> Iterator[Clause]:
    """Yield the clauses of a round's rules document in order; UsageError where they are not known."""
    known = sections(ruleset)
    if not known:
        raise UsageError(f"{ruleset.name}: the sections of its rules document are not known", fix=f"give {FILE}")
    for number, listed in known.items():
        cards = tuple(card for card in ruleset.cards.values() if card.clause == number or card.id in listed.rules)
        yield Clause(number, listed.title, cards, "" if cards else listed.beyond)


def sections(ruleset: RuleSet) -> dict[str, ListedClause]:
    """Return the sections of a round's rules document by number, none where they are not known.

    Raises UsageError for a mistake in the file that lists them.
    """
    if (path := ruleset.data(FILE)) is None:
        return _headings(rules.round.ROOT.parent / ruleset.document)
    found = content(path)
    if isinstance(found, dict):
        found = {str(number): {"title": said} if isinstance(said, str) else said for number, said in found.items()}
    return validated(dict[str, ListedClause], str(path), found)


def _headings(document: Path) -> dict[str, ListedClause]:
    if not document.is_file():
        return {}
    found = {}
    for line in document.read_text().splitlines():
        head, _, title = line.lstrip("#").strip().partition(" ")
        if line.startswith("##") and head.rstrip(".").replace(".", "").isdigit():
            found[head.rstrip(".")] = ListedClause(title=title)
    return found
