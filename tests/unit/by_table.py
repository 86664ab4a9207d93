"""What the commands do through the table of families, for tests: checks, mistakes, differences, objections, page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from checker.core.checks import Check
from checker.core.findings import Report
from checker.explain import cards, difference, lint
from checker.families import family_of
from checker.report import objections
from checker.report.page import review
from rules.cards import Card
from rules.ruleset import RuleSet, load


def checks_of(round_name: str) -> Mapping[str, Check]:
    """Return the checks of the family that judges a round."""
    return family_of(round_name).checks.all()


def mistakes() -> Iterator[str]:
    """Yield each mistake in each round."""
    return lint.mistakes(family_of)


def differences(before: str, after: str) -> Iterator[str]:
    """Yield what differs between two rounds."""
    yield from family_of(after).differences(before, after)
    yield from difference.changed_cards(load(before).cards, load(after).cards)


def explained(ruleset: RuleSet, card: Card) -> str:
    """Return everything about one rule."""
    return cards.explained(ruleset, card, family_of(ruleset.name))


def reference(ruleset: RuleSet) -> str:
    """Return the Markdown reference of a round."""
    return cards.reference(ruleset, family_of(ruleset.name))


def drafts(path: Path, report: Report) -> dict[str, str]:
    """Return the objections to a report."""
    family = family_of(report.ruleset)
    return objections.drafts(path, report, family, family.submissions(path, load(report.ruleset)))


def page(path: Path, report: Report) -> str:
    """Return the review page of a report."""
    return review.page(path, report, family_of(report.ruleset).sections(path, report))
