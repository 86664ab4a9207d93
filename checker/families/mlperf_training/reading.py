"""The `:::MLLOG` lines of a published log, read the way MLCommons' own parser reads them, in time linear in bytes.

That parser takes the file as latin-1 with universal line ends, drops everything up to the last token of a line, and
hands the rest to Python's JSON. It collects what is a ValueError and stops at anything else. Here a fast decoder does
all lines it is known to agree on; the rest goes through Python's JSON, so that both say the same of every line.

A log is read in blocks, and of its records only those are kept that somebody asks for: three in four of a published
log are its framework's own statistics.
"""

from __future__ import annotations

import errno
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import msgspec

TOKEN = b":::MLLOG "
LONG = 1500  # bytes; below it a line can reach neither limit that Python's JSON has and the fast decoder has not
DIGITS = re.compile(rb"\d{4300}")
DEPTH = 200
HUGE = 16 << 20  # bytes; a member of a longer line is kept by its size only. MLCommons' parser ends with none of these
LARGEST = 1 << 63
BLOCK = 4 << 20  # bytes read at a time
MOST = 1000  # lines that are no records kept of one log; the rest is counted


class ReadRecord(msgspec.Struct, gc=False):
    """One log line; `line` is its number in the file, from 1."""

    time_ms: Any
    key: Any
    value: Any
    metadata: Any
    # Set after decoding, whatever the line says; no JSON member is expected to have this name.
    line: int = msgspec.field(default=0, name="(line)")


class _Members(msgspec.Struct):
    """The members of a line, each as it is written."""

    time_ms: msgspec.Raw
    key: msgspec.Raw
    value: msgspec.Raw
    metadata: msgspec.Raw


DECODE = msgspec.json.Decoder(ReadRecord).decode
DECODE_MEMBERS = msgspec.json.Decoder(_Members).decode
DECODE_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(slots=True)
class Malformed:
    """A line that is no record; `crash` where MLCommons' parser stops with a traceback instead of noting an error."""

    line: int
    cause: str
    crash: bool
    text: str | None  # what was to be decoded; None where it is no JSON, or nobody needs it


@dataclass(frozen=True)
class Wanted:
    """What is kept of a log: lines whose text holds one of `texts`, records of `keys` or that begin with `prefixes`."""

    texts: tuple[bytes, ...] = ()
    keys: frozenset[str] | None = None  # None: all
    prefixes: tuple[str, ...] = ()


ALL = Wanted()


@dataclass
class LogReading:
    """A log as read: wanted records in order, lines with the token that are none, and what all lines amount to."""

    records: list[ReadRecord] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)  # the first of them
    marked: list[tuple[ReadRecord | Malformed, frozenset[bytes]]] = field(default_factory=list)  # those that hold texts
    tokens: int = 0  # lines with the token
    refused: int = 0  # of them: no records
    backwards: list[tuple[int, float]] = field(default_factory=list)  # lines whose time goes back, and by how many ms
    crash: str | None = None  # why MLCommons' parser stops with a traceback on this log
    size: int = 0  # bytes
    checksum: int = 0  # of the bytes: equal files have equal ones, and little else has

    @property
    def empty(self) -> bool:
        """Whether the log holds no record."""
        return self.tokens == self.refused


def read(log: bytes | BinaryIO, wanted: Wanted = ALL, most: int | None = None) -> LogReading:
    """Read a whole log, whatever its bytes are; OSError where it grows beyond `most` of them.

    One loop without calls for the common line: a round has a million of them.
    """
    reading = LogReading()
    append, length, decode = reading.records.append, len(TOKEN), DECODE
    texts, keys, prefixes = wanted.texts, wanted.keys, wanted.prefixes
    latest, number, marking = float("-inf"), 1, True
    sets: dict[frozenset[bytes], frozenset[bytes]] = {}
    same: dict[str, str] = {}  # each line names its key and its source anew: one object for all saves a third
    for block in _blocks(io.BytesIO(log) if isinstance(log, bytes) else log, reading, most):
        find, count, counted = block.find, block.count, 0
        at = find(TOKEN)
        while at >= 0:
            number += count(b"\n", counted, at)
            counted = at
            end = find(b"\n", at)
            if end < 0:
                end = len(block)
            at += length
            reading.tokens += 1
            line: ReadRecord | Malformed
            marks: set[bytes] | None
            if end - at > HUGE:
                marks, line = _huge(block, at, end, number, texts)
            else:
                body = block[at:end]
                if TOKEN in body:
                    body = body[body.rfind(TOKEN) + length :]
                marks = None
                for text in texts:
                    if text in body:
                        marks = {text} if marks is None else marks | {text}
                try:
                    line = decode(body)
                    if len(body) > LONG and (DIGITS.search(body) or body.count(b"[") + body.count(b"{") > DEPTH):
                        line = exact(number, body)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    line = exact(number, body)
                if type(line) is ReadRecord and (
                    type(line.time_ms) is not int or not -LARGEST < line.time_ms < LARGEST
                ):
                    line = exact(number, body)
            if isinstance(line, ReadRecord):
                line.line = number
                time, key = line.time_ms, line.key
                if time < latest:
                    if len(reading.backwards) < MOST:
                        reading.backwards.append((number, latest - time))
                elif time > latest:
                    latest = time
                if keys is None or (type(key) is str and (key in keys or key.startswith(prefixes))):
                    append(line)
                    if type(key) is str:
                        line.key = same.setdefault(key, key)
                    metadata = line.metadata
                    if type(metadata) is dict and type(metadata.get("file")) is str:
                        metadata["file"] = same.setdefault(metadata["file"], metadata["file"])
            else:
                _refuse(reading, line, marks is not None)
            if marks is not None and marking:
                held = frozenset(marks)
                reading.marked.append((line, sets.setdefault(held, held)))
                marking = (
                    isinstance(line, ReadRecord) or line.text is not None
                )  # who looks for marks stops at such a line
            at = find(TOKEN, end)
        number += count(b"\n", counted)
    return reading


