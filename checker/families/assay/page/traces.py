"""What was sampled of the machine around a run, as lines to draw: each channel in its unit, against the run's time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from checker.machine.energy import MeteredRun, timed
from checker.machine.metering import Points, unwrapped
from rules.observation import Channel, Observation, Unavailable

CHANNELS = 16  # of one run and quantity that are drawn
AROUND_S = 2.0  # drawn before and after the timed region
WINDOW_S = 0.5  # over which a counter's growth is a rate
# Quantity drawn, what it is called, its unit, and what a value of the samples is multiplied by.
SHOWN = {
    "power": ("Power", "watts", 1.0),
    "temperature": ("Temperature", "degrees Celsius", 1.0),
    "frequency": ("Clock frequency", "GHz", 1e-9),
    "utilisation": ("Accelerators busy", "per cent", 100.0),
    "busy": ("Processors busy", "processors' worth", 1.0),
    "steal": ("Stolen by a hypervisor", "processors' worth", 1.0),
    "queue": ("Processes that want to run", "processes", 1.0),
}
AS = {"energy": "power"}  # a counter of energy is drawn as power


@dataclass(frozen=True)
class ChannelTrace:
    """One channel of one run: seconds since run_start, and its value in the unit of `SHOWN`."""

    quantity: str
    channel: Channel
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Seen:
    """What was sampled during a run."""

    traces: tuple[ChannelTrace, ...]
    channels: tuple[Channel, ...]
    rates_hz: tuple[float, ...]  # of each channel: samples with a value a second
    unavailable: tuple[Unavailable, ...]


def seen(run: MeteredRun) -> Seen | None:
    """Return what was sampled during `run`; None where nothing was."""
    if run.observation is None:
        return None
    observation, at = run.observation.model, timed(run)
    traces: list[ChannelTrace] = []
    if at is not None:
        for quantity in SHOWN:
            of = [(i, c) for i, c in enumerate(observation.channels) if AS.get(c.quantity, c.quantity) == quantity]
            for position, channel in of[:CHANNELS]:
                points = _points(observation, position, channel, SHOWN[quantity][2])
                inside = [
                    (t - at.start_s, v) for t, v in points if -AROUND_S <= t - at.start_s <= at.seconds + AROUND_S
                ]
                traces.append(ChannelTrace(quantity, channel, tuple(inside)))
    times = observation.times_s
    seconds = times[-1] - times[0] if times else 0.0
    return Seen(
        tuple(trace for trace in traces if len(trace.points) > 1),
        tuple(observation.channels),
        tuple(sum(value is not None for value in row) / seconds if seconds else 0.0 for row in observation.values),
        tuple(observation.unavailable),
    )


def _points(observation: Observation, position: int, channel: Channel, scale: float) -> Points:
    row = observation.values[position]
    points = [(time, value) for time, value in zip(observation.times_s, row, strict=True) if value is not None]
    if channel.kind == "counter":
        points = _rates(unwrapped(points, channel.wraps_at))
    return [(time, value * scale) for time, value in points]


def _rates(points: Points) -> Points:
    """Return how fast a counter grew, over windows long enough that its own steps do not show."""
    kept = points[:1]
    for point in points[1:]:
        if point[0] - kept[-1][0] >= WINDOW_S:
            kept.append(point)
    return [((since + until) / 2, (b - a) / (until - since)) for (since, a), (until, b) in pairwise(kept)]
