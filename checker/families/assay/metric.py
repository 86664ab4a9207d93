"""Cards that speak of the workload's metric: `$metric` stands for its log key, `$counts` for what it counts."""

from __future__ import annotations

import json

from rules.cards import Card, LogConstraint
from rules.workload import WorkloadRules

METRIC, COUNTS = "$metric", "$counts"


def of_workload(card: Card, rules: WorkloadRules | None) -> Card:
    """Return a card that speaks of the workload's own metric; without a workload, of no metric."""
    if card.log is None:
        return card
    return card.model_copy(update={"log": [_constraint(one, rules) for one in card.log]})


def _constraint(given: LogConstraint, rules: WorkloadRules | None) -> LogConstraint:
    if rules is None:
        keys = given.keys if isinstance(given.keys, str | None) else [key for key in given.keys if key != METRIC]
        return given.model_copy(update={"keys": keys})
    text = given.model_dump_json(exclude_unset=True)
    if "$" not in text:
        return given
    text = text.replace(METRIC, rules.quality.log).replace(COUNTS, json.dumps(rules.quality.counts)[1:-1])
    return LogConstraint.model_validate_json(text)
