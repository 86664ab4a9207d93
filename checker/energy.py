"""The energy of a result's runs over their timed regions, from what was sampled of the machine; never a silent zero."""

from __future__ import annotations

from checker.findings import Energy
from checker.metering import NotMeasured, Reading, energy, region, total
from checker.submission import Result, Run
from rules.text import printable


def timed(run: Run) -> tuple[float, float] | None:
    """Return a run's timed region on its samples' clock; None where log or observation do not say."""
    start = run.log.first("run_start") if run.log else None
    stop = run.log.first("run_stop") if run.log else None
    if run.observation is None or start is None or stop is None:
        return None
    times = [record.time_ms for record in (start, stop)]
    if not all(type(time) is int and abs(time) < 1 << 53 for time in times) or times[1] <= times[0]:
        return None
    return region(run.observation.model, times[0] / 1000, times[1] / 1000)


def energy_of(result: Result) -> Energy:
    """Return the mean energy of the runs that reached the target; not measured where it is unknown for one of them."""
    runs = [run for run in result.runs if run.converged]
    readings = [_of(run) for run in runs]
    for run, reading in zip(runs, readings, strict=True):
        if isinstance(reading, NotMeasured):
            why = f"run {run.index}: {reading.what}: {reading.reason}" if reading.what != "energy" else reading.reason
            return Energy(None, reason=printable(why, 400))
    known = [reading for reading in readings if isinstance(reading, Reading)]
    if not known:
        return Energy(None, reason="no run reached the target")
    joules = sum(reading.value for reading in known)
    return Energy(
        joules / len(known),
        source=printable(known[0].channel.source, 200),
        uncertainty=sum(reading.uncertainty * reading.value for reading in known) / joules,
        stated=all(reading.stated for reading in known),
        rate_hz=min(reading.rate_hz for reading in known),
        coverage=min(reading.coverage for reading in known),
    )


def _of(run: Run) -> Reading | NotMeasured:
    region_ = timed(run)
    if region_ is None or run.observation is None:
        return NotMeasured("energy", "the machine was not observed")
    return total(energy(run.observation.model, *region_))
