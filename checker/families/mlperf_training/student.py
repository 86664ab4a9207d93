"""Student's t distribution, as far as the convergence test needs it: no statistics package for one quantile."""

from __future__ import annotations

import math
from functools import cache


@cache
def quantile(probability: float, freedom: int) -> float:
    """Return t such that P(T <= t) = `probability` (0.6 to 0.999) for `freedom` degrees of freedom."""
    low, high = 0.0, 1.0
    while distribution(high, freedom) < probability:
        high *= 2
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if distribution(middle, freedom) < probability:
            low = middle
        else:
            high = middle


def distribution(t: float, freedom: int) -> float:
    """Return P(T <= t): 1 - I(v / (v + t^2); v/2, 1/2) / 2 for t >= 0 (DLMF 8.17)."""
    tail = incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
    return 1 - tail if t >= 0 else tail


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I(x; a, b) by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast only below the mean
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    numerator, denominator = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = denominator
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            denominator = 1 / (1 + step * denominator)
            numerator = 1 + step / numerator
            value *= numerator * denominator
        if abs(numerator * denominator - 1) < 1e-16:
            break
    return front * value / a
