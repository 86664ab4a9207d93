"""ResNet-8 in TensorFlow: a block of steps is one graph, a while loop over compiled steps."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from suite.workloads.image_classification.task import STAGES
from suite.workloads.protocol import Array, Optimiser, Precision, Splits, Weights

EVALUATION_BATCH = 100
EPSILON, MOMENTUM = 1e-5, 0.1  # of batch normalisation
STATISTICS = ("running_mean", "running_var")


def _conv(x: Any, kernel: Any, stride: int) -> Any:
    """Convolve (n, h, w, in) with (h, w, in, out); the padding is written out: "SAME" would differ at stride 2."""
    pad = [kernel.shape[0] // 2] * 2
    return tf.nn.conv2d(x, kernel, stride, [[0, 0], pad, pad, [0, 0]])


class Trainer:
    """The workload in TensorFlow; see `suite.workloads.protocol.Trainer`."""

    steps_per_call = 26

    def __init__(self, optimiser: Optimiser, precision: Precision) -> None:
        tf.config.experimental.enable_op_determinism()
        if os.environ.get("ASSAY_DEVICE", "cpu") != "cpu" and not tf.config.list_physical_devices("GPU"):
            raise RuntimeError("TensorFlow sees no GPU, and the target's image says it must use one")
        self._optimiser, self._dtype = optimiser, tf.as_dtype(precision)
        self._weights: dict[str, tf.Variable] = {}

    @staticmethod
    def version() -> str:
        """Return the framework's name and version."""
        return f"tensorflow {tf.__version__}"

    def place(self, splits: Splits) -> None:
        """Make the data constants of TensorFlow."""
        self._train_split, self._test_split = ((tf.constant(x), tf.constant(y)) for x, y in splits)

    def load(self, weights: Mapping[str, Array]) -> None:
        """Assign the weights and zero momentum; the variables are made once, so that graphs stay valid."""
        for name, value in weights.items():
            inward = (value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T).astype(self._dtype.as_numpy_dtype)
            if name in self._weights:
                self._weights[name].assign(inward)
            else:
                self._weights[name] = tf.Variable(inward, trainable=not name.endswith(STATISTICS))
        self._trained = {name: w for name, w in self._weights.items() if w.trainable}
        if not hasattr(self, "_velocity"):
            self._velocity = {n: tf.Variable(tf.zeros_like(w), trainable=False) for n, w in self._trained.items()}
        for v in self._velocity.values():
            v.assign(tf.zeros_like(v))

    def _norm(self, x: Any, name: str, train: bool) -> Any:
        """Normalise by the batch's biased variance, moving the running statistics, or by the running statistics.

        Written out, because the fused kernel knows no float64, and what parity proves should be what runs. Mean and
        mean square come from one pass over x; XLA fuses the rest into its neighbours.
        """
        running_mean, running_var = (self._weights[f"{name}.{s}"] for s in STATISTICS)
        mean, var = running_mean, running_var
        if train:
            count = x.shape[0] * x.shape[1] * x.shape[2]
            mean = tf.reduce_mean(x, (0, 1, 2))
            var = tf.reduce_mean(tf.square(x), (0, 1, 2)) - tf.square(mean)
            running_mean.assign((1 - MOMENTUM) * running_mean + MOMENTUM * mean)
            running_var.assign((1 - MOMENTUM) * running_var + MOMENTUM * var * (count / (count - 1)))
        scale = self._weights[f"{name}.weight"] * tf.math.rsqrt(var + EPSILON)
        return x * scale + (self._weights[f"{name}.bias"] - mean * scale)

    def _forward(self, x: Any, train: bool) -> Any:
        """Return the logits (n, 10)."""
        w = self._weights
        x = tf.nn.relu(self._norm(_conv(x, w["stem.conv.weight"], 2), "stem.bn", train))
        for block, _, _, stride in STAGES:
            name = f"block{block}"
            y = tf.nn.relu(self._norm(_conv(x, w[f"{name}.conv1.weight"], stride), f"{name}.bn1", train))
            y = self._norm(_conv(y, w[f"{name}.conv2.weight"], 1), f"{name}.bn2", train)
            x = tf.nn.relu(y + (_conv(x, w[f"{name}.shortcut.weight"], stride) if stride > 1 else x))
        return tf.reduce_mean(x, (1, 2)) @ w["head.weight"] + w["head.bias"]

    @tf.function(jit_compile=True)
    def _gradients(self, x: Any, y: Any) -> tuple[Any, list[Any]]:
        """Return the loss of one batch and its gradients, in the order of the trained weights."""
        with tf.GradientTape() as tape:
            logits = self._forward(x, train=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        return loss, tape.gradient(loss, list(self._trained.values()))

    @tf.function(jit_compile=True)
    def _step(self, x: Any, y: Any, rate: Any) -> Any:
        loss, gradients = self._gradients(x, y)
        mu = self._optimiser.momentum
        for (name, p), gradient in zip(self._trained.items(), gradients, strict=True):
            g = gradient + self._optimiser.weight_decay * p if p.shape.rank > 1 else gradient
            v = self._velocity[name].assign(mu * self._velocity[name] + g)
            p.assign_sub(rate * (g + mu * v))
        return loss

    @tf.function
    def _block(self, images: Any, labels: Any, batches: Any, rates: Any) -> Any:
        """Take one compiled step per row of `batches` without coming back to Python."""
        losses = tf.TensorArray(rates.dtype, tf.size(rates))
        for step in tf.range(tf.size(rates)):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            batch = batches[step]
            losses = losses.write(step, self._step(tf.gather(images, batch), tf.gather(labels, batch), rates[step]))
        return losses.stack()

    def train(self, batches: Array, rates: Array) -> Array:
        """Take one step per row of `batches`."""
        block = self._block(*self._train_split, tf.constant(batches), tf.constant(rates, self._dtype))
        return block.numpy()

    @tf.function
    def _correct(self, images: Any, labels: Any) -> Any:
        total = tf.constant(0, tf.int64)
        for start in tf.range(0, tf.shape(labels)[0], EVALUATION_BATCH):
            logits = self._forward(images[start : start + EVALUATION_BATCH], train=False)
            right = tf.argmax(logits, 1, tf.int32) == labels[start : start + EVALUATION_BATCH]
            total += tf.math.count_nonzero(right)
        return total

    def device_seconds(self) -> None:
        """Return nothing: the framework hands out no clock of the device."""

    def evaluate(self) -> int:
        """Return how many test pictures are classified right."""
        return int(self._correct(*self._test_split))

    def gradients(self, batch: Array) -> Weights:
        """Return the gradients on one batch; the running statistics it moves are put back."""
        kept = {name: value.numpy() for name, value in self._weights.items() if not value.trainable}
        _, found = self._gradients(*(tf.gather(part, batch) for part in self._train_split))
        for name, value in kept.items():
            self._weights[name].assign(value)
        return _outward(dict(zip(self._trained, found, strict=True)))

    def operations(self, batches: Array, rates: Array) -> dict[str, float]:
        """Return seconds by operation of the compiled step."""
        with tempfile.TemporaryDirectory() as folder:
            with tf.profiler.experimental.Profile(folder):
                self.train(batches, rates)
            (trace,) = Path(folder).rglob("*.xplane.pb")
            space = xplane_pb2.XSpace.FromString(trace.read_bytes())
        found: Counter[str] = Counter()
        for plane in space.planes:
            for event in (event for line in plane.lines for event in line.events):
                if any(plane.stat_metadata[stat.metadata_id].name == "hlo_op" for stat in event.stats):
                    found[plane.event_metadata[event.metadata_id].name] += event.duration_ps
        return {name: picoseconds / 1e12 for name, picoseconds in found.items()}

    def weights(self) -> Weights:
        """Return a copy of all weights and running statistics."""
        return _outward(self._weights)

    def velocity(self) -> Weights:
        """Return a copy of the momentum."""
        return _outward(self._velocity)


def _outward(tensors: Mapping[str, Any]) -> Weights:
    """Return the tensors in the layout of model.md, as arrays of numpy."""
    arrays = {name: value.numpy() for name, value in tensors.items()}
    return {n: np.array(v.transpose(3, 2, 0, 1) if v.ndim == 4 else v.T, order="C") for n, v in arrays.items()}
