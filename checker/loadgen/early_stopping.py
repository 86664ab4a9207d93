"""LoadGen's early stopping, recomputed: which latency a run of n queries can vouch for with 99 % confidence.

With t queries over the bound and h under it, the regularised incomplete beta function I(p; h, t + 1) must be at most
1 - c. That is the probability of at most t failures in h + t Bernoulli trials of success p, summed here term by term
(MLPerf Inference rules, "early stopping"; c = 0.99).
"""

from __future__ import annotations

from functools import cache
from math import ceil, exp, lgamma, log, log1p

CONFIDENCE = 0.99
NEGLIGIBLE = 1e-17  # of the sum so far: terms fall ever faster below the largest


def at_most(failures: int, trials: int, p: float) -> float:
    """Return the probability of at most `failures` failures in `trials` trials that succeed with probability `p`."""
    if failures >= trials:
        return 1.0
    fail = 1 - p
    if failures > trials * fail:  # beyond the mean the other tail is short
        return 1.0 - _upward(failures + 1, trials, p)
    total, term = 0.0, exp(_log_probability(failures, trials, p))
    for count in range(failures, -1, -1):
        total += term
        if term < total * NEGLIGIBLE:
            break
        term *= count * p / ((trials - count + 1) * fail)
    return total


def _upward(failures: int, trials: int, p: float) -> float:
    """Return the probability of at least `failures` failures, more than their mean."""
    total, term = 0.0, exp(_log_probability(failures, trials, p))
    for count in range(failures, trials + 1):
        total += term
        if term < total * NEGLIGIBLE:
            break
        term *= (trials - count) * (1 - p) / ((count + 1) * p)
    return total


def _log_probability(failures: int, trials: int, p: float) -> float:
    choose = lgamma(trials + 1) - lgamma(failures + 1) - lgamma(trials - failures + 1)
    return choose + failures * log1p(-p) + (trials - failures) * log(p)


def met(over: int, queries: int, p: float) -> bool:
    """Return whether `queries`, `over` of them over the bound, vouch for percentile `p` being under it."""
    return at_most(over, queries, p) <= 1 - CONFIDENCE


@cache
def least_queries(p: float) -> int:
    """Return how many queries LoadGen needs before it estimates percentile `p` at all."""
    count = ceil(log(1 - CONFIDENCE) / log(p))
    while not met(1, count, p):
        count += 1
    return count


def place(queries: int, p: float) -> int | None:
    """Return which of the slowest queries, from 1, the estimate of percentile `p` is; None where they are too few."""
    if queries < least_queries(p):
        return None
    low, high = 1, queries  # the most queries that may be over, of so many
    while low < high:
        middle = (low + high + 1) // 2
        if met(middle, queries, p):
            low = middle
        else:
            high = middle - 1
    return low
