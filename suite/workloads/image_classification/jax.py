"""ResNet-8 in JAX: one jitted step with donated state.

Not a `lax.scan` over a block of steps: inside a loop, XLA's CPU backend falls back to a convolution 25 times slower.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from suite.workloads.image_classification.task import STAGES
from suite.workloads.protocol import Array, Optimiser, Precision, Splits, Weights

EVALUATION_BATCH = 100
EPSILON, MOMENTUM = 1e-5, 0.1  # of batch normalisation
Tree = dict[str, Any]
STATISTICS = ("running_mean", "running_var")


def _conv(x: Any, kernel: Any, stride: int) -> Any:
    """Convolve (n, h, w, in) with (h, w, in, out); the padding is written out: "SAME" would differ at stride 2."""
    pad = (kernel.shape[0] // 2,) * 2
    return lax.conv_general_dilated(x, kernel, (stride, stride), (pad, pad), dimension_numbers=("NHWC", "HWIO", "NHWC"))


class _Norm:
    """Batch normalisation: by the batch's biased variance, which is noted, or by the running statistics."""

    def __init__(self, weights: Tree, statistics: Tree, train: bool) -> None:
        self._weights, self._statistics, self._train = weights, statistics, train
        self.updated: Tree = {}

    def __call__(self, x: Any, name: str) -> Any:
        old_mean, old_var = (self._statistics[f"{name}.{s}"] for s in STATISTICS)
        if self._train:
            count = x.shape[0] * x.shape[1] * x.shape[2]
            # Mean and mean square in one pass over x, as Flax does: a tenth of the step's time.
            mean = x.mean((0, 1, 2))
            var = jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)
            self.updated[f"{name}.running_mean"] = (1 - MOMENTUM) * old_mean + MOMENTUM * mean
            self.updated[f"{name}.running_var"] = (1 - MOMENTUM) * old_var + MOMENTUM * var * (count / (count - 1))
        else:
            mean, var = old_mean, old_var
        scale = lax.rsqrt(var + EPSILON) * self._weights[f"{name}.weight"]
        return x * scale + (self._weights[f"{name}.bias"] - mean * scale)


def _forward(weights: Tree, statistics: Tree, x: Any, train: bool) -> tuple[Any, Tree]:
    """Return the logits (n, 10) and the running statistics after this batch."""
    norm = _Norm(weights, statistics, train)
    x = jax.nn.relu(norm(_conv(x, weights["stem.conv.weight"], 2), "stem.bn"))
    for block, _, _, stride in STAGES:
        name = f"block{block}"
        y = jax.nn.relu(norm(_conv(x, weights[f"{name}.conv1.weight"], stride), f"{name}.bn1"))
        y = norm(_conv(y, weights[f"{name}.conv2.weight"], 1), f"{name}.bn2")
        x = jax.nn.relu(y + (_conv(x, weights[f"{name}.shortcut.weight"], stride) if stride > 1 else x))
    return x.mean((1, 2)) @ weights["head.weight"] + weights["head.bias"], norm.updated


def _loss(weights: Tree, statistics: Tree, x: Any, y: Any) -> tuple[Any, Tree]:
    logits, statistics = _forward(weights, statistics, x, train=True)
    likelihood = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)
    return -likelihood.mean(), statistics


@partial(jax.jit, static_argnums=0, donate_argnums=1)
def _step(optimiser: Optimiser, state: tuple[Tree, Tree, Tree], data: tuple[Any, Any], batch: Any, rate: Any) -> Any:
    """Return the state after one step, and the loss before it."""
    weights, statistics, velocity = state
    x, y = data[0][batch], data[1][batch]
    (loss, statistics), gradients = jax.value_and_grad(_loss, has_aux=True)(weights, statistics, x, y)
    g = {n: gradients[n] + optimiser.weight_decay * p if p.ndim > 1 else gradients[n] for n, p in weights.items()}
    velocity = {n: optimiser.momentum * v + g[n] for n, v in velocity.items()}
    weights = {n: p - rate * (g[n] + optimiser.momentum * velocity[n]) for n, p in weights.items()}
    return (weights, statistics, velocity), loss


