"""Checks: the procedures that cards name, and what each looks at. Every family has a table of its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from checker.core.findings import Problem, limited
from rules.cards import Card
from rules.ruleset import RuleSet

# What a check looks at: a log; a run; a scenario's runs; a result, or an endpoint's; all results of a submitter
# together; a system; a submitter's folder; a whole round.
Unit = Literal["log", "run", "scenario", "result", "endpoint", "results", "system", "submitter", "round"]
UNITS: tuple[str, ...] = get_args(Unit)
Function = Callable[..., Iterator[Problem]]
MOST = 20  # findings of one card on one thing
F = TypeVar("F", bound=Function)


@dataclass(frozen=True)
class Check:
    """A procedure and its unit; without a function it is no procedure: the review raises it where it finds it."""

    name: str
    unit: Unit
    function: Function | None


class Checks:
    """A family's checks, filled by its modules, which are imported when the first check is asked for."""

    def __init__(self, *modules: str) -> None:
        self._modules = modules
        self._table: dict[str, Check] = {}

    def check(self, name: str, unit: Unit) -> Callable[[F], F]:
        """Register the decorated procedure as check `name`."""

        def register(function: F) -> F:
            self._add(Check(name, unit, function))
            return function

        return register

    def raised(self, unit: Unit, *names: str) -> None:
        """Register checks that a family's review decides as a whole and raises itself."""
        for name in names:
            self._add(Check(name, unit, None))

    def flaws(self, unit: Unit, name: str) -> None:
        """Register a check that reports what reading already found wrong under its name."""

        def report(*facts: Any) -> Iterator[Problem]:
            yield from facts[-1].flaws.get(name, ())

        self.check(name, unit)(report)

    def all(self) -> Mapping[str, Check]:
        """Return every check by its name."""
        for module in self._modules:
            importlib.import_module(module)
        return self._table

    def of(self, ruleset: RuleSet, unit: Unit, division: str | None = None) -> Iterator[tuple[Card, Function]]:
        """Yield the cards of a round, of one division where that is given, whose checks look at `unit`; and these."""
        known = self.all()
        for card in ruleset.cards.values():
            if card.check is None or (division is not None and card.division not in (None, division)):
                continue
            check = known[card.check]
            if check.unit == unit and check.function is not None:
                yield card, check.function

    def problems(self, ruleset: RuleSet, unit: Unit, *facts: Any) -> Iterator[tuple[str, Problem]]:
        """Run all checks of a unit; yield what they object to, with the card, and of one card at most MOST."""
        for card, function in self.of(ruleset, unit):
            yield from ((card.id, problem) for problem in limited(function(*facts), MOST))

    def _add(self, check: Check) -> None:
        if check.name in self._table:
            raise ValueError(f"check {check.name!r} is defined twice")
        self._table[check.name] = check
