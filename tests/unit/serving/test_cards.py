"""Every rule's card of inference tells the truth: what it calls right passes, what it calls wrong is named by it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.core.mllog import LogRecord, read_log
from rules.cards import Card, Example
from rules.ruleset import load
from tests.unit.by_table import checks_of
from tests.unit.serving.trees import ROUND, WORKLOADS, Measured, named

CARDS = sorted(load(ROUND).cards.values(), key=lambda card: card.id)
NOISE = {"attempts"}  # so short a run is not always valid at once, and the record says so


# Judged on token models only: test_compliance.py, test_tokens.py.
TOKENS = {"assay-inference-test06", "assay-inference-tokens"}


def objections(card: Card, example: Example, measured: Callable[..., Measured]) -> list[str]:
    """What the rule of `card` says about an example, run through the engine."""
    if example.text is not None:
        log = read_log(io.BytesIO(example.text.encode() + b"\n"), "log", load(ROUND).limits)
        return [problem.message for problem in checks_of(ROUND)[str(card.check)].function(log)]
    if example.log is not None:
        log = read_log(io.BytesIO(), "log", load(ROUND).limits)
        log.records = [LogRecord("", e.time_ms, e.event, e.key, e.value, e.metadata, 1) for e in example.log]
        return [problem.message for problem in checks_of(ROUND)[str(card.check)].function(log)]
    submission = measured(example.benchmark or "image-classification")
    if example.division == "open":
        submission.open()
    submission.apply(example.edit or [])
    return [f.message for f in submission.check().findings if f.rule == card.id]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_the_example_that_fails_is_named_by_its_rule(card: Card, measured: Callable[..., Measured]) -> None:
    if card.id in TOKENS:
        pytest.skip("judged on token models: test_compliance.py, test_tokens.py")
    assert objections(card, card.fails, measured)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_honest_submissions_pass_without_a_finding(workload: str, measured: Callable[..., Measured]) -> None:
    report = measured(workload).check()
    assert named(report) <= NOISE, named(report)
    assert report.passed


def test_the_honest_submission_passes_without_a_finding(measured: Callable[[], Measured]) -> None:
    """So that the examples that pass do: all of them are this submission as it is."""
    report = measured().check()
    assert named(report) <= NOISE, named(report)
    assert report.passed
    assert {item.path.rpartition("/")[2] for item in report.items if item.kind == "result"} == {
        "SingleStream",
        "Server",
        "Offline",
    }


def test_as_an_open_submission_it_passes_too(measured: Callable[[], Measured]) -> None:
    submission = measured()
    submission.open()
    report = submission.check()
    assert named(report) <= NOISE, named(report)


@pytest.mark.parametrize("card", [c for c in CARDS if c.passes.edit is None], ids=lambda card: card.id)
def test_the_line_that_passes_passes(card: Card, measured: Callable[[], Measured]) -> None:
    assert objections(card, card.passes, measured) == []


INFERENCE = "checker.families.assay.inference."


def test_every_check_of_inference_has_a_card() -> None:
    named_by_cards = {card.check for card in CARDS} - {None}
    known = {name for name, check in checks_of(ROUND).items() if check.function.__module__.startswith(INFERENCE)}
    assert known <= named_by_cards <= set(checks_of(ROUND))


def test_every_rule_that_another_requires_exists_and_is_an_error() -> None:
    round_ = load(ROUND)
    assert {round_.card(rule).severity.value for card in CARDS for rule in card.requires} == {"error"}


def test_every_clause_is_a_section_of_the_rules_document() -> None:
    text = (Path(__file__).parents[3] / load(ROUND).document).read_text()
    sections = {line.split()[1].rstrip(".") for line in text.splitlines() if line.startswith(("## ", "### "))}
    assert {card.clause for card in CARDS} <= sections
