"""Power readings beside a run: what each file of power/ amounts to, read once and dropped.

A file of a switch may hold an estimate instead of readings.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from checker.core.tree import RefusedError, Tree
from checker.families.mlperf_training.facts import LogFacts
from checker.families.mlperf_training.reading import LogReading, Wanted, read

BEGIN, END, READING, ESTIMATE = (
    "power_measurement_start",
    "power_measurement_stop",
    "power_reading",
    "interconnect_power_est",
)
KEPT = Wanted(keys=frozenset((BEGIN, END, READING, ESTIMATE)))


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time in ms since the epoch, and the line that has it."""

    ms: float
    line: int


@dataclass(slots=True)
class MeterFile:
    """What one file of readings amounts to. Times in ms; of the run only where its log has both ends."""

    path: str
    run_ms: tuple[float, float] | None
    readings: int = 0
    estimated: bool = False
    first: Stamp | None = None
    last: Stamp | None = None
    begin: Stamp | None = None
    end: Stamp | None = None
    inside: int = 0  # readings while the run is timed
    spacing_ms: float = 0  # mean time between those
    gap_ms: float = 0  # the longest time without a reading between the first and the last, while the run is timed
    gap_line: int | None = None  # the reading after it
    odd: int = 0  # readings that no machine draws
    odd_line: int | None = None  # the first of them
    odd_value: Any = None


def meter_files(tree: Tree, logs: Iterable[LogFacts], power_files: Mapping[str, list[str]]) -> list[MeterFile]:
    """Return what the files of power/ amount to, in the order of their runs; files that cannot be read are left out."""
    files: list[MeterFile] = []
    for log in logs:
        for path in power_files.get(log.path.rpartition("/")[2].removesuffix(".txt"), ()):
            name = path.rpartition("/")[2]
            if not (name.startswith(("node_", "sw_")) and name.endswith(".txt")):
                continue
            try:
                with tree.open(path, tree.limits.log_bytes) as file:
                    reading = read(file, KEPT, tree.limits.log_bytes)
            except (RefusedError, OSError):
                continue  # said where the tree is listed, and by the official check
            files.append(_amounts(path, _timed(log), reading))
    return files


def _timed(log: LogFacts) -> tuple[float, float] | None:
    if log.run_start is None or log.run_stop is None or not log.run_start.time_ms < log.run_stop.time_ms:
        return None
    return float(log.run_start.time_ms), float(log.run_stop.time_ms)


def _amounts(path: str, run_ms: tuple[float, float] | None, reading: LogReading) -> MeterFile:
    found = MeterFile(path, run_ms)
    stamps: list[Stamp] = []
    for record in reading.records:
        at = Stamp(float(record.time_ms), record.line)
        if record.key == ESTIMATE:
            found.estimated = True
        elif record.key == BEGIN:
            found.begin = found.begin or at
        elif record.key == END:
            found.end = at
        else:
            found.readings += 1
            if math.isfinite(at.ms):
                stamps.append(at)
            if not _drawn(record.value):
                found.odd += 1
                if found.odd == 1:
                    found.odd_line, found.odd_value = record.line, record.value
    stamps.sort(key=lambda stamp: stamp.ms)
    if stamps:
        found.first, found.last = stamps[0], stamps[-1]
        _spaced(found, stamps)
    return found


def _drawn(value: Any) -> bool:
    """Whether a running machine can draw so many watts."""
    return type(value) in (int, float) and 0 < value < math.inf


def _spaced(found: MeterFile, stamps: list[Stamp]) -> None:
    """Note how far apart the readings lie while the run is timed; `stamps` in order of time."""
    if found.run_ms is None:
        return
    start, stop = found.run_ms
    low = bisect_left(stamps, start, key=lambda stamp: stamp.ms)
    high = bisect_right(stamps, stop, key=lambda stamp: stamp.ms)
    found.inside = high - low
    if found.inside > 1:
        found.spacing_ms = (stamps[high - 1].ms - stamps[low].ms) / (found.inside - 1)
    for before, after in pairwise(stamps[max(low - 1, 0) : high + 1]):
        gap = min(after.ms, stop) - max(before.ms, start)
        if gap > found.gap_ms:
            found.gap_ms, found.gap_line = gap, after.line
