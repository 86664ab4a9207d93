"""Cards that speak of the workload's metric."""

from __future__ import annotations

import pytest

from checker.families.assay.metric import of_workload
from rules.ruleset import load

ROUND = load("assay/1.0")
RULES = ROUND.workload("image-classification")


@pytest.mark.parametrize("counts", ['"right" answers', "answers \\ in all", "two\nlines"])
def test_what_the_metric_counts_may_be_any_text(counts: str) -> None:
    rules = RULES.model_copy(update={"quality": RULES.quality.model_copy(update={"counts": counts})})
    cards = [of_workload(card, rules) for card in ROUND.cards.values()]
    expected = [one.expects for card in cards for one in card.log or ()]
    assert f"a whole number of {counts} among all samples of the test set" in expected
