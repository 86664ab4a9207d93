"""How sure a result's mean is, and whether two results differ by more than their runs scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev

from checker.statistics import t_cdf, t_quantile

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """Single values in the order of the runs, their mean, and Student's t interval around it; None where undefined."""

    values: tuple[float, ...]
    mean: float | None
    low: float | None
    high: float | None
    deviation: float | None  # of the sample, n - 1

    @property
    def percent(self) -> float | None:
        """Return the standard deviation as a share of the mean, in percent."""
        return 100 * self.deviation / self.mean if self.deviation is not None and self.mean else None


@dataclass(frozen=True)
class Difference:
    """How much longer the slower of two results took, the interval of that, the corrected p; None: not testable."""

    slower: str
    faster: str
    seconds: float | None = None
    low: float | None = None
    high: float | None = None
    ratio: float | None = None
    probability: float | None = None


def spread(values: Sequence[float]) -> Spread:
    """Return mean, interval mean ± t(0.975, n - 1) · s / √n, and standard deviation of `values`."""
    if len(values) < 2:
        return Spread(tuple(values), values[0] if values else None, None, None, None)
    mean, deviation = fmean(values), stdev(values)
    half = t_quantile(1 - (1 - CONFIDENCE) / 2, len(values) - 1) * deviation / math.sqrt(len(values))
    return Spread(tuple(values), mean, mean - half, mean + half, deviation)


def differences(named: Sequence[tuple[str, Spread]]) -> list[Difference]:
    """Compare every pair by Welch's t test; p values are corrected after Holm for all pairs together.

    Sources: B. L. Welch, Biometrika 34 (1947) 28-35, with Satterthwaite's degrees of freedom; S. Holm, Scandinavian
    Journal of Statistics 6 (1979) 65-70. The intervals are of each pair by itself.
    """
    pairs = [_welch(a, b) for a, b in combinations(named, 2)]
    tested = sorted((p for p in pairs if p.probability is not None), key=lambda p: p.probability or 0.0)
    corrected: dict[Difference, float] = {}
    least = 0.0
    for rank, pair in enumerate(tested):
        least = max(least, min(1.0, (len(tested) - rank) * (pair.probability or 0.0)))
        corrected[pair] = least
    return [Difference(**{**vars(pair), "probability": corrected.get(pair)}) for pair in pairs]


def _welch(a: tuple[str, Spread], b: tuple[str, Spread]) -> Difference:
    (fast, f), (slow, s) = sorted((a, b), key=lambda one: one[1].mean or 0.0)
    if len(f.values) < 2 or len(s.values) < 2:
        return Difference(a[0], b[0])
    gap = fmean(s.values) - fmean(f.values)
    ratio = fmean(s.values) / fmean(f.values) if fmean(f.values) else None
    parts = [stdev(one.values) ** 2 / len(one.values) for one in (s, f)]
    variance = sum(parts)
    if variance == 0:
        return Difference(slow, fast, gap, gap, gap, ratio, 1.0 if gap == 0 else 0.0)
    freedom = variance**2 / sum(p**2 / (len(o.values) - 1) for p, o in zip(parts, (s, f), strict=True))
    error = math.sqrt(variance)
    half = t_quantile(1 - (1 - CONFIDENCE) / 2, freedom) * error
    return Difference(slow, fast, gap, gap - half, gap + half, ratio, 2 * (1 - t_cdf(gap / error, freedom)))
