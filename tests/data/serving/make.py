"""Make `WORKLOAD.tar.xz` anew: `python tests/data/serving/make.py FOLDER WORKLOAD`, on a quiet machine, 3 minutes.

FOLDER, new, gets a real closed result of the workload, made by `assay run` under the round's rules but for shorter
runs and, since these are noisy, wider bounds of the compliance runs. Both are packed.
"""

from __future__ import annotations

import lzma
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

import yaml

import rules.round
from suite.inference.procedure import Inference
from suite.result.produce import produce
from suite.result.request import Request

ROUND = "assay-inference/1.0"
SCENARIOS: dict[str, dict[str, dict[str, Any]]] = {
    "image-classification": {
        "SingleStream": {"min_duration_ms": 1500, "min_query_count": 1024, "percentile": 0.9},
        "Server": {"min_duration_ms": 1500, "min_query_count": 512, "percentile": 0.99, "target_latency_ms": 60},
        "Offline": {"min_duration_ms": 50, "min_query_count": 1, "samples_per_query": 4096},
    },
    "sentence-embedding": {"SingleStream": {"min_duration_ms": 1500, "min_query_count": 512, "percentile": 0.9}},
}


def shorter(root: Path, name: str) -> list[Path]:
    """Copy the round to `root` with shorter runs of a workload; return the files that differ."""
    shutil.copytree(rules.round.ROOT / ROUND, root / ROUND)
    workload, compliance = root / ROUND / f"workloads/{name}.yaml", root / ROUND / "compliance.yaml"
    known = yaml.safe_load(workload.read_text())
    workload.write_text(yaml.safe_dump(known | {"scenarios": SCENARIOS[name]}))
    asked = yaml.safe_load(compliance.read_text())
    asked["TEST01"]["target"] = 512
    asked["performance"] |= {"within": 0.85, "within_of_slow": 0.85}
    asked["seeds"] |= {"share": 0.6, "queued_times": 10}
    compliance.write_text(yaml.safe_dump(asked))
    return [workload, compliance]


def main(folder: Path, workload: str) -> None:
    """Measure and pack."""
    changed = shorter(folder / "rules", workload)
    rules.round.ROOT = folder / "rules"
    # So short a run is noisy: with far less load than the system bears, and room for far more queries than expected,
    # it is valid at one of the first attempts.
    thresholds = rules.round.ROOT / ROUND / "thresholds.yaml"
    thresholds.write_text(thresholds.read_text().replace("slower: 0.9", "slower: 0.3").replace("1.15", "2.0"))
    request = Request(
        workload=workload,
        framework="onnxruntime",
        target="cpu",
        division="closed",
        submitter="acme",
        runs=None,
        settings=[],
        threads=None,
        memory_mib=None,
        data=None,
        system_file=None,
        output=folder / "submissions",
        resume=False,
        discard=False,
        replace=False,
        scenario="all",
    )
    if not produce(Inference, request, print):
        raise SystemExit("the result has findings: make it again when the machine is quiet")
    pack(folder, workload, changed)


def pack(folder: Path, workload: str, changed: list[Path]) -> None:
    """Pack the submission and the rule files that differ."""
    there = Path(__file__).with_name(f"{workload}.tar.xz")
    with lzma.open(there, "wb", preset=9) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted((folder / "submissions/inference").rglob("*")):
            if path.is_file():
                tar.add(path, path.relative_to(folder))
        for path in changed:
            tar.add(path, path.relative_to(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
