"""Which clauses of a rules document the rules of a round look at, and which none does.

The clauses are the document's sections, as `clauses.yaml` of the round's folder or of the nearest it extends lists
them; a round of Assay's own has its document beside it, and its headings are the clauses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

import rules.workload
from rules.cards import Card
from rules.errors import UsageError
from rules.ruleset import RuleSet


@dataclass(frozen=True)
class Clause:
    """A section of a rules document and the rules that cite it."""

    number: str
    title: str
    cards: tuple[Card, ...]


def clauses(ruleset: RuleSet) -> Iterator[Clause]:
    """Yield the clauses of a round's rules document in order; UsageError where they are not known."""
    titles = _listed(ruleset) or _headings(rules.workload.ROOT.parent / ruleset.document)
    if not titles:
        raise UsageError(f"{ruleset.name}: the sections of its rules document are not known", fix="give clauses.yaml")
    for number, title in titles.items():
        yield Clause(number, title, tuple(card for card in ruleset.cards.values() if card.clause == number))


def _listed(ruleset: RuleSet) -> dict[str, str]:
    path = ruleset.data("clauses.yaml")
    if path is None:
        return {}
    return {str(number): str(title) for number, title in yaml.safe_load(path.read_bytes()).items()}


def _headings(document: Path) -> dict[str, str]:
    if not document.is_file():
        return {}
    found = {}
    for line in document.read_text().splitlines():
        head, _, title = line.lstrip("#").strip().partition(" ")
        if line.startswith("##") and head.rstrip(".").replace(".", "").isdigit():
            found[head.rstrip(".")] = title
    return found
