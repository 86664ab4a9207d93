"""LoadGen's trace, reduced to what every latency statistic follows from: some five bytes a sample instead of 700.

LoadGen prints percentiles; the trace alone has the latencies they are of, to the nanosecond. What it holds and what is
made of it is told in docs/inference.md, "Latencies".
"""

from __future__ import annotations

import re
import sys
import zlib
from array import array
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

SAMPLE = b'{"name":"Sample","cat":"default","ph":"b"'
COMPLETE = re.compile(
    rb'"ts":(\d+)\.(\d{3}),"args":\{"sample_seq":(\d+),"query_seq":(\d+),"sample_idx":(\d+),'
    rb'"issue_start_ns":-?\d+,"complete_ns":(\d+)\}'
)
TOKEN = b'{"name":"Token_Latency"'  # LoadGen traces it in Server only, and names no sample: times tell which
STEP = re.compile(rb'\{"name":"(GenerateLoadableSets|GenerateQueries)",.*"ts":(\d+)\.(\d{3}),"dur":(\d+)\.(\d{3})')
FIRST = re.compile(rb'"ts":(\d+)\.(\d{3}),"args":\{ "issue_delay":(\d+),"issue_to_done":(\d+)\}')


def reduce(trace: Path, latencies: Path) -> float:
    """Write `latencies` from LoadGen's `trace` and empty that; return the seconds that loading the samples took.

    LoadGen loads them between choosing which and making queries of them, outside the clock; the trace times those two.
    Raises ValueError where a line is not as LoadGen 6 writes it.
    """
    rows, first_tokens = [], {}
    steps: dict[bytes, tuple[int, int]] = {}
    with trace.open("rb") as file:
        for line in file:
            if line.startswith(SAMPLE):
                micro, nano, sample, query, index, latency = _numbers(COMPLETE, line)
                rows.append((sample, micro * 1000 + nano, latency, index, query))
            elif line.startswith(TOKEN):
                micro, nano, delay, done = _numbers(FIRST, line)
                first_tokens[micro * 1000 + nano] = delay + done
            elif not rows and (step := STEP.match(line)):
                at, took = (int(step[part] + step[part + 1]) for part in (2, 4))
                steps.setdefault(step[1], (at, at + took))
    rows.sort()
    began = min((at for _, at, *_ in rows), default=0)
    issued = [began, *(at for _, at, *_ in rows)]
    columns = (
        [now - before for before, now in pairwise(issued)],
        [latency for _, _, latency, _, _ in rows],
        [index | query << 32 for *_, index, query in rows],
        [first_tokens.get(at, 0) for _, at, *_ in rows],
    )
    latencies.write_bytes(packed(columns))
    trace.write_bytes(b"")
    chosen, queries = steps.get(b"GenerateLoadableSets"), steps.get(b"GenerateQueries")
    if chosen is None or queries is None:
        raise ValueError("LoadGen's trace does not say when samples were loaded")
    return (queries[0] - chosen[1]) / 1e9


def packed(columns: Iterable[list[int]]) -> bytes:
    """Return columns of numbers as `latencies.bin` holds them."""
    return zlib.compress(b"".join(map(_planes, columns)))


def _planes(column: list[int]) -> bytes:
    """Return 8-byte numbers as eight planes of bytes, the least significant first: alike bytes stand together."""
    words = array("Q", column)
    if sys.byteorder == "big":
        words.byteswap()
    return b"".join(words.tobytes()[plane::8] for plane in range(8))


def _numbers(form: re.Pattern[bytes], line: bytes) -> tuple[int, ...]:
    found = form.search(line)
    if found is None:
        raise ValueError(f"LoadGen's trace has a line of an unknown form: {line[:200]!r}")
    return tuple(map(int, found.groups()))
