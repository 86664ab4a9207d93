"""The latencies of one LoadGen run, sample by sample, and LoadGen's statistics of them, recomputed to the nanosecond.

`latencies.bin` is LoadGen's trace, reduced (docs/inference.md, "Latencies"). LoadGen ranks samples, in MultiStream
queries, each by its slowest sample; its percentile p of n is the one at place floor(n * p), from 0.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from checker.tree import RefusedError, Tree

WIDTH = 4  # 8-byte words of a sample: time of issue, latency, sample and query, time to the first token
PERCENTILES = ("50.00", "90.00", "95.00", "97.00", "99.00", "99.90")  # as LoadGen names them
LOW = (1 << 32) - 1


@dataclass(frozen=True)
class Latencies:
    """One value per sample, in LoadGen's order of samples; all times in nanoseconds."""

    issued: array[int]  # since the first sample was
    latency: array[int]
    sample: array[int]  # index in the data set
    query: array[int]
    first_token: array[int]  # 0 where LoadGen does not trace it

    def __len__(self) -> int:
        return len(self.latency)

    @cached_property
    def ranked(self) -> list[int]:
        """Latencies of samples, sorted."""
        return sorted(self.latency)

    @cached_property
    def queries(self) -> list[int]:
        """Latencies of queries, sorted: each that of its slowest sample."""
        slowest: dict[int, int] = {}
        for query, latency in zip(self.query, self.latency, strict=True):
            if latency > slowest.get(query, -1):
                slowest[query] = latency
        return sorted(slowest.values())

    @cached_property
    def last_issued_s(self) -> float:
        """When the last query was issued (in Server: scheduled), in seconds after the first."""
        return max(self.issued, default=0) / 1e9

    @cached_property
    def last_done_s(self) -> float:
        """When the last query was done, in seconds after the first was issued."""
        last = max(self.query, default=0)
        ends = (at + took for at, took, q in zip(self.issued, self.latency, self.query, strict=True) if q == last)
        return max(ends, default=0) / 1e9


def read_latencies(tree: Tree, path: str) -> Latencies:
    """Read `path` of `tree`; RefusedError where it cannot be read or is no whole number of samples."""
    raw = tree.read(path, tree.limits.log_bytes)
    if len(raw) % (8 * WIDTH) or not raw:
        raise RefusedError(f"has {len(raw):,} bytes, which is not {8 * WIDTH} for each of some samples")
    words = array("Q")
    words.frombytes(raw)
    if sys.byteorder == "big":
        words.byteswap()
    if max(words) >> 63:
        raise RefusedError("holds times of centuries")
    both = words[2::WIDTH]
    sample, query = array("I", (word & LOW for word in both)), array("I", (word >> 32 for word in both))
    return Latencies(words[::WIDTH], words[1::WIDTH], sample, query, words[3::WIDTH])


def percentile(ranked: Sequence[int], p: float) -> int:
    """Return LoadGen's percentile `p` (0 to 1, below 1) of sorted values, at least one."""
    return ranked[int(len(ranked) * p)]
