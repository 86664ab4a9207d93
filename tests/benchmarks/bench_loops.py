"""Each framework's workload against a hand-written loop, in the framework's image, paired within one process.

Run as `python -m tests.benchmarks.bench_loops [FRAMEWORK …]`; prints ratios of one session, 26 steps and one evaluation
a round, the two sides taking turns in order. Target: the steps' median ratio at most 1.05.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from rules.workload import workload_rules
from suite.engines.base import SandboxLimits
from suite.engines.docker.connection import connect
from suite.engines.docker.images import DockerImages
from suite.engines.docker.sandbox import ContainerSandbox
from suite.engines.job import command
from suite.host.cpus import last_cpus
from suite.images.build import build
from suite.images.matrix import cell
from suite.inputs import data, source
from suite.inputs.settings import settings

WORKLOAD = "image-classification"
LOOPS = Path(__file__).parent / "loops"


def measured(framework: str) -> dict[str, list[float]]:
    """Return the seconds of every round, as `loops.measure` wrote them."""
    client = connect()
    tuned = settings(WORKLOAD).frameworks[framework]
    image = build(DockerImages(client), cell(framework, "cpu"), lambda *_: None)
    files: list[tuple[str, bytes | Path]] = [
        ("job.json", json.dumps({"framework": framework, "seed": 3, "threads": tuned.threads}).encode()),
        *((f"source/{name}", content) for name, content in source.files(WORKLOAD).items()),
        *((f"source/loops/{path.name}", path) for path in LOOPS.glob("*.py")),
    ]
    rules = workload_rules("assay/1.0", WORKLOAD)
    own = data.obtain(WORKLOAD, rules, None, lambda *_: None)
    files += [(f"data/{name}", path) for name, path in own.items()]
    limits = SandboxLimits(last_cpus(tuned.threads, range(client.info()["NCPU"])), tuned.memory_mib << 20)
    environment = image.environment | {"PYTHONPATH": "/io/job/source"}
    said: list[str] = []
    with ContainerSandbox(client, image.image_id, limits, environment, command("loops.measure")) as box:
        box.put(files)
        ended = box.run(1200, lambda line, _: said.append(line), lambda line, _: said.append(line))
        out = box.take()
        box.close()
    if ended.status:
        raise SystemExit("\n".join(said[-20:]))
    found: dict[str, list[float]] = json.loads(out["loops.json"])
    return found


def main(frameworks: list[str]) -> None:
    """Print one line of ratios per framework."""
    for framework in frameworks:
        found = measured(framework)
        line = f"{framework:10s}"
        for what, ours, hand in (
            ("steps", found["ours"], found["hand"]),
            ("evaluation", found["ours_evaluation"], found["hand_evaluation"]),
        ):
            ratios = sorted(a / b for a, b in zip(ours, hand, strict=True))
            line += f"  {what} {statistics.median(ratios):.3f} ({ratios[1]:.3f} to {ratios[-2]:.3f})"
        step = 1000 * statistics.median(found["ours"]) / 26
        print(f"{line}  {step:.1f} ms a step, accuracy {found['ours_accuracy'][0]:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(settings(WORKLOAD).frameworks))
