"""What a result used of its machine: peak memory, utilisation, and how many of its runs were disturbed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from checker.core.findings import Use
from checker.machine.energy import MeteredRun, timed
from checker.machine.metering import difference, gauge
from checker.machine.steadiness import Disturbance, disturbances
from rules.ruleset import Steadiness

RANGE = re.compile(r"(0|[1-9]\d{0,4})(?:-(0|[1-9]\d{0,4}))?", re.ASCII)


def cpus(text: str) -> set[int] | None:
    """Return the processors of a list in the kernel's format (`0-2,5`); None where it is none."""
    found: set[int] = set()
    if len(text) > 4096:
        return None
    for part in text.split(","):
        match = RANGE.fullmatch(part)
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            return None
        found.update(range(first, last + 1))
    return found


def use_of(runs: Sequence[MeteredRun], tolerates: Steadiness | None) -> Use:
    """Return what `runs` used; what counts as a disturbance is the round's."""
    peaks = [run.peak_bytes for run in runs if run.peak_bytes is not None]
    seen = [run for run in runs if run.observation is not None]
    on_accelerators = _means(seen, accelerators=True)
    means = on_accelerators or _means(seen, accelerators=False)
    return Use(
        memory_bytes=max(peaks, default=None),
        accelerator_memory_bytes=max(_memory(seen), default=None),
        utilisation=sum(means) / len(means) if means else None,
        utilised=("accelerators" if on_accelerators else "processors") if means else "",
        runs=len(runs),
        disturbed=sum(bool(disturbed(run, tolerates)) for run in seen),
        unobserved=len(runs) - len(seen),
    )


def _means(runs: Iterable[MeteredRun], *, accelerators: bool) -> list[float]:
    """Return a mean utilisation for every accelerator, or container's processors, of every run."""
    found = []
    for run in runs:
        at, count = timed(run), len(cpus(run.cpuset) or ())
        if at is None or run.observation is None:
            continue
        for channel in run.observation.model.channels:
            if accelerators and channel.quantity == "utilisation":
                mean = gauge(run.observation.model, channel, at.start_s, at.stop_s, peak=False)
                found += [] if mean is None else [mean.value]
            elif not accelerators and channel.quantity == "busy" and count:
                grown = difference(run.observation.model, channel, at.start_s, at.stop_s)
                found += [] if grown is None else [grown / at.seconds / count]
    return [min(1.0, max(0.0, one)) for one in found]


def _memory(runs: Iterable[MeteredRun]) -> list[int]:
    """Return the peak of every accelerator's memory in every run."""
    found = []
    for run in runs:
        at = timed(run)
        for channel in run.observation.model.channels if run.observation and at else ():
            if channel.quantity == "memory" and run.observation and at:
                peak = gauge(run.observation.model, channel, at.start_s, at.stop_s, peak=True)
                found += [] if peak is None else [int(peak.value)]
    return found


def disturbed(run: MeteredRun, tolerates: Steadiness | None) -> list[Disturbance]:
    """Return what disturbed the machine while the clock ran, as far as it is known."""
    at, count = timed(run), len(cpus(run.cpuset) or ())
    if tolerates is None or run.observation is None or at is None or not count:
        return []
    return list(disturbances(run.observation.model, at.start_s, at.stop_s, count, tolerates))
