"""JSON as this project accepts it: RFC 8259 in UTF-8, each member once, no NaN, numbers and nesting within bounds.

Also finds the line a member stands on, so that a finding about a document can point at it.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

DIGITS = 30  # enough for any count, date or digest; int() of a longer text costs quadratic time


class JsonError(Exception):
    """Text that is not acceptable JSON; `line` (from 1) is where, where that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise JsonError(f"member {name[:60]!r} is given twice")
        members[name] = value
    return members


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > DIGITS:
        raise JsonError(f"an integer has {len(text.lstrip('-'))} digits")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JsonError("a number is too large")
    return value


def _constant(name: str) -> Any:
    raise JsonError(f"{name} is not a JSON number")


DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_int=_integer, parse_float=_number, parse_constant=_constant)


def loads(raw: bytes) -> Any:
    """Decode `raw`; JsonError, never another exception, for anything that is not acceptable."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise JsonError(f"byte {error.start + 1} is not UTF-8", line) from None
    if text.startswith("\ufeff"):
        raise JsonError("it begins with a byte-order mark", 1)
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg} (column {error.colno})", error.lineno) from None
    except RecursionError:
        raise JsonError("it is nested too deeply") from None
    if "\\u" in text and _has_surrogate(value):
        raise JsonError("a text holds half a surrogate pair")
    return value


def _has_surrogate(value: Any) -> bool:
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            if any("\ud800" <= c <= "\udfff" for c in one):
                return True
        elif isinstance(one, dict):
            rest.extend(one)
            rest.extend(one.values())
        elif isinstance(one, list):
            rest.extend(one)
    return False


def depth_of(value: Any) -> int:
    """Return how deep objects and lists are nested; 0 for a scalar."""
    depth, level = 0, [value]
    while level := [v for v in level if isinstance(v, dict | list)]:
        depth += 1
        level = [w for v in level for w in (v.values() if isinstance(v, dict) else v)]
    return depth


class Lines:
    """Where in a valid JSON document things stand; each container is scanned once, however often it is asked about."""

    def __init__(self, raw: bytes) -> None:
        self._text = raw.decode("utf-8")
        self._ends = [match.start() for match in re.finditer("\n", self._text)]
        self._inside: dict[int, dict[str | int, int]] = {}

    def line(self, place: Sequence[str | int]) -> int:
        """Return the line (from 1) of the member or element at `place`, or of the nearest container that is there."""
        at = self._skip(0)
        for part in place:
            if at not in self._inside:
                self._inside[at] = dict(self._members(at))
            if part not in self._inside[at]:
                break
            at = self._inside[at][part]
        return bisect_left(self._ends, at) + 1

    def _skip(self, at: int) -> int:
        while at < len(self._text) and self._text[at] in " \t\r\n":
            at += 1
        return at

    def _members(self, at: int) -> Iterator[tuple[str | int, int]]:
        """Yield name or index, and position, of what stands in the container at `at`; nothing for a scalar."""
        text, opening = self._text, self._text[at]
        if opening not in "{[":
            return
        at = self._skip(at + 1)
        index = 0
        while text[at] not in "}]":
            name: str | int = index
            if opening == "{":
                name, at = scanstring(text, at + 1, True)
                at = self._skip(self._skip(at) + 1)
            yield name, at
            at = self._skip(DECODER.raw_decode(text, at)[1])
            at = self._skip(at + 1) if text[at] == "," else at
            index += 1
