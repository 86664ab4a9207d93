"""LoadGen's detail log, read once, line by line, the way MLCommons' modular checker reads it.

That checker wants the marker at the start of line 1 and JSON with a `key` on every line that has it; it stops with a
traceback at anything else, and takes a key's first message. What it would stop at is noted and reading goes on, so
that everything else can still be judged. The list of loaded samples, nearly all of a log's bytes, is not decoded.
"""

from __future__ import annotations

import json
import math
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from sys import intern
from typing import Any, BinaryIO

import msgspec

from checker.core.files import HEAD as LOOKED_AT
from checker.core.files import STATES, FileState, state_of, state_of_tail, tail_of
from checker.core.tree import RefusedError, Tree
from checker.loadgen.log import BIG, DetailLog, Said

MARKERS = (b":::MLLOG", b":::ENDPTS")
BLOCK = 1 << 22  # bytes read at a time
DECODED = 8192  # bytes that Python's text files decode at a time, and refuse whole
LONGEST = 64 << 20  # bytes of a line: more is not held in memory
KEYS = 20_000  # different keys kept; a real log has about a hundred
KEPT = 1000  # errors and warnings kept, each text once
LARGE = 1 << 16  # bytes of a line beyond which its value is kept as `BIG`
SAMPLES = "loaded_qsl_set"  # its value is never needed, and is never decoded
LISTED, UNLISTED = (b':::MLLOG {"key": "%b", "value": %b' % (SAMPLES.encode(), value) for value in (b"[", b"null"))
HEAD = 160  # bytes that, with their length, nearly tell lists of samples apart
LISTS = 8 << 20  # bytes of lists of samples remembered
REMEMBERED = 16 << 20  # bytes of logs remembered
END = 512  # bytes at either end that, with the size, nearly tell logs apart
DEPTH = 200
UNSET_MS = 1e12  # a time from before the clock of the test is set is 2^64 ns less a little: 1.8e13 ms
ENDS = ("power_end", "result_validity", "num_errors")  # of which every log of a run that ended has one
LONG = 4300  # digits: Python's JSON reads no longer integer
DIGITS = re.compile(rb"\d{%d}" % LONG)


class _Flags(msgspec.Struct, gc=False):
    is_error: bool
    is_warning: bool


class _Message(msgspec.Struct, gc=False):
    """A line as LoadGen writes it; the value is decoded where it is kept."""

    key: str
    value: msgspec.Raw
    metadata: _Flags
    time_ms: float = math.nan


class _Any(msgspec.Struct, gc=False):
    """A line with whatever metadata."""

    key: Any = msgspec.UNSET
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    metadata: Any = msgspec.UNSET


_MESSAGE = msgspec.json.Decoder(_Message).decode
_VALUE = msgspec.json.Decoder().decode
_ANY = msgspec.json.Decoder(_Any).decode


def read_detail(tree: Tree, path: str) -> DetailLog:
    """Read the detail log at `path` of `tree`; whatever is wrong with it is noted in what is returned."""
    log = DetailLog(path)
    try:
        with tree.open(path, tree.limits.log_bytes) as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(min(size + 1, BLOCK))  # no more room than it needs
            mark = len(start), start[:END], start[-END:]
            if len(start) == size and (known := _recent.get(mark)) is not None and known[0] == start:
                return replace(known[1], path=path)
            log.fingerprint = zlib.crc32(start)
            _read(log, _batches(log, start, file))
            log.state = state_of(start[:LOOKED_AT], size) or _state(log, tail_of(file, size))
            if len(start) == size:
                _remember(mark, start, log)
    except RefusedError as error:
        log.refused = str(error)
    except OSError as error:
        log.refused = f"cannot be read: {error.strerror or error}"
    return log


def _state(log: DetailLog, tail: bytes) -> FileState | None:
    """Return what a log that looks like text is, by what was read of it and by its end; None where it is whole."""
    if log.refused is not None:
        return None
    if not log.messages:
        return STATES["no log"]
    if not tail.endswith((b"\n", b"\r")) and (cut := state_of_tail(tail, MARKERS[log.endpoints])) is not None:
        return cut
    return None if log.endpoints or any(key in log for key in ENDS) else STATES["unended"]


