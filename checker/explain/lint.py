"""Mistakes in rule files, found before a log is: unknown names in expressions, judges and clauses that do not exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import rules.round
from checker.core.log_rules import RuleError
from checker.core.registry import judges
from checker.families.assay.discovery import FAMILIES
from checker.families.assay.review import program
from checker.families.mlperf_training.sheets.lint import mistakes as sheet_mistakes
from rules.cards import Card, Severity
from rules.compliance import compliance_rules
from rules.errors import AssayError
from rules.inference import inference_rules
from rules.inference_review import review_rules
from rules.power import power_rules
from rules.published import evidence
from rules.round import rulesets
from rules.ruleset import RuleSet, load
from rules.serving import loadgen_rules, serving_rules
from rules.thresholds import inference_thresholds, training_thresholds


def mistakes() -> Iterator[str]:
    """Yield each mistake in each round, with its place."""
    for name in rulesets():
        try:
            round_ = load(name)
        except AssayError as error:
            yield error.message
            continue
        yield from (f"{name}: {mistake}" for mistake in _in(round_))


def _in(round_: RuleSet) -> Iterator[str]:
    known = judges()
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
    yield from sheet_mistakes(round_.name)
    for name in round_.workloads():
        try:
            evidence(round_.name, name)
            if round_.family == FAMILIES["training"]:
                training_thresholds(round_.name)
        except AssayError as error:
            yield error.message
    yield from _published(round_) if round_.family == "mlperf-inference" else ()
    serving = round_.family == FAMILIES["inference"]
    yield from _serving(round_) if serving else ()
    for workload in (None, *(() if serving else round_.workloads())):
        for division in ("closed", "open"):
            try:
                program(round_.name, workload, division)
            except (RuleError, AssayError) as error:
                yield f"{workload or 'no workload'}, {division}: {error}"


def _published(round_: RuleSet) -> Iterator[str]:
    """Yield mistakes in what a round of MLPerf Inference fixes."""
    for read in (inference_rules, power_rules, review_rules):
        try:
            read(round_.name)
        except AssayError as error:
            yield error.message


def _serving(round_: RuleSet) -> Iterator[str]:
    """Yield mistakes in what a round of inference fixes: files that cannot be read, a workload without its tests."""
    try:
        loadgen_rules(round_.name)
        inference_thresholds(round_.name)
        tested = compliance_rules(round_.name).workloads
        for name in round_.workloads():
            serving_rules(round_.name, name)
            if name not in tested:
                yield f"compliance.yaml: no tests of {name}"
    except AssayError as error:
        yield error.message


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
