"""What LoadGen's detail log says, as `detail_log.py` reads it, and how a finding shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from checker.core.files import FileState
from checker.core.findings import Violation, brief
from checker.core.tree import FOLDER
from rules.scenarios import LoadGenScenario, logged_scenario

LARGEST = 1e300  # beyond which a number measures nothing


class _Big:
    """Stands for a value too large to keep, or never needed; compares and computes with nothing, as a list would."""

    def __reduce__(self) -> str:
        return "BIG"

    def __repr__(self) -> str:
        return "a value too large to show"


BIG: Final = _Big()


@dataclass(frozen=True, slots=True)
class Said:
    """An error or warning of LoadGen's; `value` is its text, `BIG`, or None where the message has none."""

    key: str
    value: Any
    line: int
    has_value: bool = True


@dataclass
class DetailLog:
    """A detail log as read; lines count from 1.

    `log[key]` is the value of the key's first message as the official parser gives it: None for a key never logged,
    KeyError for a message without a value. `at(key)` is the line of that message, `key in log` whether there is one.
    """

    path: str
    size: int = 0
    messages: int = 0  # lines with the marker that are messages
    endpoints: bool = False  # the marker is :::ENDPTS
    values: dict[str, Any] = field(default_factory=dict)  # of each key's first message
    lines: dict[str, int] = field(default_factory=dict)  # of each key's first message
    repeated: dict[str, int] = field(default_factory=dict)  # messages of each key that has more than one
    errors: list[Said] = field(default_factory=list)  # is_error, each text once
    error_count: int = 0
    warnings: list[Said] = field(default_factory=list)  # is_warning, each text once
    unflagged: str | None = None  # why the official parser cannot tell whether there were errors
    unflagged_line: int | None = None
    crash: str | None = None  # why the official parser stops with a traceback: the first cause
    crash_line: int | None = None
    later_crash: str | None = None  # the same of a parser that does not mind the first line
    refused: str | None = None  # why the file was not read, or not to its end: a link, too large, …
    state: FileState | None = None  # what the file is where it is no detail log, or a part of one
    fell_ms: float = 0.0  # by how much time runs backwards, at most; lines of before the test may bear any time
    fell_line: int | None = None
    fingerprint: int = 0  # CRC-32 of the bytes: equal logs have equal ones

    def __getitem__(self, key: str) -> Any:
        """Return the value of the first message of `key`, None where there is none."""
        return self.values[key] if key in self.lines else None

    def __contains__(self, key: object) -> bool:
        return key in self.lines

    def at(self, key: str) -> int | None:
        """Return the line of the first message of `key`, None where there is none."""
        return self.lines.get(key) or None  # what stands for a log has no lines

    def number(self, key: str) -> float | None:
        """Return a logged number; None where there is none, or it is not finite."""
        return finite(self.values.get(key))

    def said(self, key: str) -> str:
        """Return the value of a key as a finding shows it."""
        return brief(self.values[key]) if key in self.values else f"{key} is not logged"

    def problem(self, message: str, expected: str, key: str, found: str | None = None) -> Violation:
        """Return a problem with the value of `key`; `found` is what is shown of it, if not that value."""
        return Violation(message, expected, self.said(key) if found is None else found, self.path, self.at(key))

    @property
    def scenario(self) -> LoadGenScenario:
        """The scenario that LoadGen ran."""
        return logged_scenario(self.values.get("effective_scenario"))

    @property
    def whole(self) -> bool:
        """Whether it was read to the end of the run."""
        return self.refused is None and self.state is None

    @property
    def stops(self) -> str | None:
        """Why the official checker stops at this log, None where it reads it; a file that we refuse is one."""
        return self.crash if self.refused is None else refusal("the log", self.refused)


def finite(value: Any) -> float | None:
    """Return a number that a report may hold; None for any other."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        return None
    return float(value)


def refusal(what: str, reason: object) -> str:
    """Return how the official checker ends at a file that we refuse, where it is known; else why we do."""
    said = f"{what} {reason}"
    return f"IsADirectoryError: {said}" if str(reason) == FOLDER else said
