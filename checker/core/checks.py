"""Checks: the procedures that cards name, and what each looks at. Every family has a table of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal, TypeVar, get_args

from checker.core.findings import Violation, limited
from rules.cards import Card
from rules.ruleset import RuleSet

# What a check looks at: a log; a run; a scenario's runs; a result, or an endpoint's; all results of a submitter
# together; a system; a submitter's folder; a whole round.
Unit = Literal["log", "run", "scenario", "result", "endpoint", "results", "system", "submitter", "round"]
UNITS: tuple[str, ...] = get_args(Unit)
Function = Callable[..., Iterator[Violation]]
MOST = 20  # findings of one card on one thing
F = TypeVar("F", bound=Function)


@dataclass(frozen=True)
class Check:
    """A procedure and its unit; without a function it is no procedure: the review raises it where it finds it."""

    name: str
    unit: Unit
    function: Function | None


class Checks:
    """A family's checks, filled by its modules, or by those of a package, when the first check is asked for."""

    def __init__(self, *modules: str) -> None:
        self._unread = [*modules]
        self._table: dict[str, Check] = {}
        # Asked for on every result of a round; each with its rule set, so that no other comes to have its id.
        self._chosen: dict[tuple[int, Unit, str | None], tuple[RuleSet, list[tuple[Card, Function]]]] = {}

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

        def report(*facts: Any) -> Iterator[Violation]:
            yield from facts[-1].flaws.get(name, ())

        self.check(name, unit)(report)

    def all(self) -> Mapping[str, Check]:
        """Return every check by its name."""
        while self._unread:
            name = self._unread.pop()
            parts = iter_modules(getattr(import_module(name), "__path__", ()), f"{name}.")
            self._unread += [part.name for part in parts]
        return self._table

    def of(self, ruleset: RuleSet, unit: Unit, division: str | None = None) -> list[tuple[Card, Function]]:
        """Return the cards of a round, of one division where that is given, whose checks look at `unit`; and these."""
        key = id(ruleset), unit, division
        if key not in self._chosen:
            self._chosen[key] = ruleset, list(self._choose(ruleset, unit, division))
        return self._chosen[key][1]

    def _choose(self, ruleset: RuleSet, unit: Unit, division: str | None) -> Iterator[tuple[Card, Function]]:
        known = self.all()
        for card in ruleset.cards.values():
            if card.check is None or (division is not None and card.division not in (None, division)):
                continue
            check = known[card.check]
            if check.unit == unit and check.function is not None:
                yield card, check.function

    def problems(self, ruleset: RuleSet, unit: Unit, *facts: Any) -> Iterator[tuple[str, Violation]]:
        """Run all checks of a unit; yield what they object to, with the card, and of one card at most MOST."""
        for card, function in self.of(ruleset, unit):
            yield from ((card.id, problem) for problem in limited(function(*facts), MOST))

    def _add(self, check: Check) -> None:
        if check.name in self._table:
            raise ValueError(f"check {check.name!r} is defined twice")
        self._table[check.name] = check
        self._chosen.clear()
