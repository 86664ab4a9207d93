"""The `:::MLLOG` lines of a published log, read the way MLCommons' own parser reads them, in time linear in bytes.

That parser takes the file as latin-1 with universal line ends, drops everything up to the last token of a line, and
hands the rest to Python's JSON. It collects what is a ValueError and stops at anything else. Here a fast decoder does
all lines it is known to agree on; the rest goes through Python's JSON, so that both say the same of every line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

TOKEN = b":::MLLOG "
LONG = 1500  # bytes; below it a line can reach neither limit that Python's JSON has and the fast decoder has not
DIGITS = re.compile(rb"\d{4300}")
DEPTH = 200


class Record(msgspec.Struct, gc=False):
    """One log line; `offset` is that of its text (after the token) in the file."""

    time_ms: Any
    key: Any
    value: Any
    metadata: Any
    # Set after decoding, whatever the line says; no JSON member is expected to have this name.
    offset: int = msgspec.field(default=0, name="\x00offset")


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
    tokens: int = 0

    @property
    def crash(self) -> str | None:
        """Why MLCommons' parser stops with a traceback on this log; None where it does not."""
        return next((line.cause for line in self.malformed if line.crash), None)


def bodies(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, text after the last token) of each line that has the token."""
    if b"\r" in data:
        data = data.replace(b"\r", b"\n")  # same offsets; an empty line more is no line with a token
    length = len(TOKEN)
    at = data.find(TOKEN)
    while at >= 0:
        end = data.find(b"\n", at)
        if end < 0:
            end = len(data)
        at += length
        body = data[at:end]
        if TOKEN in body:
            last = body.rfind(TOKEN) + length
            at, body = at + last, body[last:]
        yield at, body
        at = data.find(TOKEN, end)


def read(data: bytes) -> Reading:
    """Read a whole log, whatever its bytes are."""
    reading = Reading()
    for offset, body in bodies(data):
        reading.tokens += 1
        line = decode(offset, body)
        if type(line) is Record:
            reading.records.append(line)
        else:
            assert isinstance(line, Malformed)
            reading.malformed.append(line)
    return reading


def decode(offset: int, body: bytes) -> Record | Malformed:
    """Decode what follows the token on one line."""
    if len(body) < LONG or not (DIGITS.search(body) or body.count(b"[") + body.count(b"{") > DEPTH):
        try:
            record = DECODE(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return exact(offset, body)
        time_ms = record.time_ms
        if (type(time_ms) is int and -(1 << 63) < time_ms < 1 << 63) or type(time_ms) is float:
            record.offset = offset
            return record
    return exact(offset, body)


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


def line_number(data: bytes, offset: int) -> int:
    """Return the line (from 1) on which `offset` lies, with line ends as universal as the parser's."""
    before = data[:offset]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1
