"""The `:::MLLOG` lines of a published log, read the way MLCommons' own parser reads them, in time linear in bytes.

That parser takes the file as latin-1 with universal line ends, drops everything up to the last token of a line, and
hands the rest to Python's JSON. It collects what is a ValueError and stops at anything else. Here a fast decoder does
all lines it is known to agree on; the rest goes through Python's JSON, so that both say the same of every line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

TOKEN = b":::MLLOG "
LONG = 1500  # bytes; below it a line can reach neither limit that Python's JSON has and the fast decoder has not
DIGITS = re.compile(rb"\d{4300}")
DEPTH = 200
HUGE = 1 << 20  # bytes
LARGEST = 1 << 63


class Record(msgspec.Struct, gc=False):
    """One log line; `offset` is that of its text (after the token) in the file."""

    time_ms: Any
    key: Any
    value: Any
    metadata: Any
    # Set after decoding, whatever the line says; no JSON member is expected to have this name.
    offset: int = msgspec.field(default=0, name="(offset)")


DECODE = msgspec.json.Decoder(Record).decode


@dataclass(slots=True)
class Malformed:
    """A line that is no record; `crash` where MLCommons' parser stops with a traceback instead of noting an error."""

    offset: int
    cause: str
    crash: bool
    text: str  # what was to be decoded


@dataclass
class Reading:
    """A log as read: records in order, lines with the token that are none, and how many lines have the token."""

    records: list[Record] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)
    marks: dict[int, frozenset[bytes]] = field(default_factory=dict)  # offset -> which of `names` the line's text holds
    tokens: int = 0

    @property
    def crash(self) -> str | None:
        """Why MLCommons' parser stops with a traceback on this log; None where it does not."""
        return next((line.cause for line in self.malformed if line.crash), None)


def read(data: bytes, names: tuple[bytes, ...] = ()) -> Reading:
    """Read a whole log, whatever its bytes are; note the lines whose text holds any of `names`.

    One loop without calls for the common line: a round has a million of them.
    """
    if b"\r" in data:
        data = data.replace(b"\r", b"\n")  # same offsets; an empty line more is no line with a token
    reading = Reading()
    append, marks, find, length, decode = reading.records.append, reading.marks, data.find, len(TOKEN), DECODE
    at = find(TOKEN)
    while at >= 0:
        end = find(b"\n", at)
        if end < 0:
            end = len(data)
        at += length
        if end - at > HUGE:
            at, huge = _huge(data, at, end, names, marks)
            reading.tokens += 1
            _take(reading, huge)
            at = find(TOKEN, end)
            continue
        body = data[at:end]
        if TOKEN in body:
            last = body.rfind(TOKEN) + length
            at, body = at + last, body[last:]
        for name in names:
            if name in body:
                marks[at] = marks.get(at, frozenset()) | {name}
        reading.tokens += 1
        line: Record | Malformed
        try:
            line = decode(body)
            if len(body) > LONG and (DIGITS.search(body) or body.count(b"[") + body.count(b"{") > DEPTH):
                line = exact(at, body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            line = exact(at, body)
        if type(line) is Record and (type(line.time_ms) is not int or not -LARGEST < line.time_ms < LARGEST):
            line = exact(at, body)
        if type(line) is Record:
            line.offset = at
            append(line)
        else:
            _take(reading, line)
        at = find(TOKEN, end)
    return reading


def _take(reading: Reading, line: Record | Malformed) -> None:
    if isinstance(line, Record):
        reading.records.append(line)
    else:
        reading.malformed.append(line)


def _huge(
    data: bytes, at: int, end: int, names: tuple[bytes, ...], marks: dict[int, frozenset[bytes]]
) -> tuple[int, Record | Malformed]:
    """Decode a line of megabytes in place: a copy of it would double what it costs."""
    last = data.rfind(TOKEN, at, end)
    at = at if last < 0 else last + len(TOKEN)
    found = frozenset(name for name in names if data.find(name, at, end) >= 0)
    if found:
        marks[at] = found
    if DIGITS.search(data, at, end) or data.count(b"[", at, end) + data.count(b"{", at, end) > DEPTH:
        return at, exact(at, data[at:end])
    try:
        record = DECODE(memoryview(data)[at:end])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return at, exact(at, data[at:end])
    if type(record.time_ms) is not int or not -LARGEST < record.time_ms < LARGEST:
        return at, exact(at, data[at:end])
    record.offset = at
    return at, record


def exact(offset: int, body: bytes) -> Record | Malformed:
    """Decode as Python's JSON and MLCommons' parser do, errors included."""
    text = body.decode("latin-1").rstrip()
    try:
        raw = json.loads(text)
        if raw is None:
            raise ValueError("the line holds null")
    except ValueError as error:
        return Malformed(offset, str(error), crash=False, text=text)
    except RecursionError:
        return Malformed(offset, "RecursionError: nested too deeply", crash=True, text="")
    try:
        milliseconds = float(raw["time_ms"])
        record = Record(raw["time_ms"], raw["key"], raw["value"], raw["metadata"], offset)
    except ValueError as error:
        return Malformed(offset, str(error), crash=False, text=text)
    except (KeyError, TypeError, OverflowError) as error:
        return Malformed(offset, f"{type(error).__name__}: {error}", crash=True, text=text)
    if type(record.time_ms) not in (int, float):
        record.time_ms = milliseconds
    return record


class Lines:
    """Tells the line (from 1) of an offset; cheap when asked in rising order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._returns = b"\r" in data
        self._at, self._line = 0, 1

    def of(self, offset: int) -> int:
        """Return the line on which `offset` lies, with line ends as universal as the parser's."""
        if offset < self._at:
            self._at, self._line = 0, 1
        start, data = self._at, self._data
        self._line += data.count(b"\n", start, offset)
        if self._returns:
            # "\r\n" is one line end; an offset never lies between its halves.
            self._line += data.count(b"\r", start, offset) - data.count(b"\r\n", start, offset)
        self._at = offset
        return self._line
