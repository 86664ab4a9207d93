"""Every card on MLPerf logs tells the truth: its rule objects to what it calls wrong, not to what it calls right."""

from __future__ import annotations

import json
from functools import cache

import pytest

from checker.families.mlperf_training.log_verdict import log_judge
from checker.families.mlperf_training.reading import read
from rules.cards import Card, Example
from rules.log_requirements import log_requirements
from rules.round import rulesets
from rules.ruleset import load

ROUND = "mlperf-training/6.1"  # the newest has the cards of all
CARDS = [
    card for card in load(ROUND).cards.values() if card.sheets or card.official == "log" or card.check == "log-sheets"
]


def text(example: Example) -> bytes:
    """The example as a log; the two lines that choose the rules stand before it where it does not give them."""
    if example.text is not None:
        return example.text.encode()
    given = [event.model_dump(exclude={"event"}) for event in example.log or []]
    keys = {line["key"] for line in given}
    head = []
    if "submission_division" not in keys:
        head.append({"key": "submission_division", "value": example.division, "metadata": {}, "time_ms": 0})
    if example.benchmark and "submission_benchmark" not in keys:
        head.append({"key": "submission_benchmark", "value": example.benchmark, "metadata": {}, "time_ms": 0})
    return b"".join(b":::MLLOG " + json.dumps(line).encode() + b"\n" for line in [*head, *given])


def round_of(example: Example) -> str:
    """The newest round that has the example's benchmark."""
    names = [name for name in reversed(rulesets()) if name.startswith("mlperf-training/")]
    return next(
        name for name in names if not example.benchmark or f"closed_{example.benchmark}" in log_requirements(name)
    )


@cache
def objecting(round_name: str, log: bytes, keys: tuple[str, ...]) -> list[str]:
    """Rules that object to one of the keys the example speaks of, or to no key in particular."""
    verdict = log_judge(round_name)(read(log))
    return [
        rule
        for rule, problem in verdict.problems
        if not keys or any(f"{key}'" in problem.message for key in keys) or "'" not in problem.message
    ]


def rules_objecting(card: Card, example: Example) -> list[str]:
    keys = {event.key for one in (card.passes, card.fails) for event in one.log or []}
    return objecting(round_of(example), text(example), tuple(sorted(keys)))


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_what_a_card_calls_right_is_not_objected_to(card: Card) -> None:
    assert card.id not in rules_objecting(card, card.passes)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_what_a_card_calls_wrong_is_objected_to(card: Card) -> None:
    assert card.id in rules_objecting(card, card.fails)


def test_every_card_says_why_or_speaks_for_the_official_checker() -> None:
    assert [card.id for card in CARDS if not card.why and card.official is None] == []
