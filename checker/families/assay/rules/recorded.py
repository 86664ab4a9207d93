"""Judges of what a run's record says: they are called with the record, and not at all where a run has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from checker.core.findings import Problem
from checker.families.assay.checks import check

Judging = Callable[[Any, Any, Any], Iterator[Problem]]


def judge_record(name: str) -> Callable[[Judging], Judging]:
    """Register the decorated procedure, which takes result, run and the run's record, as check `name`."""

    def register(function: Judging) -> Judging:
        @wraps(function)
        def recorded(result: Any, run: Any) -> Iterator[Problem]:
            if run.record is not None:
                yield from function(result, run, run.record)

        check(name, "run")(recorded)
        return function

    return register
