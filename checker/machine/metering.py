"""Energy, power and memory of a timed region, from an observation's raw samples, and how far they can be trusted.

Counters are read at the region's ends by interpolation; power is integrated by trapezoids. What a meter did not say is
never filled in: where its samples cover too little of the region there is no value, and the reason instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rules.observation import Channel, Observation

# Clause 7.9 of assay/1.0 names the last three.
LATE = 3  # periods between two samples from which on the time between them counts as a gap
STALLED_S = 2.0  # or so long: every machine draws power, so a counter of energy that stands still was not read
LONGEST_S = 30.0  # of one gap, beyond which there is no value: a counter may have wrapped unseen
LEAST_J = 1e-6  # no meter counts less
SETTLE_S = 2.0  # an idle machine's meters need so long to say it, and not to have said something else before
COVERAGE = 0.95  # of the region, below which there is no value
METERS = ("rapl", "nvml", "ina3221", "amdgpu", "external")  # sources of power or energy
COUNT = ("energy", "power")  # quantities that tell energy
NO_METER = "it shows no power or energy"
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Reading:
    """A value of one channel over a region."""

    channel: Channel
    value: float  # energy in J, power in W (mean), memory in B (peak), else the mean in the channel's unit
    rate_hz: float  # samples there were per second of the region
    coverage: float  # share of the region between samples no further apart than they should be
    longest_gap_s: float
    uncertainty: float  # relative: sampling, with the meter's own where it is stated
    stated: bool  # whether the meter's own is in it


@dataclass(frozen=True)
class NotMeasured:
    """Why there is no value."""

    what: str
    reason: str


def region(observation: Observation, start_wall_s: float, stop_wall_s: float) -> tuple[float, float]:
    """Return a region of the wall clock on the samples' monotonic clock."""
    return _monotonic(observation, start_wall_s), _monotonic(observation, stop_wall_s)


def _monotonic(observation: Observation, wall_s: float) -> float:
    """Return a moment of the wall clock by the last moment before it that was seen on both clocks, else the first."""
    clocks = observation.clocks
    clock = next((one for one in reversed(clocks) if one.wall_s <= wall_s), clocks[0])
    return wall_s + clock.monotonic_s - clock.wall_s


def energy(observation: Observation, start_s: float, stop_s: float) -> list[Reading | NotMeasured]:
    """Return the energy of the region in joules by each device that has a meter: its counter, or else its power.

    A device that is there without a meter is in it too, as not measured. Devices that are parts of another are left
    out, so that the values may be added. `start_s`, `stop_s`: monotonic.
    """
    found: list[Reading | NotMeasured] = []
    for channels in _devices(observation):
        readings = [_energy(observation, channel, start_s, stop_s) for channel in channels]
        whole = [reading for reading in readings if isinstance(reading, Reading)]
        found.append(whole[0] if whole else readings[0])
    found += _silent(observation)
    return found or [NotMeasured("energy", _why(observation))]


def total(readings: Sequence[Reading | NotMeasured]) -> Reading | NotMeasured:
    """Return the sum of devices' energies; nothing where one of them is missing. A meter at the wall is the total."""
    outside = [reading for reading in readings if _name(reading).startswith("external/")]
    parts = list[Reading]()
    for reading in outside or readings:
        if isinstance(reading, NotMeasured):
            return reading
        parts.append(reading)
    joules = sum(part.value for part in parts)
    channel = Channel(
        name="+".join(part.channel.name for part in parts)[:100].replace("+", "/"),
        quantity="energy",
        source=", ".join(sorted({part.channel.source for part in parts}))[:200],
        kind="counter",
    )
    return Reading(
        channel,
        joules,
        min(part.rate_hz for part in parts),
        min(part.coverage for part in parts),
        max(part.longest_gap_s for part in parts),
        sum(part.uncertainty * part.value for part in parts) / joules if joules else 1.0,
        all(part.stated for part in parts),
    )


def _name(reading: Reading | NotMeasured) -> str:
    return reading.channel.name if isinstance(reading, Reading) else reading.what


def idle(observation: Observation) -> tuple[Reading | NotMeasured, float, float]:
    """Return an idle machine's energy and the region it is of: while it was watched, without `SETTLE_S` at either end.

    A meter outside the machine has samples before and after that.
    """
    start_s, stop_s = (observation.clocks[end].monotonic_s for end in (0, -1))
    start_s, stop_s = start_s + SETTLE_S, stop_s - SETTLE_S
    return total(energy(observation, start_s, stop_s)), start_s, stop_s


def gauge(observation: Observation, channel: Channel, start_s: float, stop_s: float, *, peak: bool) -> Reading | None:
    """Return the peak or the time-weighted mean of a gauge over the region; None where it was not sampled there."""
    points = _inside(_points(observation, channel), start_s, stop_s)
    seconds = stop_s - start_s
    if len(points) < 2 or seconds <= 0:
        return None
    covered, longest = _coverage(points, start_s, stop_s, _bearable(observation))
    value = max(v for _, v in points) if peak else _integral(points) / (points[-1][0] - points[0][0])
    stated = channel.uncertainty is not None
    return Reading(
        channel, value, len(points) / seconds, covered / seconds, longest, channel.uncertainty or 0.0, stated
    )


def difference(observation: Observation, channel: Channel, start_s: float, stop_s: float) -> float | None:
    """Return by how much a counter grew over the region, wraps included; None where samples do not enclose it."""
    points = unwrapped(_points(observation, channel), channel.wraps_at)
    first, last = _at(points, start_s), _at(points, stop_s)
    return None if first is None or last is None else last - first


