"""How much longer a run takes to begin over ssh than on the same engine's own socket.

    python tests/benchmarks/bench_ssh.py [repetitions]

Set-up is all from the first word to the engine until the harness logs run_start: way, container, source, data, warm-up.
Medians of alternating runs of a short JAX job. The requirement: at most 10 % more.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rules.workload import workload_rules
from suite.engines.base import SandboxLimits
from suite.engines.docker.connection import connect
from suite.engines.docker.images import DockerImages
from suite.engines.docker.runner import DockerRunner
from suite.images.build import build
from suite.images.matrix import cell
from suite.inputs import data, source
from suite.result.job import job_files, run_job
from suite.training.job import job
from tests.integration.ssh_engine import ssh_server

MOST = 1.10
SHORT = {"opt_learning_rate_training_steps": 6, "opt_learning_rate_warmup_steps": 1, "global_batch_size": 32}


def set_up() -> float:
    """Return the seconds from connecting to run_start on the engine DOCKER_HOST names."""
    workload = "image-classification"
    rules = workload_rules("assay/1.0", workload)
    files, code = data.obtain(workload, rules, None, lambda *_: None), source.files(workload)
    given = job(
        "train",
        rules,
        ruleset="assay/1.0",
        framework="jax",
        target="cpu",
        seed=1,
        digests=source.digests(code),
        division="open",
        hyperparameters=rules.hyperparameters | SHORT,
        evaluation={"first_step": 6, "every_steps": 6},
        first_samples=200,
    )
    began = time.time()
    client = connect()
    image = build(DockerImages(client), cell("jax", "cpu"), lambda *_: None)
    cpu = str(int(client.info()["NCPU"]) - 1)
    finished = run_job(DockerRunner(client, image), given, job_files(code, files), SandboxLimits(cpu, 4 << 30), 300)
    keys = [line for line in finished.watch.lines if ":::MLLOG" in line]
    started = next(number for number, line in enumerate(keys) if '"run_start"' in line)
    return finished.watch.receipts[started] - began


def main(repetitions: int) -> int:
    """Print the two medians and their ratio; return 1 where it is beyond the requirement."""
    with tempfile.TemporaryDirectory() as folder, ssh_server(Path(folder)) as server:
        os.environ["PATH"] = f"{server.folder}{os.pathsep}{os.environ['PATH']}"
        seen: dict[str, list[float]] = {"": [], server.address(): []}
        for _ in range(repetitions):
            for host, times in seen.items():
                os.environ["DOCKER_HOST"] = host
                times.append(set_up())
        local, remote = (statistics.median(times) for times in seen.values())
    print(f"set-up: local {local:.2f} s, over ssh {remote:.2f} s, {100 * (remote / local - 1):+.1f} %")
    return int(remote / local > MOST)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
