"""What our harness costs LoadGen per query, over a system under test of bare Python that does nothing.

Run as `python -m tests.benchmarks.bench_loadgen [TURNS]`; both sides take turns in one process in the smallest image
with LoadGen. `plain` is without LoadGen's trace, `traced` with it, as in measured runs. Target: a median ratio of at
most 1.1, SingleStream and Offline.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from suite.engines.base import SandboxLimits
from suite.engines.docker.connection import connect
from suite.engines.docker.images import DockerImages
from suite.engines.docker.sandbox import ContainerSandbox
from suite.engines.job import command
from suite.host.cpus import last_cpus
from suite.images.build import build
from suite.images.matrix import cell
from suite.inputs import source

FOLDER = Path(__file__).parent / "loadgen"


def measured(turns: int) -> dict[str, list[float]]:
    """Return microseconds per query of every turn, as `loadgen.noop` wrote them."""
    client = connect()
    image = build(DockerImages(client), cell("onnxruntime", "cpu", suite="inference"), lambda *_: None)
    files: list[tuple[str, bytes | Path]] = [
        ("job.json", json.dumps({"turns": turns}).encode()),
        *((f"source/{name}", content) for name, content in source.serving_files("image-classification").items()),
        *((f"source/loadgen/{path.name}", path) for path in FOLDER.glob("*.py")),
    ]
    cpus = int(client.info()["NCPU"])
    limits = SandboxLimits(last_cpus(min(2, cpus), range(cpus)), 2 << 30)
    environment = image.environment | {"PYTHONPATH": "/io/job/source"}
    said: list[str] = []
    with ContainerSandbox(client, image.image_id, limits, environment, command("loadgen.noop")) as box:
        box.put(files)
        ended = box.run(1200, lambda line, _: said.append(line), lambda line, _: said.append(line))
        out = box.take()
        box.close()
    if ended.status:
        raise SystemExit("\n".join(said[-20:]))
    found: dict[str, list[float]] = json.loads(out["noop.json"])
    return found


def main(turns: int) -> None:
    """Print one line per scenario and kind of run."""
    found = measured(turns)
    for kind in dict.fromkeys(name.rpartition(" ")[0] for name in found):
        bare, ours = found[f"{kind} bare"], found[f"{kind} ours"]
        ratios = sorted(a / b for a, b in zip(ours, bare, strict=True))
        print(
            f"{kind:20s} ours {statistics.median(ours):.2f} µs, bare {statistics.median(bare):.2f} µs, "
            f"ratio {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
