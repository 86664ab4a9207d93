"""The table of judges, filled by the modules beside this one when `load` imports them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

from checker.core.findings import Problem
from rules.cards import Card
from rules.ruleset import RuleSet

Scope = Literal[
    "log",
    "run",
    "result",
    "system",
    "submission",
    "results",
    "scenario",
    "training-official",
    "training-run",
    "training-folder",
    "training-organisation",
    "training-round",
    "inference-official",
    "inference-result",
    "inference-endpoint",
    "inference-submitter",
    "inference-round",
    "tiny-official",
    "tiny-result",
    "tiny-submitter",
    "tiny-round",
]
F = TypeVar("F", bound=Callable[..., Iterator[Problem]])
MODULES = (
    "families.assay.judges",
    "families.mlperf_training.judges",
    "families.mlperf_inference.judges",
    "families.mlperf_tiny.judges",
)


@dataclass(frozen=True)
class Judge:
    """A procedure and what it is called with: Log; Result, Run; Result; System; Submission; all Results of one."""

    name: str
    scope: Scope
    function: Callable[..., Iterator[Problem]]


_TABLE: dict[str, Judge] = {}


def judge(name: str, scope: Scope) -> Callable[[F], F]:
    """Register the decorated procedure as judge `name`."""

    def register(function: F) -> F:
        if name in _TABLE:
            raise ValueError(f"judge {name!r} is defined twice")
        _TABLE[name] = Judge(name, scope, function)
        return function

    return register


@cache
def judges(*modules: str) -> dict[str, Judge]:
    """Return all judges by name; with `modules` at least theirs, which is all that one family of rounds needs."""
    for module in modules or MODULES:
        importlib.import_module(f"checker.{module}")
    return dict(_TABLE)


def cards(ruleset: RuleSet, division: str, *scopes: str) -> Iterator[tuple[Card, Any]]:
    """Yield the cards of a division whose judges are called with what one of `scopes` says, and the judges."""
    known = judges()
    for card in ruleset.cards.values():
        if card.judge is not None and card.division in (None, division) and known[card.judge].scope in scopes:
            yield card, known[card.judge].function


def flaws(scope: Scope, name: str) -> None:
    """Register a judge that reports what reading already found wrong under its name."""

    def report(*facts: Any) -> Iterator[Problem]:
        yield from facts[-1].flaws.get(name, ())

    judge(name, scope)(report)
