"""JSON as this project accepts it: RFC 8259 in UTF-8, each member once, no NaN, numbers and nesting within bounds.

Also finds the line a member stands on, so that a finding about a document can point at it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
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
    if len(text) > DIGITS:
        raise JsonError(f"an integer has {len(text)} digits")
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


def line_of(raw: bytes, place: Sequence[str | int]) -> int:
    """Return the line (from 1) of the member or element at `place` in the valid JSON document `raw`.

    A member that is missing has the line of the object it is missing from.
    """
    text = raw.decode("utf-8")
    at = _skip(text, 0)
    for part in place:
        step = _member(text, at, part) if text[at] == "{" else _element(text, at, part) if text[at] == "[" else None
        if step is None:
            break
        at = step
    return text.count("\n", 0, at) + 1


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _member(text: str, at: int, name: str | int) -> int | None:
    at = _skip(text, at + 1)
    while text[at] == '"':
        key, at = scanstring(text, at + 1, True)
        at = _skip(text, _skip(text, at) + 1)
        if key == name:
            return at
        _, at = DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return None


def _element(text: str, at: int, index: str | int) -> int | None:
    at = _skip(text, at + 1)
    position = 0
    while text[at] != "]":
        if position == index:
            return at
        _, at = DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
        position += 1
    return None
