"""Which clauses of a rules document the rules of a round look at, and which none does.

The clauses are the document's sections, as `clauses.yaml` of the round's folder or of the nearest it extends lists
them: a title; or `title` with `rules` that look at the clause though they cite another, or with `beyond`, why none can.
A round of Assay's own has its document beside it, and its headings are the clauses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import rules.round
from rules.cards import Card
from rules.errors import UsageError
from rules.ruleset import RuleSet


@dataclass(frozen=True)
class Clause:
    """A section of a rules document and the rules that cite it."""

    number: str
    title: str
    cards: tuple[Card, ...]
    beyond: str = ""  # why no rule can look at it: what it asks does not stand in a submission's files


def clauses(ruleset: RuleSet) -> Iterator[Clause]:
    """Yield the clauses of a round's rules document in order; UsageError where they are not known."""
    titles = _listed(ruleset) or _headings(rules.round.ROOT.parent / ruleset.document)
    if not titles:
        raise UsageError(f"{ruleset.name}: the sections of its rules document are not known", fix="give clauses.yaml")
    for number, said in titles.items():
        given = {"title": said} if isinstance(said, str) else said
        rules_ = given.get("rules", ())
        cards = tuple(card for card in ruleset.cards.values() if card.clause == number or card.id in rules_)
        yield Clause(number, given["title"], cards, "" if cards else given.get("beyond", ""))


def _listed(ruleset: RuleSet) -> dict[str, Any]:
    path = ruleset.data("clauses.yaml")
    return {} if path is None else {str(number): said for number, said in yaml.safe_load(path.read_bytes()).items()}


def _headings(document: Path) -> dict[str, Any]:
    if not document.is_file():
        return {}
    found = {}
    for line in document.read_text().splitlines():
        head, _, title = line.lstrip("#").strip().partition(" ")
        if line.startswith("##") and head.rstrip(".").replace(".", "").isdigit():
            found[head.rstrip(".")] = title
    return found
