"""Log compliance of MLPerf Training v5.1, beside MLCommons' own checker and the floor of decoding its JSON at all.

    python tests/benchmarks/bench_training_logs.py CORPUS [--without-official]

CORPUS is the folder of organisations. Two processes each for Assay and the floor, as `assay check` uses; MLCommons'
checker is one process, as it is written. All in one run on this machine; what is printed are seconds and ratios.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from checker.families.mlperf_training.log_verdict import log_judge
from checker.families.mlperf_training.reading import TOKEN, Wanted, read

ROUND = "mlperf-training/5.1"
CHUNK = 4 << 20


def chunks(files: list[Path]) -> list[list[Path]]:
    """Return the files in groups of about equal bytes."""
    found: list[list[Path]] = [[]]
    held = 0
    for file in files:
        found[-1].append(file)
        held += file.stat().st_size
        if held > CHUNK:
            found.append([])
            held = 0
    return found


def judged(files: list[Path]) -> list[str]:
    """Return Assay's official answers on some logs; the strict rules run too."""
    judge = log_judge(ROUND)
    answers = []
    for file in files:
        with file.open("rb") as log:
            answers.append(judge(read(log, Wanted((), judge.keys))).answer)
    return answers


def decoded(files: list[Path]) -> list[str]:
    """Decode the JSON of each line with the token, and do nothing with it."""
    decode = msgspec.json.Decoder().decode
    for file in files:
        for line in file.read_bytes().split(b"\n"):
            at = line.rfind(TOKEN)
            if at >= 0:
                decode(line[at + len(TOKEN) :])
    return []


def official(files: list[Path]) -> Iterator[str]:
    """Yield the official checker's answers."""
    from mlperf_logging.compliance_checker import mlp_compliance

    logging.disable(logging.CRITICAL)
    for file in files:
        checker = mlp_compliance.make_checker("training", "5.1.0", quiet=False, werror=False)
        yield "pass" if checker.check_file(str(file), "training_5.1.0/common.yaml") else "fail"


def timed(work: Callable[[list[Path]], list[str]], files: list[Path]) -> tuple[float, list[str]]:
    """Return the best of three wall times over two processes, their start included, and the answers."""
    best, answers = float("inf"), []
    for _ in range(3):
        start = time.perf_counter()
        with multiprocessing.get_context("fork").Pool(2) as pool:
            answers = [answer for part in pool.imap(work, chunks(files)) for answer in part]
        best = min(best, time.perf_counter() - start)
    return best, answers


def main() -> None:
    """Measure and print."""
    root = Path(sys.argv[1])
    files = sorted(root.rglob("results/*/*/result_*.txt"))
    size = sum(file.stat().st_size for file in files)
    log_judge(ROUND)
    floor, _ = timed(decoded, files)
    ours, answers = timed(judged, files)
    found = {"logs": len(files), "MB": round(size / 1e6), "decoding_s": round(floor, 2), "assay_s": round(ours, 2)}
    found["assay_over_decoding"] = round(ours / floor, 2)
    if "--without-official" not in sys.argv:
        start = time.perf_counter()
        theirs = list(official(files))
        took = time.perf_counter() - start
        found |= {"official_s": round(took, 1), "official_over_assay": round(took / ours, 1)}
        found["answers_equal"] = sum(a == b for a, b in zip(answers, theirs, strict=True))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
