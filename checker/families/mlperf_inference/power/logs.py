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
from itertools import pairwise
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
class LoadSamples:
    """The meter's samples strictly between a load's begin and end: those above zero, which alone count, and others."""

    watts: float | None  # mean; None where no sample counts
    begin: datetime
    end: datetime
    counted: list[tuple[datetime, int]]  # when, and the line
    dropped: int  # samples that are not above zero

    def gaps(self) -> list[tuple[float, int | None]]:
        """Return the seconds before each sample that counts, with its line, and those after the last."""
        times = [(self.begin, None), *self.counted, (self.end, self.counted[-1][1] if self.counted else None)]
        return [((at - last).total_seconds(), line) for (last, _), (at, line) in pairwise(times)]


@lru_cache(maxsize=1)
def load_samples(data: bytes, begin: datetime, end: datetime, with_factor: bool = False) -> LoadSamples:
    """Return the samples during a load; the last file's are kept, for the official checks and ours read the same.

    Raises IndexError and ValueError for a sample line that is cut or holds no number.
    """
    begin, end = begin.replace(tzinfo=None), end.replace(tzinfo=None)
    watts, counted, dropped = list[float](), list[tuple[datetime, int]](), 0
    most = 10 if with_factor else 4
    for number, line in enumerate(text_of(data), 1):
        if not line.startswith("Time"):
            continue
        fields = line.split(",", most)
        at = moment(fields[1])
        if not begin < at < end:
            continue
        if (value := float(fields[3])) > 0:
            watts.append(value)
            counted.append((at, number))
        else:
            dropped += 1
        if with_factor:
            float(fields[9])  # of no use, but where it is no number the official checker stops
    return LoadSamples(sum(watts) / len(watts) if watts else None, begin, end, counted, dropped)


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
        marked, stamp, at = [], "", None
        for number, line in enumerate(self._lines, 1):
            if "WARNING:" in line or "ERROR:" in line:
                if line[:STAMP_LENGTH] != stamp:
                    stamp, at = line[:STAMP_LENGTH], _time(line)
                warning, error = _marks(line if at is None else line[STAMP_LENGTH:])
                if warning is not None or error is not None:
                    marked.append((number, line, at, warning, error))
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


@lru_cache(maxsize=2)
def daemon_log(data: bytes, session: str) -> DaemonLog:
    """Return a daemon's log as read; the last two are kept, for the official checks and ours read the same."""
    return DaemonLog(data, session)


@lru_cache(1024)
def _marks(text: str) -> tuple[str | None, str | None]:
    """Return what follows the marks of a warning and of an error; most lines say the same, but for their time."""
    return _after(text, "WARNING:"), _after(text, "ERROR:")


def _after(line: str, mark: str) -> str | None:
    """Return what follows the first `mark` of a line, stripped of blanks; None where nothing does, not even a blank."""
    rest = line.partition(mark)[2].removesuffix("\n")
    return rest.strip() if rest else None
