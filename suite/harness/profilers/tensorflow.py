"""Operations of a step in TensorFlow."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from suite.workloads.protocol import Array, Trainer


def operations(trainer: Trainer, batches: Array, rates: Array) -> dict[str, float]:
    """Return seconds by operation of the compiled step."""
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            trainer.train(batches, rates)
        (trace,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(trace.read_bytes())
    found: Counter[str] = Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            if any(plane.stat_metadata[stat.metadata_id].name == "hlo_op" for stat in event.stats):
                found[plane.event_metadata[event.metadata_id].name] += event.duration_ps
    return {name: picoseconds / 1e12 for name, picoseconds in found.items()}
