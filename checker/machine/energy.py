"""The energy of a result over its timed regions, from what was sampled of the machine; never a silent zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from checker.core.documents import ValidDocument
from checker.core.findings import AboveIdle, Energy
from checker.core.mllog import ParsedLog
from checker.machine.metering import NotMeasured, Reading, energy, idle, region, total
from rules.observation import Observation
from rules.text import printable

LOADGEN_STAMP = "%m-%d-%Y %H:%M:%S.%f"  # of power_begin and power_end, UTC


class MeteredRun(Protocol):
    """A run, be it of training or of LoadGen, as far as it is read here."""

    @property
    def name(self) -> str:
        """Its name in its result."""

    @property
    def log(self) -> ParsedLog | None:
        """What the container said."""

    @property
    def observation(self) -> ValidDocument[Observation] | None:
        """What was sampled of the machine meanwhile."""

    @property
    def unobserved(self) -> str:
        """Why nothing was, by the record."""

    @property
    def cpuset(self) -> str:
        """Its container's processors, as a list of the kernel's; empty where it is not known."""

    @property
    def peak_bytes(self) -> int | None:
        """The most memory its container took, where that is known."""


@dataclass(frozen=True)
class Timed:
    """A region on the samples' clock."""

    start_s: float
    stop_s: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.stop_s - self.start_s


def timed(run: MeteredRun) -> Timed | None:
    """Return a run's timed region on its samples' clock; None where log or observation do not say."""
    start = run.log.first("run_start") if run.log else None
    stop = run.log.first("run_stop") if run.log else None
    if run.observation is None or start is None or stop is None:
        return None
    times = [record.time_ms for record in (start, stop)]
    if not all(type(time) is int and abs(time) < 1 << 53 for time in times) or times[1] <= times[0]:
        return None
    return Timed(*region(run.observation.model, times[0] / 1000, times[1] / 1000))


def served(run: MeteredRun, logged: Mapping[str, Any]) -> Timed | None:
    """Return what of a LoadGen run's timed region LoadGen itself calls so: loading of samples is not in it.

    `logged` are the values of LoadGen's detail log. None where they say nothing, or nothing that is inside.
    """
    whole = timed(run)
    try:
        stamps = [str(logged[key]) for key in ("power_begin", "power_end")]
        began, ended = (datetime.strptime(text, LOADGEN_STAMP).replace(tzinfo=UTC).timestamp() for text in stamps)
    except (KeyError, ValueError, OverflowError):
        return None
    if whole is None or run.observation is None:
        return None
    inner = Timed(*region(run.observation.model, began, ended))
    return inner if whole.start_s - 0.01 <= inner.start_s < inner.stop_s <= whole.stop_s + 0.01 else None


def energy_of(runs: Sequence[MeteredRun], baseline: Observation | None) -> Energy:
    """Return the mean energy of runs that reached the target; not measured where it is unknown for one of them."""
    regions = [timed(run) for run in runs]
    readings = [_of(run, region_) for run, region_ in zip(runs, regions, strict=True)]
    for run, reading in zip(runs, readings, strict=True):
        if isinstance(reading, NotMeasured):
            why = f"run {run.name}: {reading.what}: {reading.reason}" if reading.what != "energy" else reading.reason
            return Energy(None, reason=printable(why, 400))
    known = [reading for reading in readings if isinstance(reading, Reading)]
    if not known:
        return Energy(None, reason="no run reached the target")
    if len({reading.channel.source for reading in known}) > 1:
        return Energy(None, reason="its runs were measured by different meters")
    times = [at.seconds for at in regions if at is not None]
    products = [one.value * seconds for one, seconds in zip(known, times, strict=True)]
    above = above_idle(known, times, baseline) if baseline is not None else None
    return replace(_mean(known), delay_product=sum(products) / len(products), above_idle=above)


def above_idle(runs: Sequence[Reading], times: Sequence[float], baseline: Observation) -> AboveIdle:
    """Return the mean of what `runs` took, each in so many seconds, without the idle machine's mean power.

    Uncertainties are bounds, not deviations: they add.
    """
    found, start_s, stop_s = idle(baseline)
    if isinstance(found, NotMeasured):
        return AboveIdle(None, reason=printable(f"the idle machine: {found.what}: {found.reason}", 400))
    watts = found.value / (stop_s - start_s)
    known = AboveIdle(None, watts=watts, watts_uncertainty=found.uncertainty)
    if {(run.channel.name, run.channel.source) for run in runs} != {(found.channel.name, found.channel.source)}:
        return replace(known, reason="runs and idle machine were measured by different meters")
    seconds = sum(times) / len(times)
    joules = sum(run.value for run in runs) / len(runs) - watts * seconds
    if joules <= 0:
        return replace(known, reason="the runs took no more than the idle machine")
    bound = sum(run.uncertainty * run.value for run in runs) / len(runs) + found.uncertainty * watts * seconds
    return replace(known, joules=joules, uncertainty=bound / joules)


def energy_served(run: MeteredRun, logged: Mapping[str, Any], samples: int | None) -> Energy:
    """Return the energy of one inference in a LoadGen run that answered `samples`."""
    at = served(run, logged)
    reading = _of(run, at)
    if isinstance(reading, NotMeasured):
        why = f"{reading.what}: {reading.reason}" if reading.what != "energy" else reading.reason
        return Energy(None, reason=printable(why, 400), per="inference")
    if not samples or at is None:
        return Energy(None, reason="how many inferences there were is not known", per="inference")
    whole = _mean([reading])
    product = reading.value * at.seconds / samples**2
    return replace(whole, joules=reading.value / samples, per="inference", delay_product=product)


def _mean(known: Sequence[Reading]) -> Energy:
    joules = sum(reading.value for reading in known)
    return Energy(
        joules / len(known),
        source=printable(known[0].channel.source, 200),
        uncertainty=sum(reading.uncertainty * reading.value for reading in known) / joules,
        stated=all(reading.stated for reading in known),
        rate_hz=min(reading.rate_hz for reading in known),
        coverage=min(reading.coverage for reading in known),
    )


def _of(run: MeteredRun, at: Timed | None) -> Reading | NotMeasured:
    if run.observation is None:
        why = f": {run.unobserved}" if run.unobserved else ""
        return NotMeasured("energy", f"the machine was not sampled{why}")
    if at is None:
        return NotMeasured("energy", "when the run began and ended is not known")
    return total(energy(run.observation.model, at.start_s, at.stop_s))
