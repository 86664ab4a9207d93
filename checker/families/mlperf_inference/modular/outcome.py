"""The official answer on a result, phase by phase, and what is found wrong on the way.

A phase is several checks; each passes or fails, and whatever Python raises in one fails it. Outside of checks it ends
the program instead: the result where that happens is never judged, nor is any after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from checker.core.findings import Violation, brief
from checker.loadgen.log import DetailLog

Name = Literal["performance", "accuracy", "system", "measurements", "power", "compliance"]
PHASES: tuple[Name, ...] = ("performance", "accuracy", "system", "measurements", "power", "compliance")
# What the official checker's own code can raise on what a file says.
RAISED = (
    TypeError,
    ValueError,
    KeyError,
    AttributeError,
    IndexError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    OSError,
)


class Stop(Exception):  # noqa: N818 - it is what happens to the official checker, no error of ours
    """The official checker ends with a traceback: `what` is wrong at `path`, `cause` is what it raises."""

    def __init__(self, what: str, cause: str, path: str, line: int | None = None) -> None:
        super().__init__(what, cause, path, line)  # what it is made of again in the process that reports it
        self.what = what
        self.cause = cause
        self.path = path
        self.line = line
        self.rule = "official-crash"

    @property
    def problem(self) -> Violation:
        """What a finding says of it."""
        what = f"{self.what}: the official checker ends here with a traceback"
        return Violation(what, "", self.cause, self.path, self.line)


class View:
    """A log as a check asks it, remembering what was asked last: where a check cannot be computed, that is why."""

    def __init__(self, log: DetailLog) -> None:
        self.log = log
        self.last: str | None = None

    def __getitem__(self, key: str) -> Any:
        self.last = key
        return self.log[key]

    def problem(self, message: str, expected: str, key: str) -> Violation:
        """Return a problem with the value of `key`."""
        return self.log.problem(message, expected, key)


T = TypeVar("T")
Checks = Iterable[tuple[str, str, Callable[[T], Iterable[Violation]]]]  # what it and the rule are called, the check


@dataclass
class ResultPhase:
    """One phase of one result."""

    name: Name
    failed: list[str] = field(default_factory=list)  # names of checks, as the official checker's methods are called
    problems: list[tuple[str, Violation]] = field(default_factory=list)  # rule, problem

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return not self.failed


def judge_phase(name: Name, checks: Checks[T], case: T, path: str, view: View | None = None) -> ResultPhase:
    """Run the checks of a phase: any problem, and anything raised, fails one."""
    phase = ResultPhase(name)
    for check, rule, function in checks:
        problems: list[Violation] = []
        if view is not None:
            view.last = None
        try:
            problems.extend(function(case))
        except RAISED as error:
            problems.append(unanswerable(error, path, view))
        if problems:
            phase.failed.append(f"{check}_check")
            phase.problems += ((f"official-{rule}", problem) for problem in problems)
    return phase


def unanswerable(error: Exception, path: str, view: View | None) -> Violation:
    """Return the problem of a check that cannot be computed, with the value it stumbles over where a log holds it."""
    cause = f"{type(error).__name__}: {str(error)[:200]}"
    what = "the check cannot be computed, which fails it"
    if view is None or view.last is None:
        return Violation(what, "", cause, path)
    key = view.last
    found = brief(view.log.values[key]) if key in view.log.values else "no value" if key in view.log else "not logged"
    return Violation(f"{what} ({cause})", f"a value of {key} that it can use", found, view.log.path, view.log.at(key))
