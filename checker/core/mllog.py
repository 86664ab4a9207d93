"""Reader of `:::MLLOG` logs: one pass, bounded memory, and for every line that is not a record the reason why.

The fast path is one msgspec decode per line; what it cannot vouch for (a member given twice) or refuses goes to the
slow, exact reader of `checker/core/strict_json.py`, which names the fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import msgspec

from checker.core.findings import Violation, brief
from checker.core.strict_json import JsonError, depth_of, loads
from rules.ruleset import ReadingLimits

TOKEN = b":::MLLOG "
CHUNK = 1 << 20
MEMBERS = ("namespace", "time_ms", "event_type", "key", "value", "metadata")
NAMES = re.compile(rb'"([^"\\]*)"\s*:')
LONG = re.compile(rb"\d{19}")  # digits of a number beyond 64 bits, on which the two readers could differ


class LogRecord(msgspec.Struct, forbid_unknown_fields=True):
    """One log line, decoded; `number` is its line in the file, from 1."""

    namespace: Any = msgspec.UNSET
    time_ms: Any = msgspec.UNSET
    event_type: Any = msgspec.UNSET
    key: Any = msgspec.UNSET
    value: Any = msgspec.UNSET
    metadata: Any = msgspec.UNSET
    number: int = 0


DECODE = msgspec.json.Decoder(LogRecord).decode


@dataclass
class ParsedLog:
    """A log as read: its usable records in order, and what was wrong with the other lines, by judge."""

    path: str
    records: list[LogRecord] = field(default_factory=list)
    tokens: int = 0  # lines that begin with the token, usable or not
    flaws: dict[str, list[Violation]] = field(default_factory=dict)

    def first(self, key: str) -> LogRecord | None:
        """Return the first record of `key`."""
        return next((record for record in self.records if record.key == key), None)

    def all(self, key: str) -> list[LogRecord]:
        """Return every record of `key`, in order."""
        return [record for record in self.records if record.key == key]

    def value(self, key: str) -> Any:
        """Return the first value of `key`, None where it was not logged."""
        record = self.first(key)
        return None if record is None else record.value

    def interval(self, start: str, stop: str) -> float | None:
        """Return the seconds from the first `start` to the first `stop`; None where one has no time."""
        times = [record.time_ms for key in (start, stop) if (record := self.first(key)) and type(record.time_ms) is int]
        return (times[1] - times[0]) / 1000 if len(times) == 2 else None

    def flaw(self, check: str, problem: Violation) -> None:
        """Note a problem for `check` to report; a hostile log cannot make this list long."""
        known = self.flaws.setdefault(check, [])
        if len(known) < 1000:
            known.append(problem)


def lines(file: BinaryIO, limits: ReadingLimits) -> Iterator[tuple[int, bytes | None]]:
    """Yield (number, line with its end) in file order; None for a line longer than allowed, whose bytes are dropped."""
    number, rest, dropping = 1, b"", False
    while chunk := file.read(CHUNK):
        parts = (rest + chunk).split(b"\n")
        rest = parts.pop()
        for part in parts:
            yield number, None if dropping or len(part) > limits.line_bytes else part + b"\n"
            number, dropping = number + 1, False
        if len(rest) > limits.line_bytes:
            rest, dropping = b"", True
    if rest or dropping:
        yield number, None if dropping else rest


def read_log(file: BinaryIO, path: str, limits: ReadingLimits) -> ParsedLog:
    """Read a whole log; whatever the bytes are, every fault becomes a flaw with its line."""
    log = ParsedLog(path)
    for number, line in lines(file, limits):
        if number > limits.log_lines:
            log.flaw("log-line", Violation(f"the log has more than {limits.log_lines:,} lines", line=number))
            break
        if line is None:
            most = f"at most {limits.line_bytes:,} bytes"
            log.flaw("log-line", Violation("the line is too long and was not read", most, "more", line=number))
        elif not line.startswith(TOKEN):
            log.flaw("log-line", _foreign(line, number))
        else:
            log.tokens += 1
            _read_record(log, line, number)
    return log


def _foreign(line: bytes, number: int) -> Violation:
    what = brief(line[:60].rstrip(b"\r\n").decode("utf-8", "backslashreplace"))
    return Violation("the line is not a record", 'a line that begins with ":::MLLOG "', what, line=number)


def _read_record(log: ParsedLog, line: bytes, number: int) -> None:
    if not line.endswith(b"\n"):
        log.flaw("log-line", Violation("the last line has no line end: the log was cut off", line=number))
    elif b"\r" in line:
        log.flaw("log-line", Violation("the line holds a carriage return", "lines that end with LF", "CR", line=number))
    body = line[len(TOKEN) :].strip(b"\r\n")
    record = _fast(body)
    if record is None:
        try:
            record = _exact(body)
        except JsonError as error:
            log.flaw("log-json", Violation(f"the line is not a JSON object: {error}", line=number))
            return
        except _MemberError as error:
            log.flaw("log-members", Violation(error.message, error.expected, error.found, line=number))
            return
    record.number = number
    log.records.append(record)


def _fast(body: bytes) -> LogRecord | None:
    """Decode a record that is plainly in order; None for any doubt."""
    if b"\\" in body or LONG.search(body) or body.count(b"{") + body.count(b"[") > 8:
        return None
    names = NAMES.findall(body)
    if len(set(names)) != len(names) or b"number" in names:
        return None
    try:
        record = DECODE(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    usable = type(record.key) is str and type(record.metadata) is dict and type(record.event_type) is str
    usable = usable and type(record.namespace) is str
    return record if usable and record.value is not msgspec.UNSET and record.time_ms is not msgspec.UNSET else None


class _MemberError(Exception):
    def __init__(self, message: str, expected: str, found: str) -> None:
        super().__init__(message)
        self.message, self.expected, self.found = message, expected, found


def _exact(body: bytes) -> LogRecord:
    raw = loads(body)
    if not isinstance(raw, dict):
        raise JsonError(f"it is {brief(raw)}")
    if depth_of(raw) > 8:
        raise JsonError("it is nested more than 8 deep")
    for member in MEMBERS:
        if member not in raw:
            raise _MemberError(f"the record lacks '{member}'", ", ".join(MEMBERS), ", ".join(map(brief, list(raw)[:8])))
    for member in raw:
        if member not in MEMBERS:
            raise _MemberError(f"the record has an unknown member {brief(member)}", ", ".join(MEMBERS), brief(member))
    for member, kind, word in (
        ("namespace", str, "a text"),
        ("event_type", str, "a text"),
        ("key", str, "a text"),
        ("metadata", dict, "an object"),
    ):
        if not isinstance(raw[member], kind):
            raise _MemberError(f"'{member}' is not {word}", word, brief(raw[member]))
    return LogRecord(**raw)