def _blocks(file: BinaryIO, reading: LogReading, most: int | None) -> Iterator[bytes | bytearray]:
    """Yield a log in blocks of whole lines, every line end a newline; note its size and checksum."""
    held = bytearray()
    returned = False  # the last chunk ended with "\r", of which a "\n" may be the other half
    while chunk := file.read(BLOCK):
        reading.size += len(chunk)
        if most is not None and reading.size > most:
            raise OSError(errno.EFBIG, "it grew while it was read")
        reading.checksum = zlib.crc32(chunk, reading.checksum)
        if returned and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        returned = False
        if b"\r" in chunk:
            returned = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = chunk.rfind(b"\n") + 1
        if not end:
            held += chunk
            continue
        if held:
            held += chunk[:end]
            yield held
            held = bytearray()
        else:
            yield chunk[:end]
        held += chunk[end:]
    if held:
        yield held


def _refuse(reading: LogReading, line: Malformed, needed: bool) -> None:
    """Note a line that is no record, its text only where it is `needed`."""
    reading.refused += 1
    if line.crash and reading.crash is None:
        reading.crash = line.cause
    elif len(reading.malformed) >= MOST:
        return
    if not needed:
        line.text = None
    reading.malformed.append(line)


def _huge(
    block: bytes | bytearray, at: int, end: int, number: int, texts: tuple[bytes, ...]
) -> tuple[set[bytes] | None, ReadRecord | Malformed]:
    """Decode a line of many megabytes in place, without a copy of what makes it long."""
    last = block.rfind(TOKEN, at, end)
    at = at if last < 0 else last + len(TOKEN)
    marks = {text for text in texts if block.find(text, at, end) >= 0} or None
    try:
        members = DECODE_MEMBERS(memoryview(block)[at:end])
        raw = {name: _shortened(getattr(members, name)) for name in members.__struct_fields__}
    except msgspec.ValidationError as error:
        return marks, Malformed(number, f"KeyError: {error}", crash=True, text=None)
    except RecursionError:
        return marks, Malformed(number, "RecursionError: nested too deeply", crash=True, text=None)
    except (msgspec.MsgspecError, ValueError) as error:
        return marks, Malformed(number, str(error), crash=False, text=None)
    return marks, _record(number, raw, None)


def _shortened(raw: msgspec.Raw) -> Any:
    """Return a value; of one that is huge a text that says its size, of an object each member so."""
    written = memoryview(raw)
    if len(written) > HUGE:
        if written[0] == ord("{"):
            return {name: _shortened(member) for name, member in DECODE_OBJECT(written).items()}
        if DIGITS.match(written):
            raise ValueError("a number of more digits than Python reads")
        return f"({len(written):,} bytes)"
    return json.loads(bytes(written).decode("latin-1"))


def exact(number: int, body: bytes | bytearray) -> ReadRecord | Malformed:
    """Decode as Python's JSON and MLCommons' parser do, errors included."""
    text = body.decode("latin-1").rstrip()
    try:
        raw = json.loads(text)
        if raw is None:
            raise ValueError("the line holds null")
    except ValueError as error:
        return Malformed(number, str(error), crash=False, text=None)
    except RecursionError:
        return Malformed(number, "RecursionError: nested too deeply", crash=True, text=None)
    return _record(number, raw, text)


def _record(number: int, raw: Any, text: str | None) -> ReadRecord | Malformed:
    """Make a record of a decoded line as MLCommons' parser does."""
    try:
        milliseconds = float(raw["time_ms"])
        record = ReadRecord(raw["time_ms"], raw["key"], raw["value"], raw["metadata"], number)
    except ValueError as error:
        return Malformed(number, str(error), crash=False, text=text)
    except (KeyError, TypeError, OverflowError) as error:
        return Malformed(number, f"{type(error).__name__}: {error}", crash=True, text=text)
    if type(record.time_ms) not in (int, float):
        record.time_ms = milliseconds
    return record