Mark = tuple[int, bytes, bytes]
# Logs read last, by size, beginning and end, with their bytes: more than half of a round's logs are copies of others.
_recent: dict[Mark, tuple[bytes, DetailLog]] = {}


def _remember(mark: Mark, content: bytes, log: DetailLog) -> None:
    """Keep a log in mind, and forget the oldest ones beyond the bound."""
    _recent[mark] = content, log
    held = sum(size for size, _, _ in _recent)
    while held > REMEMBERED and len(_recent) > 1:
        oldest = next(iter(_recent))
        held -= oldest[0]
        del _recent[oldest]


def _read(log: DetailLog, batches: Iterator[tuple[list[bytes], bool]]) -> None:
    """Take in a whole log. One loop without calls for the common line: a round has a million of them."""
    marker, width, number, messages, latest = b"", 0, 0, 0, -math.inf
    known, values, repeated, decode, value_of = log.lines, log.values, log.repeated, _MESSAGE, _VALUE
    for lines, ascii_ in batches:
        if not marker and lines:
            marker = _marker(log, lines)
            width = len(marker)
        for line in lines:
            number += 1
            if not ascii_ and not _utf8(line):
                _stops(log, number, "UnicodeDecodeError: the line is not UTF-8")
                continue
            if not line.startswith(marker):
                continue
            if len(line) > LONG:
                line = _shortened(line)
            if len(line) > LONG or not (ascii_ or line.isascii()):
                _message(log, number, line[width:])
                continue
            try:
                message = decode(line[width:])
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                _message(log, number, line[width:])
                continue
            if message.time_ms < latest:
                if latest - message.time_ms > log.fell_ms:
                    log.fell_ms, log.fell_line = latest - message.time_ms, number
            elif latest < message.time_ms < UNSET_MS and number > 1:
                latest = message.time_ms
            key, flags = message.key, message.metadata
            if flags.is_error or flags.is_warning:
                _message(log, number, line[width:])
                continue
            messages += 1
            if key in known:
                repeated[key] = repeated.get(key, 1) + 1
                continue
            try:
                value = value_of(message.value) if key != SAMPLES else BIG
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                messages -= 1
                _message(log, number, line[width:])
                continue
            if len(known) < KEYS:
                key = intern(key)
                known[key], values[key] = number, value
            else:
                log.refused = f"has more than {KEYS:,} different keys"
    log.messages += messages


def _batches(log: DetailLog, block: bytes, file: BinaryIO) -> Iterator[tuple[list[bytes], bool]]:
    """Yield lines without their ends, many at a time, and whether all are ASCII; stops at a line too long to hold.

    `block` is what was read already and fingerprinted. Line ends are universal, as in Python's text files.
    """
    rest = b""
    while block:
        log.size += len(block)
        block = rest + block if rest else block
        held = block.endswith(b"\r")  # its other half may be about to come
        if b"\r" in block:
            block = block.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = block.split(b"\n")
        rest = lines.pop() + (b"\r" if held else b"")
        if lines:
            yield lines, block.isascii()
        elif len(rest) > LONGEST:
            log.refused = f"has a line of more than {LONGEST:,} bytes"
            return
        block = file.read(BLOCK)
        log.fingerprint = zlib.crc32(block, log.fingerprint)
    if rest:
        yield [rest.removesuffix(b"\r")], rest.isascii()


