"""Every rule's card tells the truth: what it calls right passes, what it calls wrong is named by that rule."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.core.findings import Report
from checker.core.log_rules import compile_rules
from checker.core.mllog import LogRecord, read_log
from checker.families import family_of
from checker.families.assay.metric import of_workload
from checker.families.assay.review import constants_of
from rules.cards import Card, Example
from rules.round import rulesets
from rules.ruleset import load
from tests.unit.by_table import checks_of
from tests.unit.checker.submissions import WORKLOAD, Built, said

CARDS = sorted(load("assay/1.0").cards.values(), key=lambda card: card.id)
TEXT = {"log-line", "log-json", "log-members"}


def records(example: Example) -> list[LogRecord]:
    return [
        LogRecord("", event.time_ms, event.event, event.key, event.value, event.metadata, number)
        for number, event in enumerate(example.log or [], 1)
    ]


def objections(card: Card, example: Example, built: Callable[..., Built]) -> list[str]:
    """What the rule of `card` says about an example, run through the engine."""
    round_ = load("assay/1.0")
    if card.log is not None:
        constants, mappings = constants_of(round_.workload(WORKLOAD))
        constants["round.name"] = round_.name
        own = of_workload(card, round_.workload(WORKLOAD))
        program = compile_rules([own], constants, mappings, round_.derived, example.division)
        return [problem.message for _, problem in program.judge(records(example))]
    if example.text is not None:
        log = read_log(io.BytesIO(example.text.encode() + b"\n"), "log", round_.limits)
        return [problem.message for problem in checks_of("assay/1.0")[str(card.check)].function(log)]
    if example.log is not None:
        return [problem.message for problem in single_log(example, built).findings if problem.rule == card.id]
    submission = built(division=example.division)
    submission.apply(example.edit or [])
    return [f.message for f in submission.check().findings if f.rule == card.id]


def single_log(example: Example, built: Callable[..., Built]) -> Report:
    submission = built()
    submission.write("one.txt", b"")
    from tests.unit.checker.submissions import text_of

    body = [
        {"namespace": "", "time_ms": e.time_ms, "event_type": e.event, "key": e.key, "value": e.value, "metadata": {}}
        for e in example.log or []
    ]
    submission.write("one.txt", text_of(body))
    return submission.check("one.txt")


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_the_example_that_passes_passes(card: Card, built: Callable[..., Built]) -> None:
    assert objections(card, card.passes, built) == []


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_the_example_that_fails_is_named_by_its_rule(card: Card, built: Callable[..., Built]) -> None:
    assert objections(card, card.fails, built)


def test_every_check_of_assays_own_rounds_has_a_card_in_one_of_them() -> None:
    own = [load(name) for name in rulesets() if family_of(name) is family_of("assay/1.0")]
    named = {card.check for round_ in own for card in round_.cards.values()}
    assert named - {None} == set(checks_of("assay/1.0"))


def test_every_rule_that_another_requires_exists() -> None:
    known = {card.id for card in CARDS}
    assert {rule for card in CARDS for rule in card.requires} <= known


def test_every_clause_is_a_section_of_the_rules_document() -> None:
    round_ = load("assay/1.0")
    text = (Path(__file__).parents[3] / round_.document).read_text()
    sections = {line.split()[1].rstrip(".") for line in text.splitlines() if line.startswith(("## ", "### "))}
    assert {card.clause for card in CARDS} <= sections


def test_a_valid_closed_submission_passes_without_a_finding(built: Callable[..., Built]) -> None:
    report = built().check()
    assert report.verdict == "pass", said(report)
    assert report.findings == [], said(report)


def test_a_valid_open_submission_passes_without_a_finding(built: Callable[..., Built]) -> None:
    settings = {"global_batch_size": 256, "opt_learning_rate_training_steps": 500, "opt_base_learning_rate": 0.7}
    report = built(division="open", samples=[128000] * 3, hyperparameters=settings).check()
    assert report.findings == [], said(report)


def test_only_an_error_silences_other_rules() -> None:
    """Else a warning could hide an error and turn a failure into a pass."""
    round_ = load("assay/1.0")
    assert {round_.card(rule).severity.value for card in CARDS for rule in card.requires} == {"error"}
