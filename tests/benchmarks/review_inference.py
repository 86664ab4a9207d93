"""How long the review of the published Inference round takes beside MLCommons' modular checker: prints the ratio.

Both run as programs of their own, in turn, over the same files; ours is everything `assay check` does, findings and
table included. Memory is the largest of our processes.

.venv/bin/python tests/benchmarks/review_inference.py [rounds]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.corpus.rounds import unpacked
from tests.differential.inference_oracle import BESIDE

ROUND = "mlperf-inference/5.1"
OURS = """
import resource, sys
from pathlib import Path
from checker.families.mlperf_inference.review import review
found = review(Path(sys.argv[1]), sys.argv[2])
results = [item for item in found.items if item.kind == "result"]
kb = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(f"{len(results)} results, {sum(i.official_verdict == 'pass' for i in results)} officially valid; {kb // 1024} MB")
"""


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    took = time.perf_counter() - start
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    return took, done.stdout


def main() -> None:
    root, project = unpacked("inference_v5.1"), Path(__file__).parents[2]
    tool = Path(os.environ.get("ASSAY_INFERENCE_ORACLE", BESIDE)) / "tools" / "submission"
    logs = sum(path.stat().st_size for path in root.rglob("mlperf_log_detail.txt")) / 1e6
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    ours, theirs = list[float](), list[float]()
    for _ in range(rounds):
        took, said = timed([sys.executable, "-c", OURS, str(root), ROUND], project)
        ours.append(took)
        print(f"ours      {took:7.2f} s   {logs / took:6.0f} MB/s of detail logs   {said.strip()}")
        with tempfile.TemporaryDirectory() as folder:
            table = str(Path(folder) / "summary.csv")
            command = [sys.executable, "-m", "submission_checker.main", "--input", str(root), "--version", "v5.1"]
            took, _ = timed([*command, "--skip-extra-accuracy-files-check", "--csv", table], tool)
        theirs.append(took)
        print(f"official  {took:7.2f} s")
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"official / ours, medians of {rounds}, imports included: {ratio:.1f}")


if __name__ == "__main__":
    main()
