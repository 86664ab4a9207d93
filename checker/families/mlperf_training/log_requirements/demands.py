"""The demands on one key as the rules mean them, compiled, and which rule card answers for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal, cast

from checker.families.mlperf_training.log_requirements.loose import DIVISION, RequirementError
from checker.families.mlperf_training.log_requirements.words import members, part_of, wanted
from rules.cards import Card, Part
from rules.expressions import Event, ExpressionError, Moment, ValueKind, compile_expression, same
from rules.log_requirements import Demand, TimeLimit, log_requirements
from rules.ruleset import RuleSet, load

Test = Callable[[Moment], bool]
Division = Literal["closed", "open"]
HYPERPARAMETERS = "mlperf-hyperparameters"
AS_DOCUMENTED = "mlperf-hyperparameters-documented"
FIRST_OF = "first "  # held beside a set's own names, none of which has a blank


@dataclass(frozen=True, slots=True)
class StrictKey:
    """The demands on one key, ready to run, each with the rule that answers for it."""

    key: str
    demand: Demand
    tests: tuple[tuple[str, str, Test], ...]  # member, rule, test
    remembers: tuple[tuple[str, Callable[[Moment], Any]], ...]
    first: Test | None
    reaches: Test | None
    rules: Mapping[Part, str]


def compile_key(
    ruleset: RuleSet, key: str, demand: Demand, held: frozenset[str], lenient: bool, division: Division
) -> StrictKey:
    """Compile the demand on a key; `lenient` where the official checker takes any value.

    Raises RequirementError for a mistake.
    """
    rules = {part: rule_for(ruleset, key, part) for part in ("lines", "schedule", "target")}

    def expression(member: str, text: str) -> Callable[[Moment], Any]:
        try:
            compiled = compile_expression(text, held=held)
        except ExpressionError as error:
            raise RequirementError(f"{key}: {member}: {error}") from None
        if member != "remembers" and compiled.kind not in (ValueKind.TRUTH, ValueKind.ANY):
            raise RequirementError(f"{key}: {member}: {text!r} is {compiled.kind}, not true or false")
        return compiled.evaluate

    def truth(member: str, text: str) -> Test:
        evaluate = expression(member, text)
        return lambda moment: evaluate(moment) is True

    tests = [
        (member, AS_DOCUMENTED if lenient else rule_for(ruleset, key, part_of(member.partition(".")[0])), test)
        for member, test in _tests(demand, truth)
    ]
    if not tests and demand.occurs in ("once", "some") and rule_for(ruleset, key, "value") == HYPERPARAMETERS:
        tests += _of_free_values(ruleset, key, division)
    return StrictKey(
        key,
        demand,
        tuple(tests),
        tuple((name, expression("remembers", text)) for name, text in demand.remembers.items()),
        None if demand.first is None else truth("first", demand.first),
        None if demand.reaches is None else truth("reaches", demand.reaches),
        cast("Mapping[Part, str]", rules),
    )


def _tests(demand: Demand, truth: Callable[[str, str], Test]) -> Iterator[tuple[str, Test]]:
    if demand.after:
        yield "after", lambda moment: all(moment.counts.get(other) for other in demand.after)
    if demand.before:
        yield "before", lambda moment: not any(moment.counts.get(other) for other in demand.before)
    if demand.within is not None:
        yield "within", partial(_within, demand.within)
    if demand.has:
        yield "has", lambda moment: _has_some(_event(moment).metadata, demand.has)
    if demand.equals is not None:
        yield "equals", lambda moment: same(_event(moment).value, demand.equals)
    if demand.one_of:
        yield "one_of", lambda moment: any(same(_event(moment).value, value) for value in demand.one_of)
    for position, text in enumerate(demand.holds):
        yield f"holds.{position}", truth("holds", text)
    if demand.between is not None:
        yield "between", partial(_between, *demand.between)


def tests_value(demand: Demand) -> bool:
    """Whether a demand asks anything of a line, beyond that it is there."""
    return next(_tests(demand, lambda *_: bool), None) is not None


def _event(moment: Moment) -> Event:
    assert moment.event is not None
    return moment.event


def _has_some(metadata: Any, names: list[str]) -> bool:
    return isinstance(metadata, dict) and any(name in metadata for name in names)


def _between(least: float, most: float, moment: Moment) -> bool:
    value = _event(moment).value
    return type(value) in (int, float) and least <= value <= most


def _of_free_values(ruleset: RuleSet, key: str, division: Division) -> Iterator[tuple[str, str, Test]]:
    """Yield what is asked of a hyperparameter that its set only wants logged: what some card claims, in its division.

    No card claims anything in the open division, where an optimiser need not have the parameters that must be logged.
    """
    parts: tuple[tuple[Part, Test], ...] = (("given", _given), ("sign", _not_negative))
    for part, test in parts:
        rule = _answering(ruleset.name, key, part)
        if rule is not None and ruleset.card(rule).division in (None, division):
            yield part, rule, test


def _given(moment: Moment) -> bool:
    value = _event(moment).value
    return value is not None and value != "" and not (type(value) is float and math.isnan(value))


def _not_negative(moment: Moment) -> bool:
    """Return whether a number is finite and not below zero; of anything else, and of NaN, `given` and types speak."""
    value = _event(moment).value
    return type(value) not in (int, float) or not (value < 0 or value == math.inf)


def _within(limit: TimeLimit, moment: Moment) -> bool:
    first, minutes = moment.held.get(FIRST_OF + limit.since), limit.minutes
    if first is None:
        return True  # the order of the two has its own rule
    if isinstance(minutes, dict):
        division = moment.latest.get(DIVISION)
        minutes = minutes["open" if division is not None and division.value == "open" else "closed"]
    return bool(_event(moment).time_ms - first < minutes * 60_000)


@cache
def _claims(ruleset_name: str) -> tuple[tuple[str, tuple[str, ...], frozenset[str]], ...]:
    cards = load(ruleset_name).cards.values()
    return tuple(
        (card.id, tuple(part.keys), frozenset(part.parts)) for card in cards if card.sheets for part in card.sheets
    )


@cache
def _answering(ruleset_name: str, key: str, part: Part) -> str | None:
    """Return the card that answers for a part of a key's demand: that of the longest name, so the most particular."""
    fitting = [
        (len(claimed), rule)
        for rule, keys, parts in _claims(ruleset_name)
        for claimed in (keys if part in parts else ())
        if key == claimed or (claimed.endswith("*") and key.startswith(claimed[:-1]))
    ]
    return max(fitting, key=lambda one: one[0])[1] if fitting else None


def rule_for(ruleset: RuleSet, key: str, part: Part) -> str:
    """Return the id of the card that answers for a part of a key's demand; RequirementError where none does."""
    rule = _answering(ruleset.name, key, part)
    if rule is None:
        raise RequirementError(f"{ruleset.name}: no card answers for '{part}' of {key}")
    return rule


def answered(ruleset: RuleSet, card: Card) -> Iterator[str]:
    """Yield `set: key: what it asks for` for all that the card answers for in this round."""
    for name, requirements in log_requirements(ruleset.name).items():
        for key, demand in {**requirements.keys, **requirements.strict}.items():
            asked = [
                wanted(demand, member, key)
                for member in members(demand)
                if rule_for(ruleset, key, part_of(member)) == card.id
            ]
            if asked:
                yield f"{name}: {key}: {'; '.join(asked)}"
