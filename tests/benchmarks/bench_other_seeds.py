"""How often TEST01's, TEST04's and the other seeds' comparisons fail an honest system: all pairs of its runs.

Run as `python -m tests.benchmarks.bench_other_seeds [RUNS] [SECONDS] [RATE]`: RUNS runs each with the round's seeds,
with other seeds, of one sample and with answers logged, in SingleStream, MultiStream, Offline and in Server at RATE
queries a second; image-classification in ONNX Runtime, each run in its container. Prints how many of the pairs fail,
and the largest difference that was seen. On a quiet machine 6 minutes; on any other it shows what being busy does.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checker.core.tree import Tree
from checker.families.assay.inference.compliance import (
    PerformanceTest,
    advantage,
    cached,
    ranked,
    same_performance,
    seeds_alike,
)
from checker.families.assay.inference.latencies import percentile, read_latencies
from rules.compliance import ComplianceRules, compliance_rules
from rules.ruleset import load
from rules.scenarios import Scenario, scenario_named
from rules.serving import loadgen_rules, serving_rules, shipped
from suite.engines.base import SandboxLimits
from suite.engines.docker.connection import connect
from suite.engines.docker.images import DockerImages
from suite.engines.docker.runner import DockerRunner
from suite.images.build import build
from suite.images.matrix import cell
from suite.inference.compliance import told
from suite.inference.loadgen_config import user_conf
from suite.inputs import data, source
from suite.result.job import job_files, run_job

ROUND, WORKLOAD, FRAMEWORK = "assay-inference/1.0", "image-classification", "onnxruntime"
MARK = ":::MLLOG "


class Honest:
    """The real system under test, run as often as asked."""

    def __init__(self, seconds: float) -> None:
        self._rules, self._seconds = serving_rules(ROUND, WORKLOAD), seconds
        self._client = connect()
        self._image = build(DockerImages(self._client), cell(FRAMEWORK, "cpu", suite="inference"), lambda *_: None)
        self._code = source.serving_files(WORKLOAD)
        ours = {name: path for name in self._rules.data if (path := shipped(ROUND, name)) is not None}
        fetched = {name: digest for name, digest in self._rules.data.items() if name not in ours}
        rest = self._rules.model_copy(update={"data": fetched})
        self._data = data.obtain(WORKLOAD, rest, None, lambda *_: None) | ours

    def run(self, scenario: Scenario, test: str | None, rate: float) -> PerformanceTest:
        """Make one run; return what it measured."""
        its = self._rules.scenarios[scenario].model_copy(update={"min_duration_ms": round(1000 * self._seconds)})
        audit, seeds = told(ROUND, test, scenario) if test else (None, loadgen_rules(ROUND).seeds)
        job: dict[str, Any] = {
            "mode": "loadgen",
            "workload": WORKLOAD,
            "framework": FRAMEWORK,
            "division": "open",
            "target": "cpu",
            "scenario": scenario,
            "tokens": False,
            "submission": {"org": "bench", "platform": "box"},
            "ruleset": ROUND,
            **source.digests(self._code),
            "data": self._rules.data,
            "sut": {"threads": 1, "batch": 64, "precision": "float32", "workers": 1},
            "warmup_limit_s": 60.0,
            "answer_limit_s": 30.0,
            "search": {},
            "outputs": {},
            "loadgen": {
                "mode": "performance",
                "test": test,
                "user_conf": user_conf(scenario, its, rate, tokens=False),
                "audit_config": audit,
                "seeds": seeds.model_dump(),
            },
        }
        files = job_files(self._code, self._data)
        limits = SandboxLimits(cpuset="", memory_bytes=4 << 30)
        done = run_job(DockerRunner(self._client, self._image), job, files, limits, 120.0, module="suite.serve")
        lines = done.files["mlperf_log_detail.txt"].decode().splitlines()
        records = [json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK)]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "latencies.bin").write_bytes(done.files["latencies.bin"])
            latencies = read_latencies(Tree(Path(folder), load(ROUND).limits), "latencies.bin")
        return PerformanceTest(scenario, {r["key"]: r["value"] for r in reversed(records)}, latencies=latencies)


def failing(
    rules: ComplianceRules, made: dict[str | None, list[PerformanceTest]]
) -> Iterator[tuple[str, int, int, float]]:
    """Yield, for each part of a test, what it is, how many honest pairs fail it, of how many, and the worst figure."""
    everything = [run for runs in made.values() for run in runs]
    pairs = [(one, other) for one in everything for other in everything if one is not other]
    speeds = [max(a.score, b.score) / min(a.score, b.score) for a, b in pairs if a.score and b.score]
    failed = sum(any(same_performance(a, b, rules.performance, faster=True, slower=False)) for a, b in pairs)
    yield "score, any run against any other", failed, len(pairs), max(speeds)
    pairs = [(one, other) for one in made[None] for other in made["seeds"]]
    failed = sum(any(f for f in seeds_alike(a, b, rules) if "queries" in f.message) for a, b in pairs)
    ahead = [0.0]
    if scenario_named(everything[0].scenario).is_bounded:
        p = rules.seeds.queued_percentile
        ahead = [percentile(ranked(b), p) / percentile(ranked(a), p) for a, b in pairs]
    elif everything[0].scenario != "Offline":
        ahead = [advantage(ranked(a), ranked(b), 1 + rules.seeds.faster_by)[0] for a, b in pairs]
    yield "other seeds, distributions", failed, len(pairs), max(ahead)
    pairs = [(one, other) for one in made[None] for other in made["TEST04"]]
    yield "TEST04, first answers", sum(any(cached(a, b, rules)) for a, b in pairs), len(pairs), 0.0


def main(runs: int, seconds: float, rate: float) -> None:
    """Print the rates."""
    rules, honest = compliance_rules(ROUND), Honest(seconds)
    expected = {"SingleStream": 15_000.0, "MultiStream": 2_000.0, "Server": rate, "Offline": 30_000.0}
    for scenario, told_ in expected.items():
        made: dict[str | None, list[PerformanceTest]] = {None: [], "seeds": [], "TEST04": [], "TEST01": []}
        for _ in range(runs):
            for test, there in made.items():
                there.append(honest.run(scenario, test, told_))  # type: ignore[arg-type]
        scores = ", ".join(f"{run.score:.4g}" for there in made.values() for run in there if run.score)
        print(f"{scenario}: scores {scores}", flush=True)
        for what, failed, of, worst in failing(rules, made):
            print(f"{scenario}: {what}: {failed} of {of} honest pairs fail; largest {worst:.3f}", flush=True)


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]] + [3, 5, 1500][len(sys.argv) - 1 :]
    main(int(given[0]), given[1], given[2])
