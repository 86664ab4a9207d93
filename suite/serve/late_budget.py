"""How many queries of a Server probe may be late: what LoadGen's early stopping leaves a run, in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def tolerated(run: int, known: Sequence[Sequence[int]], late: int, least: int) -> tuple[int, float]:
    """Return how many queries a probe has, and the percentile that must keep its bound in it.

    `run` is how many queries the run has that the probe stands for; `known` are pairs, of a number of queries and how
    many of these may be late, in rising order; `late` is how many may be late in the probe, where so many may in the
    run; `least` is how many queries the probe's duration brings. LoadGen's percentile p of n latencies is the one at
    floor(n p) of the sorted ones, from 0.
    """
    queries, allowed = [known[0], *(pair for pair in known if pair[0] <= run)][-1]
    shows = ceil(late * queries / allowed) if allowed > late else queries
    count = min(run, max(shows, least))
    return count, (count - count * allowed // queries - 0.5) / count
