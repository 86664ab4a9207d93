"""How long images take: everything cold, packages fetched but nothing assembled, and nothing changed.

Run by hand: .venv/bin/python tests/benchmarks/bench_images.py [FRAMEWORK …]. An empty cache and an epoch of its own
make the builds cold in the cache and in the engine; both are removed afterwards. Cold times include the network's.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace

import docker

from suite.engines.docker.connection import connect
from suite.engines.docker.images import DockerImages
from suite.images import build
from suite.images.matrix import Cell, select


class Clock:
    """Progress that notes how long each phase took."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._phase, self._since = "", time.monotonic()

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        if phase != self._phase:
            self.seconds[self._phase] += now - self._since
            self._phase, self._since = phase, now

    def stop(self) -> dict[str, float]:
        """Return seconds per phase."""
        self("", 0, 0)
        return {phase: seconds for phase, seconds in self.seconds.items() if phase}


def main(frameworks: list[str]) -> None:
    """Measure the chosen frameworks, all where none is named, and print one line of figures each."""
    client = connect(timeout_s=600)
    chosen = [each for each in select() if each.framework in frameworks or not frameworks]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["ASSAY_CACHE"] = cache
        for each in chosen:
            measure(client, replace(each, epoch=each.epoch + 1))


def measure(client: docker.DockerClient, cell: Cell) -> None:
    """Build `cell` cold, then from fetched packages, then with nothing changed; print seconds, phases and sizes."""
    clock = Clock()
    start = time.monotonic()
    built = build.build(DockerImages(client), cell, clock)
    cold = time.monotonic() - start
    phases = clock.stop()

    unchanged = []
    for _ in range(5):
        start = time.monotonic()
        build.build(DockerImages(client), cell, lambda *_: None)
        unchanged.append(time.monotonic() - start)

    tag = build.tag(cell, built.identity.config_digest)
    size = client.images.get(built.image_id).attrs["Size"]
    client.images.remove(tag)
    start = time.monotonic()
    build.rebuild(DockerImages(client), cell, lambda *_: None)
    fetched = time.monotonic() - start
    client.images.remove(tag)
    idle = sorted(unchanged)[2]
    print(
        f"{cell.name}: cold {cold:.1f} s, from fetched packages (base anew) {fetched:.1f} s, "
        f"nothing changed {1000 * idle:.1f} ms (ratio 1:{cold / idle:.0f}), {size / 1e6:.0f} MB"
    )
    print("  cold, by phase: " + ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in phases.items()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
