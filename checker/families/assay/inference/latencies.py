"""The latencies of one LoadGen run, sample by sample, and LoadGen's statistics of them, recomputed to the nanosecond.

`latencies.bin` is LoadGen's trace, reduced (docs/inference.md, "Latencies"). LoadGen ranks samples, in MultiStream
queries, each by its slowest sample; its percentile p of n is the one at place floor(n * p), from 0.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from checker.core.tree import RefusedError, Tree

WIDTH = 32  # bytes of a sample: time since the one before, latency, sample and query, time to the first token
MOST = 4_000_000  # samples of a run that are read
PERCENTILES = ("50.00", "90.00", "95.00", "97.00", "99.00", "99.90")  # as LoadGen names them
LOW, ALL = (1 << 32) - 1, (1 << 64) - 1
CENTURIES = 1 << 62  # nanoseconds


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
    """Read `path` of `tree`; RefusedError where it cannot be read or is not what the harness writes."""
    raw = tree.read(path, tree.limits.document_bytes * 16)
    unpacking = zlib.decompressobj()
    try:
        planes = unpacking.decompress(raw, MOST * WIDTH)
    except zlib.error as error:
        raise RefusedError(f"is not compressed as the harness does: {error}") from None
    if not unpacking.eof or unpacking.unused_data or len(planes) % WIDTH or not planes:
        raise RefusedError(f"is not {WIDTH} bytes for each of at most {MOST:,} samples")
    count = len(planes) // WIDTH
    step, latency, both, first = (_column(planes, count, place) for place in range(4))
    issued = array("Q", accumulate(step, lambda at, later: (at + later) & ALL))
    if max(max(issued), max(latency), max(first)) > CENTURIES:
        raise RefusedError("holds times of centuries")
    sample, query = array("I", (word & LOW for word in both)), array("I", (word >> 32 for word in both))
    return Latencies(issued, latency, sample, query, first)


def _column(planes: bytes, count: int, place: int) -> array[int]:
    """Return one of the columns of 8-byte numbers, stored as planes of their bytes."""
    raw = bytearray(8 * count)
    for plane in range(8):
        start = (8 * place + plane) * count
        raw[plane::8] = planes[start : start + count]
    words = array("Q")
    words.frombytes(raw)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def percentile(ranked: Sequence[int], p: float) -> int:
    """Return LoadGen's percentile `p` (0 to 1, below 1) of sorted values, at least one."""
    return ranked[int(len(ranked) * p)]
