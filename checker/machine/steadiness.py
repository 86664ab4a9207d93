"""What disturbed the machine while a run was measured, with the evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checker.machine.metering import Reading, difference, energy, gauge, total
from rules.observation import Channel, Observation
from rules.ruleset import Idle, Steadiness


@dataclass(frozen=True)
class Disturbance:
    """What happened, what the round tolerates, and what was seen."""

    what: str
    expected: str
    found: str


TOLD = 2  # disturbances that a sentence names


def told(found: Sequence[Disturbance]) -> str:
    """Say what disturbed a run, the first of it, with its figures."""
    more = f" and {len(found) - TOLD} more" if len(found) > TOLD else ""
    return ", ".join(f"{one.what} ({one.found})" for one in found[:TOLD]) + more


def disturbances(
    observation: Observation, start_s: float, stop_s: float, threads: int, tolerates: Steadiness
) -> Iterator[Disturbance]:
    """Yield what disturbed the region from `start_s` to `stop_s` (monotonic) of a run that had `threads` processors."""
    seconds = stop_s - start_s
    for channel in observation.channels:
        if channel.kind == "counter" and channel.quantity != "energy":
            grown = difference(observation, channel, start_s, stop_s)
            if grown is None:
                yield Disturbance(
                    f"{channel.name} was not read throughout", "a value in every sample", "none for a time"
                )
            else:
                yield from _counted(channel, grown, seconds, threads, tolerates)
        elif channel.quantity == "frequency":
            yield from _frequency(observation, channel, start_s, stop_s, tolerates)
        elif channel.quantity in ("throttled", "queue"):
            mean = gauge(observation, channel, start_s, stop_s, peak=False)
            if channel.quantity == "throttled" and mean is not None and mean.value > 0:
                yield Disturbance(f"{channel.name}: slowed down", "never", f"{mean.value:.0%} of the time")
            if channel.quantity == "queue" and mean is not None and mean.value > threads + tolerates.queue:
                expected = f"{threads} of the run, and {tolerates.queue:g} besides on average"
                yield Disturbance("more processes wanted to run than the run's", expected, f"{mean.value:.2f}")
    yield from _clock(observation, tolerates)


def idle_disturbances(
    observation: Observation, start_s: float, stop_s: float, tolerates: Steadiness, idle: Idle
) -> Iterator[Disturbance]:
    """Yield what an idle machine did in the region; its clocks may do what they like, its power may not drift."""
    # No number of processors is a run's.
    still = tolerates.model_copy(update={"frequency": math.inf})
    yield from disturbances(observation, start_s, stop_s, 0, still)
    for channel in observation.channels:
        if channel.quantity == "utilisation":
            mean = gauge(observation, channel, start_s, stop_s, peak=False)
            if mean is not None and mean.value > idle.utilisation:
                yield Disturbance(f"{channel.name}: busy", f"at most {idle.utilisation:.0%}", f"{mean.value:.0%}")
    middle = (start_s + stop_s) / 2
    halves = [total(energy(observation, *half)) for half in ((start_s, middle), (middle, stop_s))]
    watts = [half.value / (middle - start_s) for half in halves if isinstance(half, Reading)]
    if len(watts) == 2 and abs(watts[1] / watts[0] - 1) > idle.drift:
        found = f"{watts[0]:.2f} then {watts[1]:.2f} W"
        yield Disturbance("its power drifted", f"within {idle.drift:.0%}", found)


def _counted(
    channel: Channel, grown: float, seconds: float, threads: int, tolerates: Steadiness
) -> Iterator[Disturbance]:
    if channel.quantity == "steal" and grown > tolerates.steal * seconds:
        expected = f"at most {tolerates.steal:.1%} of the time"
        yield Disturbance("the hypervisor ran something else", expected, f"{grown:.2f} s of {seconds:.1f} s")
    elif channel.quantity == "busy" and grown > (threads + tolerates.other_load) * seconds:
        other = grown / seconds - threads
        yield Disturbance("other programs ran", f"at most {tolerates.other_load:g} processors' worth", f"{other:.2f}")
    elif channel.quantity == "swap" and grown > tolerates.swap_pages:
        yield Disturbance("memory was swapped", f"at most {tolerates.swap_pages} pages", f"{grown:.0f} pages")
    elif channel.quantity == "throttled" and grown > 0:
        yield Disturbance(f"{channel.name}: throttled for heat", "never", f"{grown:.0f} times")


def _frequency(
    observation: Observation, channel: Channel, start_s: float, stop_s: float, tolerates: Steadiness
) -> Iterator[Disturbance]:
    """Compare the mean of the region's halves: a clock that drifts, not one that varies."""
    middle = (start_s + stop_s) / 2
    halves = [
        gauge(observation, channel, since, until, peak=False) for since, until in ((start_s, middle), (middle, stop_s))
    ]
    first, second = halves
    if first is None or second is None or first.value <= 0:
        return
    drift = second.value / first.value - 1
    if abs(drift) > tolerates.frequency:
        found = f"{first.value / 1e6:.0f} then {second.value / 1e6:.0f} MHz"
        yield Disturbance(f"{channel.name}: the clock drifted", f"within {tolerates.frequency:.0%}", found)


def _clock(observation: Observation, tolerates: Steadiness) -> Iterator[Disturbance]:
    """Compare the wall clock with the one that nobody sets."""
    first = observation.clocks[0]
    apart = [(one.wall_s - first.wall_s) - (one.monotonic_s - first.monotonic_s) for one in observation.clocks]
    most = max(apart, key=abs)
    if abs(most) > tolerates.clock_s:
        yield Disturbance("the wall clock was set", f"within {tolerates.clock_s:g} s", f"{most:+.3f} s")
