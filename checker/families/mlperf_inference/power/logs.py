"""What a power measurement wrote: the load's beginning and end, the meter's samples, the meter daemon's log.

Read as the official power checker reads them (mlcommons/power-dev), in linear time whatever the lines hold.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TextIO

FORMAT = "%m-%d-%Y %H:%M:%S.%f"
USUAL = re.compile(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d\.\d{3}", re.ASCII)
# Begins where a run of digits begins: the official expression without it finds the same, in quadratic time.
ANYWHERE = re.compile(r"(?<!\d)\d*-\d*-\d* \d*:\d*:\d*\.\d*")
STAMP = re.compile(r"^\d\d-\d\d-\d\d\d\d \d\d:\d\d:\d\d.\d\d\d")
STAMP_LENGTH = 23
SECONDS = [timedelta(seconds=count) for count in range(60)]
MILLISECONDS = [timedelta(milliseconds=count) for count in range(1000)]
ACTIVATED = re.compile(r"Uncertainty checking for Yokogawa\S+ is activated")
# The official expression (\d+.\d+%), without its backtracking.
UNCERTAIN = re.compile(r"Uncertainty (?:\d++[^\d\n]\d++|\d{3,}+)%, which is above 1.00% limit for the last sample!")


class StampError(ValueError):
    """A line that should bear a time and does not."""


def text_of(data: bytes) -> TextIO:
    """Return the lines of a file as Python's own `open` gives them: UTF-8, universal line ends."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")


def moment(text: str) -> datetime:
    """Return the time a stamp says, without a zone; ValueError as strptime raises it."""
    if not USUAL.fullmatch(text):
        return datetime.strptime(text, FORMAT)  # the stamps bear no zone
    if text[17] < "6":
        return _minute(text[:16]) + SECONDS[int(text[17:19])] + MILLISECONDS[int(text[20:])]
    return _minute(text[:16]).replace(second=int(text[17:19]))


@lru_cache(1024)
def _minute(text: str) -> datetime:
    """Return the time of a stamp without its seconds: many lines bear the same."""
    return datetime(int(text[6:10]), int(text[0:2]), int(text[3:5]), int(text[11:13]), int(text[14:16]))


@lru_cache(1024)
def _epoch(text: str) -> int:
    return int(_minute(text).replace(tzinfo=UTC).timestamp())


def seconds(text: str) -> float:
    """Return the time a stamp says, as seconds of the epoch, taken as UTC."""
    if USUAL.fullmatch(text) and text[17] < "6":
        return ((_epoch(text[:16]) + int(text[17:19])) * 1000 + int(text[20:])) / 1000
    return moment(text).replace(tzinfo=UTC).timestamp()


def load_times(data: bytes) -> tuple[float | None, float | None]:
    """Return when the load began and ended by a detail log, in seconds; None where no line says it.

    A line that names the key and bears no time raises StampError; undecodable text raises UnicodeDecodeError.
    """
    begin = end = None
    for line in text_of(data):
        lowered = line.lower()
        if "power_begin" in lowered:
            begin = _anywhere(line)
        elif "power_end" in lowered:
            end = _anywhere(line)
        if begin and end:
            break
    return begin, end


def _anywhere(line: str) -> float:
    found = ANYWHERE.search(line)
    if found is None:
        raise StampError(f"no time in the line {line.strip()[:80]!r}")
    return seconds(found[0])


@dataclass(frozen=True)
class Mean:
    """Means of the meter's samples during a load; None where no sample counts."""

    watts: float | None
    power_factor: float | None
    samples: int


def mean_power(data: bytes, begin: datetime, end: datetime, with_factor: bool) -> Mean:
    """Return the means over the samples strictly between `begin` and `end`; only values above zero count.

    Raises IndexError and ValueError for a sample line that is cut or holds no number.
    """
    watts: list[float] = []
    factors: list[float] = []
    begin, end = begin.replace(tzinfo=None), end.replace(tzinfo=None)
    most = 10 if with_factor else 4
    for line in text_of(data):
        if not line.startswith("Time"):
            continue
        fields = line.split(",", most)
        if not begin < moment(fields[1]) < end:
            continue
        value = float(fields[3])
        if value > 0:
            watts.append(value)
        if with_factor and (factor := float(fields[9])) > 0:
            factors.append(factor)
    return Mean(
        sum(watts) / len(watts) if watts else None, sum(factors) / len(factors) if factors else None, len(watts)
    )


@dataclass(frozen=True)
class Gap:
    """The longest time without a sample that counts during a load, and how many times are longer than a bound."""

    seconds: float
    line: int | None  # of the sample after it, or the last before the load's end; None where there is no sample
    many: int
    dropped: int  # samples during the load that are not above zero


