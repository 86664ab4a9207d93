"""Reference convergence points (RCP): whether a submission converged suspiciously fast for its batch size.

The official test: a submission's olympic mean of where its runs converged must not lie below the least mean that a
one-sided two-sample t-test at 5 % would still accept as drawn from the reference runs. Passing, but below the reference
mean, its score is scaled by the ratio. Sums are taken in the order NumPy takes them, and the threshold by the official
tool's bisection, so that its numbers come out to the last digit; the p-value needs only a quantile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

from checker.core.statistics import t_quantile
from rules.training import package_rules, references

TOLERANCE = 1e-4  # width at which the official bisection stops
_quantile = cache(t_quantile)


@dataclass(frozen=True)
class ReferencePoint:
    """Reference runs at one batch size, measured or interpolated, and the mean a submission must not fall below."""

    batch_size: float
    mean: float
    deviation: float
    least: float  # least acceptable mean
    interpolated: bool = False


@dataclass(frozen=True)
class Decision:
    """The official outcome for one results folder."""

    passed: bool
    message: str
    normalisation: float = 1.0  # what the score is multiplied by
    mean: float | None = None  # olympic mean of the submission
    reference: ReferencePoint | None = None
    threshold: float | None = None

    @property
    def scaling(self) -> float | None:
        """The factor the official tool writes to scaling.json; None where it writes none."""
        if not self.passed or self.reference is None or self.mean is None or self.threshold is None:
            return None
        return self.normalisation if self.threshold <= self.mean < self.reference.mean else None


def total(values: Sequence[float]) -> float:
    """Return the sum in NumPy's order: eight interleaved partial sums up to 128 values, halves beyond."""
    count = len(values)
    if count < 8:
        result = 0.0
        for value in values:
            result += value
        return result
    if count <= 128:
        parts = [float(value) for value in values[:8]]
        whole = count - count % 8
        for at in range(8, whole, 8):
            for lane in range(8):
                parts[lane] += values[at + lane]
        result = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]))
        for value in values[whole:]:
            result += value
        return result
    half = count // 2 - count // 2 % 8
    return total(values[:half]) + total(values[half:])


def mean_of(values: Sequence[float]) -> float:
    """Return the mean; NaN of nothing."""
    return total(values) / len(values) if values else math.nan


def olympic(values: Sequence[float], trimmed: int) -> float:
    """Return the mean without the `trimmed` lowest and highest; NaN where nothing is left."""
    return mean_of(sorted(values)[trimmed : len(values) - trimmed])


def deviation_of(values: Sequence[float]) -> float:
    """Return the population standard deviation."""
    middle = mean_of(values)
    return math.sqrt(mean_of([(value - middle) * (value - middle) for value in values]))


def least_mean(mean: float, deviation: float, runs: int, of_reference: int, significance: float) -> float:
    """Return the least mean of `runs` - 2 counted runs that the t-test accepts, by the official bisection."""
    if deviation == 0:
        return mean
    counted = runs - 2
    freedom = of_reference + counted - 2
    pooled = math.sqrt(((of_reference - 1) * deviation**2 + (counted - 1) * deviation**2) / freedom)
    limit = mean - _quantile(1 - significance, freedom) * pooled * math.sqrt(1 / of_reference + 1 / counted)
    low, high = 0.0, mean
    middle = (low + high) / 2
    while high - low > TOLERANCE:
        if middle > limit:
            high = middle
        else:
            low = middle
        middle = (low + high) / 2
    return middle


