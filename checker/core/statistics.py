"""The statistics of the rules: olympic mean, and the one-sided test that a result does not converge too fast.

Student's t is computed here from the regularised incomplete beta function, so that a reviewer needs no scipy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev


def olympic_mean(values: Sequence[float], drop: int = 1) -> float:
    """Return the mean without the `drop` smallest and largest; of all values where fewer than 2·drop + 1 are given.

    Source: MLPerf Training rules, "benchmark results": the fastest and slowest run are dropped.
    """
    kept = sorted(values)[drop:-drop] if len(values) > 2 * drop else list(values)
    return fmean(kept)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) for a, b > 0 and 0 <= x <= 1.

    Continued fraction by Lentz's method; W. H. Press et al., Numerical Recipes, 3rd ed., §6.4, eq. 6.4.5 and 6.4.6;
    NIST DLMF 8.17.22. Relative error about 1e-14.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 1000):
        for top in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + top * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + top / c
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * value


def t_cdf(t: float, freedom: float) -> float:
    """Return P(T <= t) of Student's t with `freedom` degrees of freedom (DLMF 8.17, Abramowitz & Stegun 26.7.1)."""
    square = t * t
    if square < freedom:  # near the middle the tail's complement keeps the digits
        half = incomplete_beta(0.5, freedom / 2, square / (freedom + square)) / 2
        return 0.5 + math.copysign(half, t)
    tail = incomplete_beta(freedom / 2, 0.5, freedom / (freedom + square)) / 2
    return 1 - tail if t > 0 else tail


def t_quantile(p: float, freedom: float) -> float:
    """Return the t with P(T <= t) = `p`, for 0 < p < 1, by bisection to the last digit."""
    if p < 0.5:
        return -t_quantile(1 - p, freedom)
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < p:
        high *= 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if t_cdf(middle, freedom) < p else (low, middle)
    return middle


def fastest_mean(reference: Sequence[float], runs: int, significance: float) -> float:
    """Return the smallest mean of `runs` runs that does not converge faster than the reference runs.

    One-sided two-sample t-test with pooled variance, both samples taken to vary as the reference does, in closed form:
    mean - t(1 - significance, n + runs - 2) · s · sqrt(1/n + 1/runs). The bound depends on the reference alone, so that
    a submitter knows it beforehand and a scattered result gains nothing. Same form as MLCommons' RCP test.
    """
    n = len(reference)
    deviation = stdev(reference)
    margin = t_quantile(1 - significance, n + runs - 2) * deviation * math.sqrt(1 / n + 1 / runs)
    return fmean(reference) - margin
