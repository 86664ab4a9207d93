"""How long a whole review takes, beside the official tools on a part of the same round: prints ratios from one run.

.venv/bin/python tests/benchmarks/review_round.py [organisation …]
"""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

import msgspec

from checker.families.mlperf_training.reading import TOKEN
from checker.families.mlperf_training.review import review
from tests.corpus.rounds import unpacked
from tests.differential import oracle

ROUND = "mlperf-training/5.1"
PART = ("ASUSTeK", "Krai", "Lambda")


def megabytes(root: Path) -> float:
    return sum(path.stat().st_size for path in root.rglob("result_*.txt")) / 1e6


def timed(what: str, root: Path, act: object) -> tuple[float, float]:
    """Return the seconds that pass, and those of processors, of other processes too once they have ended."""
    assert callable(act)
    start, before = time.perf_counter(), processors()
    act()
    took, spent = time.perf_counter() - start, processors() - before
    print(f"{what:58} {took:8.2f} s {megabytes(root) / took:9.1f} MB/s {spent:8.2f} s of processors")
    return took, spent


def processors() -> float:
    return sum(os.times()[:4])


def official(root: Path) -> None:
    oracle.package(root, "training", "5.1.0")
    oracle.table(root, "training", "5.1.0")


def decoded(root: Path) -> None:
    """Decode every record and do nothing with it: the floor of any review."""
    decode = msgspec.json.Decoder().decode
    for path in root.rglob("result_*.txt"):
        for line in path.read_bytes().split(b"\n"):
            if TOKEN in line:
                decode(line.rpartition(TOKEN)[2])


def main() -> None:
    root = unpacked("training_v5.1")
    review(root / PART[0], ROUND)  # imports, rules, file cache
    _, whole = timed("whole round, everything, 2 processes", root, lambda: review(root, ROUND))
    timed("whole round, everything, 1 process", root, lambda: review(root, ROUND, jobs=1))
    _, floor = timed("whole round, only decoding its records, 1 process", root, lambda: decoded(root))
    print(f"{'whole review / mere decoding, of processors':58} {whole / floor:8.2f}")
    for name in sys.argv[1:] or PART:
        part = root / name
        theirs, _ = timed(f"{name}: official package checker and summariser", part, lambda part=part: official(part))
        ours, _ = timed(f"{name}: ours", part, lambda part=part: review(part, ROUND))
        print(f"{'official / ours':58} {theirs / ours:8.1f}")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{'peak memory: this process, largest child':58} {own / 1024:.0f} MB, {child / 1024:.0f} MB")


if __name__ == "__main__":
    main()
