"""LoadGen's trace, reduced to what every latency statistic follows from: 24 bytes a sample instead of some 700.

LoadGen prints percentiles; the trace alone has the latencies they are of, to the nanosecond. What it holds and what is
made of it is told in docs/inference.md, "Latencies".
"""

from __future__ import annotations

import re
import sys
from array import array
from pathlib import Path

MARK = b'{"name":"Sample","cat":"default","ph":"b"'
SAMPLE = re.compile(
    rb'"ts":(\d+)\.(\d{3}),"args":\{"sample_seq":(\d+),"query_seq":(\d+),"sample_idx":(\d+),'
    rb'"issue_start_ns":-?\d+,"complete_ns":(\d+)\}'
)


def reduce(trace: Path, latencies: Path) -> int:
    """Write `latencies` from LoadGen's `trace` and empty that; return the number of samples.

    Raises ValueError where a sample's line is not as LoadGen 6 writes it.
    """
    rows = []
    with trace.open("rb") as file:
        for line in file:
            if line.startswith(MARK):
                found = SAMPLE.search(line)
                if found is None:
                    raise ValueError(f"LoadGen's trace has a sample of an unknown form: {line[:200]!r}")
                micro, nano, sample, query, index, latency = map(int, found.groups())
                rows.append((sample, micro * 1000 + nano, latency, index, query))
    rows.sort()
    first = min((at for _, at, *_ in rows), default=0)
    table = array("Q")
    for _, at, latency, index, query in rows:
        table.extend((at - first, latency, index | query << 32))
    if sys.byteorder == "big":
        table.byteswap()
    latencies.write_bytes(table.tobytes())
    trace.write_bytes(b"")
    return len(rows)