@dataclass(frozen=True)
class ReferenceSet:
    """All reference points of one benchmark in one round."""

    benchmark: str
    runs: int
    trimmed: int
    significance: float
    leniency: float
    points: tuple[ReferencePoint, ...]  # by batch size

    def between(self, batch_size: float, low: ReferencePoint, high: ReferencePoint) -> ReferencePoint:
        """Return the point interpolated linearly, in mean and deviation, between two others."""
        mean = _line(batch_size, low.batch_size, high.batch_size, low.mean, high.mean)
        deviation = _line(batch_size, low.batch_size, high.batch_size, low.deviation, high.deviation)
        least = least_mean(mean, deviation, self.runs, 2 * self.runs, self.significance)
        return ReferencePoint(batch_size, mean, deviation, least, interpolated=True)

    @cached_property
    def counted(self) -> tuple[ReferencePoint, ...]:
        """The points that are not pruned: none smaller than the fastest, none slower than its neighbours say."""
        fastest = min(self.points, key=lambda point: point.mean)
        kept = [point for point in self.points if point.batch_size >= fastest.batch_size]
        at = 1
        while at < len(kept) - 1:
            low, point, high = kept[at - 1 : at + 2]
            if point.mean > _line(point.batch_size, low.batch_size, high.batch_size, low.mean, high.mean):
                del kept[at]
                at -= 1
            at += 1
        return tuple(kept)

    def decide(self, batch_size: float, converged: Sequence[float], bypass: bool = False) -> Decision:
        """Judge where a submission's runs converged; runs that did not are in `converged` with 1e9."""
        decision = self._decide(batch_size, converged)
        missing = f"Missing RCP, please submit RCP with BS = {batch_size}"
        if bypass and not decision.passed and decision.message in ("RCP found", "RCP Interpolation", missing):
            return replace(decision, passed=True, message=f"{decision.message} passed using rcp_bypass")
        return decision

    def _decide(self, batch_size: float, converged: Sequence[float]) -> Decision:
        points = self.counted
        missing = f"Missing RCP, please submit RCP with BS = {batch_size}"
        same = next((point for point in points if point.batch_size == batch_size), None)
        if same is not None:
            return self._compare(same, converged, "RCP found", "RCP found")
        lower = [point for point in points if point.batch_size < batch_size and point.batch_size > 0]
        upper = [point for point in points if batch_size < point.batch_size < 1e9]
        if lower and upper:
            low = max(lower, key=lambda point: point.batch_size)
            high = min(upper, key=lambda point: point.batch_size)
            interpolated = self.between(batch_size, low, high)
            return self._compare(interpolated, converged, "RCP Interpolation", "RCP Interpolation")
        if lower:
            return Decision(False, missing)
        if upper:
            smallest = min(points, key=lambda point: point.batch_size)
            slower = "RCP not found but slower convergence on smaller batch size"
            return self._compare(smallest, converged, slower, missing)
        return Decision(False, "Cannot find any RCPs")

    def _compare(self, point: ReferencePoint, converged: Sequence[float], passed: str, failed: str) -> Decision:
        mean = olympic(converged, self.trimmed)
        speedup = point.mean / (point.least - self.leniency)
        threshold = point.mean / speedup
        ratio = point.mean / mean if mean else math.copysign(math.inf, point.mean * math.copysign(1, mean))
        good = mean >= threshold
        return Decision(good, passed if good else failed, 1.0 if ratio < 1 else ratio, mean, point, threshold)


def _line(x: float, x0: float, x1: float, y0: float, y1: float) -> float:
    return (y1 - y0) / (x1 - x0) * (x - x0) + y0


@cache
def reference_set(round_name: str, benchmark: str) -> ReferenceSet | None:
    """Return the reference points of a benchmark with their statistics; None where the round has none."""
    given = references(round_name, benchmark)
    if given is None:
        return None
    fixed = package_rules(round_name)
    trimmed, runs = fixed.trimmed(given.benchmark), fixed.runs[benchmark]
    points = []
    for point in given.points:
        values = sorted(point.converged_at)
        mean, deviation = olympic(values, trimmed), deviation_of(values)
        least = least_mean(mean, deviation, runs, len(values) - 2 * trimmed, fixed.significance)
        points.append(ReferencePoint(point.batch_size, mean, deviation, least))
    points.sort(key=lambda point: point.batch_size)
    leniency = fixed.leniency.get(benchmark, 0)
    return ReferenceSet(given.benchmark, runs, trimmed, fixed.significance, leniency, tuple(points))