def _marker(log: DetailLog, lines: list[bytes]) -> bytes:
    """Return what a log's messages begin with, as the first of its lines has it."""
    marker = next((marker for marker in MARKERS if lines[0].startswith(marker)), None)
    if marker is None:
        head = DECODED * (len(lines[0]) // DECODED + 1)
        if _utf8(b"\n".join(lines[:DECODED])[:head].rpartition(b"\n")[0] or lines[0]):
            _stops(log, 1, f"RuntimeError: the first line does not begin with {MARKERS[0].decode()}", headless=True)
        else:
            _stops(log, 1, "UnicodeDecodeError: the first line, or one soon after it, is not UTF-8", headless=True)
        return MARKERS[0]  # what can be read is still judged
    log.endpoints = marker == MARKERS[1]
    return marker


def _utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _stops(log: DetailLog, line: int, cause: str, headless: bool = False) -> None:
    if log.crash is None:
        log.crash, log.crash_line = cause, line
    if log.later_crash is None and not headless:
        log.later_crash = f"{cause} (line {line})"


def _message(log: DetailLog, number: int, body: bytes) -> None:
    """Take in the JSON of one line with the marker, whatever it holds."""
    try:
        key, value, metadata = _decoded(body)
    except (ValueError, RecursionError) as error:
        cause = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:100]
        _stops(log, number, f"RuntimeError: the line is no JSON that it reads ({cause})")
        return
    if key is msgspec.UNSET or isinstance(key, list | dict):
        _stops(log, number, "RuntimeError: the line is no object with a key")
        return
    log.messages += 1
    if (len(body) > LARGE or key == SAMPLES) and value is not msgspec.UNSET:
        value = BIG
    _keep(log, number, intern(key) if type(key) is str else f"={key!r}", value, metadata)


def _decoded(body: bytes) -> tuple[Any, Any, Any]:
    """Return key, value and metadata of a message; ValueError or RecursionError where the official parser stops.

    The fast decoder accepts nothing that Python's JSON refuses, save what `_unsafe` finds; on what it refuses, such as
    NaN, Python's JSON has the last word.
    """
    try:
        if len(body) <= LONG or not _unsafe(body):
            message = _ANY(body)
            value: Any = message.value
            if value is not msgspec.UNSET and len(body) <= LARGE:
                value = _VALUE(value)
            return message.key, value, message.metadata
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    record = json.loads(body.decode().rstrip())
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return record.get("key", msgspec.UNSET), record.get("value", msgspec.UNSET), record.get("metadata", msgspec.UNSET)


def _shortened(line: bytes) -> bytes:
    """Return a line that lists samples without them where the list is one known to be JSON, else the line itself.

    Nearly all logs of a benchmark load the same samples, so most lists are only compared with one read before.
    """
    if not line.startswith(LISTED):
        return line
    end = line.rfind(b"]") + 1
    known = _lists.get((end, line[:HEAD]))
    if known is None and end + sum(map(len, _lists.values())) <= LISTS and not _unsafe(line):
        known = line[:end]
        try:
            _VALUE(memoryview(known)[len(LISTED) - 1 :])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return line
        _lists[end, line[:HEAD]] = known
    return UNLISTED + line[end:] if known is not None and line.startswith(known) else line


_lists: dict[tuple[int, bytes], bytes] = {}  # by their length and beginning: lines to the end of their lists of samples


def _keep(log: DetailLog, number: int, key: str, value: Any, metadata: Any) -> None:
    if key not in log.lines:
        if len(log.lines) >= KEYS:
            log.refused = f"has more than {KEYS:,} different keys"
            return
        log.lines[key] = number
        if value is not msgspec.UNSET:
            log.values[key] = value
    else:
        log.repeated[key] = log.repeated.get(key, 1) + 1
    if type(metadata) is not dict or "is_error" not in metadata:
        if log.unflagged is None:
            missing = "KeyError: 'is_error'" if type(metadata) is dict else "its metadata is no object"
            log.unflagged, log.unflagged_line = missing, number
    elif metadata["is_error"]:
        log.error_count += 1
        _note(log.errors, key, value, number)
    if type(metadata) is dict and metadata.get("is_warning"):
        _note(log.warnings, key, value, number)


def _note(said: list[Said], key: str, value: Any, number: int) -> None:
    one = Said(key, None, number, False) if value is msgspec.UNSET else Said(key, value, number)
    if len(said) < KEPT and not any(
        other.key == key and type(other.value) is type(value) and other.value == value for other in said[-50:]
    ):
        said.append(one)


def _unsafe(body: bytes) -> bool:
    """Whether the fast decoder and Python's JSON may disagree: a very long integer, or deep nesting."""
    if body.count(b"[") + body.count(b"{") > DEPTH:
        return True
    if len(body) <= LONG:
        return False
    # A run of that many digits covers one of these windows whole.
    return any(body[at : at + 64].isdigit() for at in range(0, len(body), 2000)) and bool(DIGITS.search(body))
