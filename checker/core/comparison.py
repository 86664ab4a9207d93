"""How sure a result's mean is, and whether two results differ by more than their runs scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean, stdev, variance

from checker.core.statistics import t_cdf, t_quantile

CONFIDENCE = 0.95
LEVEL = f"{CONFIDENCE * 100:.0f} %"


@dataclass(frozen=True)
class Spread:
    """Single durations in the order of the runs, their mean, and Student's t interval around it; None where undefined.

    The interval is cut at zero: where it would reach below, the runs scatter too much for it to say anything.
    """

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
    """How much longer the slower of two results took on average, the interval of that, and the corrected p value."""

    slower: str
    faster: str
    seconds: float
    low: float
    high: float
    ratio: float | None
    probability: float


def spread(values: Sequence[float]) -> Spread:
    """Return mean, interval mean ± t(0.975, n - 1) · s / √n, and standard deviation of `values`."""
    if len(values) < 2:
        return Spread(tuple(values), values[0] if values else None, None, None, None)
    mean, deviation = fmean(values), stdev(values)
    half = t_quantile(1 - (1 - CONFIDENCE) / 2, len(values) - 1) * deviation / math.sqrt(len(values))
    return Spread(tuple(values), mean, max(0.0, mean - half), mean + half, deviation)


def differences(named: Sequence[tuple[str, Spread]]) -> list[Difference]:
    """Compare every pair by Welch's t test; p values are corrected after Holm for all pairs together.

    Give only results all of whose runs reached the target: the runs that did are a choice of the fast ones.

    Sources: B. L. Welch, Biometrika 34 (1947) 28-35, with Satterthwaite's degrees of freedom; S. Holm, Scandinavian
    Journal of Statistics 6 (1979) 65-70. The intervals are of each pair by itself.
    """
    return corrected(sorted((welch(a, b) for a, b in combinations(named, 2)), key=lambda pair: pair.probability))


def corrected(pairs: Sequence[Difference]) -> list[Difference]:
    """Return comparisons with the p values corrected after Holm for all of them together."""
    found, least = list(pairs), 0.0
    for rank, at in enumerate(sorted(range(len(pairs)), key=lambda at: pairs[at].probability)):
        least = max(least, min(1.0, (len(pairs) - rank) * pairs[at].probability))
        found[at] = replace(pairs[at], probability=least)
    return found


def welch(a: tuple[str, Spread], b: tuple[str, Spread]) -> Difference:
    """Compare two results of at least two values each."""
    (fast, f), (slow, s) = sorted((a, b), key=lambda one: fmean(one[1].values))
    gap = fmean(s.values) - fmean(f.values)
    ratio = fmean(s.values) / fmean(f.values) if fmean(f.values) else None
    parts = [variance(one.values) / len(one.values) for one in (s, f)]
    if sum(parts) == 0:
        return Difference(slow, fast, gap, gap, gap, ratio, 1.0 if gap == 0 else 0.0)
    freedom = sum(parts) ** 2 / sum(p**2 / (len(o.values) - 1) for p, o in zip(parts, (s, f), strict=True))
    error = math.sqrt(sum(parts))
    half = t_quantile(1 - (1 - CONFIDENCE) / 2, freedom) * error
    return Difference(slow, fast, gap, gap - half, gap + half, ratio, 2 * (1 - t_cdf(gap / error, freedom)))