def longest_gap(data: bytes, begin: datetime, end: datetime, most_s: float) -> Gap:
    """Return the longest time between samples above zero, which alone count for the mean, from `begin` to `end`.

    Raises IndexError and ValueError for a sample line that is cut or holds no number.
    """
    begin, end = begin.replace(tzinfo=None), end.replace(tzinfo=None)
    last, last_line, gaps, dropped = begin, None, list[tuple[float, int | None]](), 0
    for number, line in enumerate(text_of(data), 1):
        if not line.startswith("Time"):
            continue
        fields = line.split(",", 4)
        at = moment(fields[1])
        if not begin < at < end:
            continue
        if not float(fields[3]) > 0:
            dropped += 1
        else:
            gaps.append(((at - last).total_seconds(), number))
            last, last_line = at, number
    gaps.append(((end - last).total_seconds(), last_line))
    seconds, line_of = max(gaps, key=lambda gap: gap[0])
    return Gap(seconds, line_of, sum(gap > most_s for gap, _ in gaps), dropped)


@dataclass(frozen=True)
class DaemonEvent:
    """A warning or error of the daemon that counts."""

    line: int
    text: str
    refused: bool  # else only to be warned of


class DaemonLog:
    """The daemon's log (ptd_logs.txt), with the interval in which the meter's ranges were found."""

    def __init__(self, data: bytes, session: str) -> None:
        self._lines = text_of(data).readlines()
        self.ranging_begin, self.ranging_end = self._ranging(f": Go with mark {session + '_ranging'!r}")

    def _ranging(self, start: str) -> tuple[float | None, float | None]:
        begin = end = None
        minute = ""  # of the last stamp that was taken for a time: those of one minute differ in their seconds only
        for line in self._lines:
            if STAMP.match(line) is None:
                if begin is None and line == start:
                    raise StampError(f"no time in the line {line.strip()[:80]!r}")
                if begin and line == ": Completed test":
                    raise StampError(f"no time in the line {line.strip()[:80]!r}")
                continue
            if not (minute and line.startswith(minute) and line[17] < "6" and line[19] == "."):
                seconds(line[:STAMP_LENGTH])
                minute = line[:17]
            said = line[STAMP_LENGTH:].strip()
            if not begin and said == start:
                begin = seconds(line[:STAMP_LENGTH])
            elif begin and said == ": Completed test":
                end = seconds(line[:STAMP_LENGTH])
                break
        return begin, end

    def activated(self) -> tuple[int, float] | None:
        """Return line and time at which checking of uncertainty was switched on; None where it never was."""
        for number, line in enumerate(self._lines, 1):
            if "is activated" in line and ACTIVATED.search(line):
                return number, _stamped(line)
        return None

    def events(
        self, load: tuple[float, float], margin_s: float, ranging_usual: list[str], testing_usual: list[str]
    ) -> Iterator[DaemonEvent]:
        """Yield the warnings and errors that count, in order; the official scan ends at the first.

        Warnings count within the load, `margin_s` after its begin and before its end; StampError for one without time.
        """
        assert self.ranging_begin is not None
        assert self.ranging_end is not None
        first, last = load[0] + margin_s, load[1] - margin_s
        ranging, tolerated = (self.ranging_begin, self.ranging_end), tuple(ranging_usual)
        for number, line, at, warning, error in self._marked:
            if at is None:
                at = _stamped(line)
            if warning is not None and first < at < last:
                yield DaemonEvent(number, line.strip(), UNCERTAIN.search(warning) is not None)
            if error is not None:
                if error in testing_usual:
                    yield DaemonEvent(number, line.strip(), False)
                elif not ranging[0] < at < ranging[1]:
                    yield DaemonEvent(number, line.strip(), True)
                elif not error.startswith(tolerated):
                    yield DaemonEvent(number, line.strip(), False)

    @cached_property
    def _marked(self) -> list[tuple[int, str, float | None, str | None, str | None]]:
        """Lines with a warning or an error: number, line, its time if it bears one, what follows each of the marks."""
        marked = []
        for number, line in enumerate(self._lines, 1):
            warning = _after(line, "WARNING:") if "WARNING:" in line else None
            error = _after(line, "ERROR:") if "ERROR:" in line else None
            if warning is not None or error is not None:
                marked.append((number, line, _time(line), warning, error))
        return marked


def _stamped(line: str) -> float:
    """Return the time a line bears; StampError or ValueError where it bears none."""
    if STAMP.match(line) is None:
        raise StampError(f"no time in the line {line.strip()[:80]!r}")
    return seconds(line[:STAMP_LENGTH])


def _time(line: str) -> float | None:
    try:
        return _stamped(line)
    except ValueError:
        return None


@lru_cache(maxsize=1)
def daemon_log(data: bytes, session: str) -> DaemonLog:
    """Return a daemon's log as read; the last one is kept, for the official checks and ours read the same."""
    return DaemonLog(data, session)


def _after(line: str, mark: str) -> str | None:
    """Return what follows the first `mark` of a line, stripped of blanks; None where nothing does, not even a blank."""
    rest = line.partition(mark)[2].removesuffix("\n")
    return rest.strip() if rest else None