def unwrapped(points: Points, wraps_at: float | None) -> Points:
    """Return a counter's samples without its wraps. A step back that is no wrap (a reset) ends the usable samples."""
    grown: Points = []
    turns = 0.0
    for position, (time, value) in enumerate(points):
        if position and value < points[position - 1][1]:
            # It wrapped once if it was high and is low; anything else is another counter than before.
            if wraps_at is None or points[position - 1][1] - value < wraps_at / 2:
                break
            turns += wraps_at
        grown.append((time, value + turns))
    return grown


def _devices(observation: Observation) -> list[list[Channel]]:
    """Return the channels that tell a device's energy, best first, for each device that is no part of another."""
    devices: dict[str, list[Channel]] = {}
    for channel in observation.channels:
        if channel.whole and channel.quantity in COUNT:
            devices.setdefault(channel.device, []).append(channel)
    return [sorted(channels, key=lambda channel: channel.quantity != "energy") for channels in devices.values()]


def _silent(observation: Observation) -> list[NotMeasured]:
    """Return the devices that are there, by another channel or by what the observer says, and have no meter."""
    metered = {channel.device for channel in observation.channels if channel.quantity in COUNT}
    why = {channel.device: NO_METER for channel in observation.channels if channel.name != channel.device}
    why |= {one.source: one.reason for one in observation.unavailable if "/" in one.source}
    return [
        NotMeasured(device, reason)
        for device, reason in why.items()
        if device.partition("/")[0] in METERS and device not in metered
    ]


def _energy(observation: Observation, channel: Channel, start_s: float, stop_s: float) -> Reading | NotMeasured:
    points, seconds = _points(observation, channel), stop_s - start_s
    if channel.kind == "counter":
        points = _moving(unwrapped(points, channel.wraps_at))
    around = _around(points, start_s, stop_s)
    covered, longest = _coverage(around, start_s, stop_s, _bearable(observation))
    if seconds <= 0 or covered < COVERAGE * seconds:
        share = max(0.0, covered / seconds) if seconds > 0 else 0.0
        return NotMeasured(channel.name, f"the meter answered in {share:.0%} of the timed region only")
    if longest > LONGEST_S:
        return NotMeasured(channel.name, f"the meter was silent for {longest:.0f} s")
    inside = len(_inside(_points(observation, channel), start_s, stop_s))
    ends = _at(around, start_s), _at(around, stop_s)
    if ends[0] is None or ends[1] is None:
        return NotMeasured(channel.name, "its samples do not enclose the timed region")
    if channel.kind == "counter":
        joules = ends[1] - ends[0]
        # A counter may be behind by an update of its own, at each end, and is not a line between two samples.
        bound = _step(around, start_s) + _step(around, stop_s)
    else:
        line = [(start_s, ends[0]), *_inside(around, start_s, stop_s), (stop_s, ends[1])]
        joules = _integral(line)
        bound = sum(abs(b - a) * (until - since) for (since, a), (until, b) in pairwise(line)) / 2
    if joules < LEAST_J:
        return NotMeasured(channel.name, "the meter counted nothing in the timed region")
    own = channel.uncertainty or 0.0
    stated = channel.uncertainty is not None
    return Reading(channel, joules, inside / seconds, covered / seconds, longest, bound / joules + own, stated)


def _points(observation: Observation, channel: Channel) -> Points:
    row = observation.values[observation.channels.index(channel)]
    return [(time, value) for time, value in zip(observation.times_s, row, strict=True) if value is not None]


def _moving(points: Points) -> Points:
    """Return a counter's samples at which it had moved: between them it says nothing."""
    return [point for position, point in enumerate(points) if position == 0 or point[1] != points[position - 1][1]]


def _inside(points: Points, start_s: float, stop_s: float) -> Points:
    return [point for point in points if start_s <= point[0] <= stop_s]


def _around(points: Points, start_s: float, stop_s: float) -> Points:
    """Return the points inside with the last before and the first after."""
    before = [point for point in points if point[0] < start_s][-1:]
    after = [point for point in points if point[0] > stop_s][:1]
    return [*before, *_inside(points, start_s, stop_s), *after]


def _at(points: Points, time_s: float) -> float | None:
    """Return the value at a time, on the line between the samples around it; None outside of them."""
    for (since, a), (until, b) in pairwise(points):
        if since <= time_s <= until:
            return a + (b - a) * (time_s - since) / (until - since)
    return None


def _step(points: Points, time_s: float) -> float:
    return next((b - a for (since, a), (until, b) in pairwise(points) if since <= time_s <= until), 0.0)


def _integral(points: Points) -> float:
    return sum((a + b) / 2 * (until - since) for (since, a), (until, b) in pairwise(points))


def _coverage(points: Points, start_s: float, stop_s: float, longest_s: float) -> tuple[float, float]:
    """Return the seconds of the region between samples at most `longest_s` apart, and its longest time without one."""
    covered, longest = 0.0, 0.0 if points else stop_s - start_s
    for (since, _), (until, _) in pairwise(points):
        inside = min(until, stop_s) - max(since, start_s)
        longest = max(longest, until - since)
        covered += inside if inside > 0 and until - since <= longest_s else 0.0
    return covered, longest


def _bearable(observation: Observation) -> float:
    """Return the seconds between two samples up to which a meter counts as having been read all the time."""
    return min(max(LATE * observation.period_s, STALLED_S), LONGEST_S)


def _why(observation: Observation) -> str:
    """Return why this machine has no meter of energy, source by source."""
    reasons = [f"{one.source}: {one.reason}" for one in observation.unavailable if one.source in METERS]
    families = dict.fromkeys(channel.name.partition("/")[0] for channel in observation.channels)
    reasons += [f"{family}: it shows no power or energy of the whole" for family in families if family in METERS]
    return "; ".join(reasons) or "no meter of energy was asked for"
