"""Operations of a step in JAX."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import jax

from suite.workloads.protocol import Array, Trainer


def operations(trainer: Trainer, batches: Array, rates: Array) -> dict[str, float]:
    """Return seconds by operation of the compiled step, without its callees."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            trainer.train(batches, rates)
        (trace,) = Path(folder).rglob("*.xplane.pb")
        planes = jax.profiler.ProfileData.from_file(str(trace)).planes
        found: Counter[str] = Counter()
        for line in (line for plane in planes if plane.name == "/host:CPU" for line in plane.lines):
            for event in line.events:
                if any(key == "hlo_op" for key, _ in event.stats):
                    found[event.name] += event.duration_ns
    return {name: nanoseconds / 1e9 for name, nanoseconds in found.items()}
