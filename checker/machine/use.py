"""What a result used of its machine: peak memory, utilisation, and how many of its runs were disturbed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from checker.core.documents import Document
from checker.core.findings import Use
from checker.families.assay.rules.limits import cpus
from checker.machine.energy import Observed, timed
from checker.machine.metering import difference, gauge
from checker.machine.steadiness import Disturbance, disturbances
from rules.documents import RunRecord
from rules.ruleset import Steadiness
from rules.serving_documents import ServingRecord


class Recorded(Observed, Protocol):
    """A run with its record."""

    @property
    def record(self) -> Document[RunRecord] | Document[ServingRecord] | None:
        """Its provenance."""


def processors(run: Recorded) -> int | None:
    """Return how many processors a run's container had; None where it is not known."""
    listed = cpus(run.record.model.container.cpuset) if run.record else None
    return len(listed) if listed else None


def use_of(runs: Sequence[Recorded], bears: Steadiness | None) -> Use:
    """Return what `runs` used; what counts as a disturbance is the round's."""
    peaks = [run.record.model.memory.peak_bytes for run in runs if run.record and run.record.model.memory]
    seen = [run for run in runs if run.observation is not None]
    on_accelerators = _means(seen, accelerators=True)
    means = on_accelerators or _means(seen, accelerators=False)
    return Use(
        memory_bytes=max(peaks, default=None),
        accelerator_memory_bytes=max(_memory(seen), default=None),
        utilisation=sum(means) / len(means) if means else None,
        utilised=("accelerators" if on_accelerators else "processors") if means else "",
        disturbed=sum(bool(disturbed(run, bears)) for run in seen),
        unobserved=len(runs) - len(seen),
    )


def _means(runs: Iterable[Recorded], *, accelerators: bool) -> list[float]:
    """Return a mean utilisation for every accelerator, or container's processors, of every run."""
    found = []
    for run in runs:
        at, count = timed(run), processors(run)
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


def _memory(runs: Iterable[Recorded]) -> list[int]:
    """Return the peak of every accelerator's memory in every run."""
    found = []
    for run in runs:
        at = timed(run)
        for channel in run.observation.model.channels if run.observation and at else ():
            if channel.quantity == "memory" and run.observation and at:
                peak = gauge(run.observation.model, channel, at.start_s, at.stop_s, peak=True)
                found += [] if peak is None else [int(peak.value)]
    return found


def disturbed(run: Recorded, bears: Steadiness | None) -> list[Disturbance]:
    """Return what disturbed the machine while the clock ran, as far as it is known."""
    at, count = timed(run), processors(run)
    if bears is None or run.observation is None or at is None or count is None:
        return []
    return list(disturbances(run.observation.model, at.start_s, at.stop_s, count, bears))
