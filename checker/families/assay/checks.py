"""The checks of Assay's own rounds: the modules of these packages register them, and say what each looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any

from checker.core.checks import Checks, F, Unit
from checker.core.findings import Violation

CHECKS = Checks(
    "checker.families.assay.rules",
    "checker.families.assay.training.rules",
    "checker.families.assay.inference.rules",
)
flaws = CHECKS.flaws
# What a check of each unit is given.
FACTS: dict[Unit, tuple[str, ...]] = {
    "log": ("log",),
    "run": ("result", "run"),
    "scenario": ("result", "scenario"),
    "result": ("result",),
    "results": ("results",),
    "system": ("system",),
    "submitter": ("submission",),
}


def check(name: str, unit: Unit) -> Callable[[F], F]:
    """Register the decorated procedure as check `name`.

    Its parameters say what it looks at: `result`, `run`, … as `FACTS` names them, or an attribute of the last of these
    that has it, such as `record`. Where one of them is None there is nothing to judge.
    """

    def register(function: F) -> F:
        names = tuple(signature(function).parameters)

        def informed(*facts: Any) -> Iterator[Violation]:
            known = dict(zip(FACTS[unit], facts, strict=True))
            given = [known[one] if one in known else _attribute(facts, one) for one in names]
            if all(one is not None for one in given):
                yield from function(*given)

        CHECKS.check(name, unit)(informed)
        return function

    return register


def _attribute(facts: tuple[Any, ...], name: str) -> Any:
    return next(getattr(fact, name) for fact in reversed(facts) if hasattr(fact, name))
