"""What a card that answers for sheets demands in one round: the keys and values, benchmark by benchmark."""

from __future__ import annotations

from collections.abc import Iterator

from checker.families.mlperf_training.sheets.demands import rule_for
from checker.families.mlperf_training.sheets.words import members, part_of, wanted
from rules.cards import Card
from rules.ruleset import RuleSet
from rules.sheets import sheets


def answered(ruleset: RuleSet, card: Card) -> Iterator[str]:
    """Yield `sheet: key: what it asks for` for all that the card answers for in this round."""
    for name, sheet in sheets(ruleset.name).items():
        for key, demand in {**sheet.keys, **sheet.strict}.items():
            asked = [
                wanted(demand, member, key)
                for member in members(demand)
                if rule_for(ruleset, key, part_of(member)) == card.id
            ]
            if asked:
                yield f"{name}: {key}: {'; '.join(asked)}"