@jax.jit
def _correct(weights: Tree, statistics: Tree, images: Any, labels: Any) -> Any:
    """Count the right answers on one batch."""
    logits, _ = _forward(weights, statistics, images, train=False)
    return (logits.argmax(1) == labels).sum()


_gradients = jax.jit(jax.grad(_loss, has_aux=True))


def _inward(value: Array) -> Array:
    """Turn (out, in, height, width) to (height, width, in, out) and (out, in) to (in, out)."""
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T


def _outward(tree: Tree) -> Weights:
    """Turn them back, as arrays of numpy."""
    arrays = {name: np.asarray(value) for name, value in tree.items()}
    return {n: np.array(v.transpose(3, 2, 0, 1) if v.ndim == 4 else v.T, order="C") for n, v in arrays.items()}


class Trainer:
    """The workload in JAX; see `suite.workloads.protocol.Trainer`."""

    steps_per_call = 26  # dispatch runs ahead of the device; losses come back once a call

    def __init__(self, optimiser: Optimiser, precision: Precision) -> None:
        if precision == "float64":
            jax.config.update("jax_enable_x64", True)
        self._optimiser, self._precision = optimiser, precision

    @staticmethod
    def version() -> str:
        """Return the framework's name and version."""
        return f"jax {jax.__version__}"

    def place(self, splits: Splits) -> None:
        """Put the data on the device, the test split in batches."""
        (images, labels), (test_images, test_labels) = splits
        self._data = jnp.asarray(images), jnp.asarray(labels)
        self._test = [
            (jnp.asarray(test_images[start:][:EVALUATION_BATCH]), jnp.asarray(test_labels[start:][:EVALUATION_BATCH]))
            for start in range(0, len(test_labels), EVALUATION_BATCH)
        ]

    def load(self, weights: Mapping[str, Array]) -> None:
        """Put the weights on the device with zero momentum."""
        placed = {name: jnp.array(_inward(value), self._precision) for name, value in weights.items()}
        statistics = {name: value for name, value in placed.items() if name.endswith(STATISTICS)}
        trained = {name: value for name, value in placed.items() if name not in statistics}
        self._state = trained, statistics, jax.tree.map(jnp.zeros_like, trained)

    def train(self, batches: Array, rates: Array) -> Array:
        """Take one step per row of `batches`."""
        losses = []
        for batch, rate in zip(batches, rates.astype(self._precision), strict=True):
            self._state, loss = _step(self._optimiser, self._state, self._data, batch, rate)
            losses.append(loss)
        return np.asarray(losses)

    def device_seconds(self) -> None:
        """Return nothing: the framework hands out no clock of the device."""

    def evaluate(self) -> int:
        """Return how many test pictures are classified right."""
        return int(sum(_correct(*self._state[:2], images, labels) for images, labels in self._test))

    def gradients(self, batch: Array) -> Weights:
        """Return the gradients on one batch."""
        found, _ = _gradients(*self._state[:2], self._data[0][batch], self._data[1][batch])
        return _outward(found)

    def operations(self, batches: Array, rates: Array) -> dict[str, float]:
        """Return seconds by operation of the compiled step."""
        with tempfile.TemporaryDirectory() as folder:
            with jax.profiler.trace(folder):
                self.train(batches, rates)
            (trace,) = Path(folder).rglob("*.xplane.pb")
            planes = jax.profiler.ProfileData.from_file(str(trace)).planes
            found: Counter[str] = Counter()
            for line in (line for plane in planes if plane.name == "/host:CPU" for line in plane.lines):
                for event in line.events:
                    if any(key == "hlo_op" for key, _ in event.stats):
                        found[event.name] += event.duration_ns
        return {name: nanoseconds / 1e9 for name, nanoseconds in found.items()}

    def weights(self) -> Weights:
        """Return a copy of all weights and running statistics."""
        return _outward(self._state[0] | self._state[1])

    def velocity(self) -> Weights:
        """Return a copy of the momentum."""
        return _outward(self._state[2])
