"""Training in JAX: one jitted step with donated state.

Not a `lax.scan` over a block of steps: inside a loop, XLA's CPU backend falls back to a convolution 25 times slower.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from suite.harness.frameworks import jax as framework
from suite.harness.frameworks.layout import AS_STORED, Layout
from suite.harness.optimisers import Optimiser
from suite.workloads.protocol import Array, Precision, Splits, Task, Weights

Tree = dict[str, Any]


class Trainer:
    """Any workload in JAX; see `suite.workloads.protocol.Trainer`."""

    steps_per_call = 26  # dispatch runs ahead of the device; losses come back once a call

    def __init__(self, model: Any, task: Task, optimiser: Optimiser, precision: Precision) -> None:
        framework.configure(precision)
        self._model, self._task, self._optimiser, self._precision = model, task, optimiser, precision
        self._layout: Layout = getattr(model, "LAYOUT", AS_STORED)
        self._step = jax.jit(self._stepped, donate_argnums=0)
        self._outputs = jax.jit(lambda trained, rest, batch: model.forward(trained | rest, batch, train=False))
        self._gradients = jax.jit(jax.grad(self._loss, has_aux=True))

    def place(self, splits: Splits) -> None:
        """Put the data on the device, the test split in batches."""
        size, count = self._task.EVALUATION_BATCH, len(next(iter(splits.test.values())))
        self._data = {name: jnp.asarray(values) for name, values in splits.train.items()}
        self._test = [
            {name: jnp.asarray(values[start : start + size]) for name, values in splits.test.items()}
            for start in range(0, count, size)
        ]

    def load(self, weights: Mapping[str, Array]) -> None:
        """Put the weights on the device with an optimiser that has taken no step."""
        placed = framework.placed(weights, self._precision, self._layout)
        trained = {name: value for name, value in placed.items() if self._task.trained(name)}
        rest = {name: value for name, value in placed.items() if name not in trained}
        slots = {name: tuple(jnp.zeros_like(p) for _ in self._optimiser.SLOTS) for name, p in trained.items()}
        self._state, self._taken = (trained, rest, slots), 0

    def _loss(self, trained: Tree, rest: Tree, batch: Tree) -> tuple[Any, Tree]:
        """Return the loss of a batch, and the tensors that are not trained after it."""
        w = trained | rest
        loss = self._model.loss(self._model.forward(w, batch, train=True), batch)
        return loss, {name: w[name] for name in rest}

    def _stepped(self, state: tuple[Tree, Tree, Tree], data: Tree, rows: Any, numbers: Any) -> Any:
        """Return the state after one step, and the loss before it."""
        trained, rest, slots = state
        batch = {name: values[rows] for name, values in data.items()}
        (loss, rest), gradients = jax.value_and_grad(self._loss, has_aux=True)(trained, rest, batch)
        update = self._optimiser.update
        moved = {n: update(p, gradients[n], slots[n], numbers, jnp.sqrt) for n, p in trained.items()}
        return ({n: p for n, (p, _) in moved.items()}, rest, {n: kept for n, (_, kept) in moved.items()}), loss

    def train(self, batches: Array, rates: Array) -> Array:
        """Take one step per row of `batches`."""
        numbers = np.array(self._optimiser.numbers(rates.tolist(), self._taken), self._precision)
        losses = []
        for rows, row in zip(batches, numbers, strict=True):
            self._state, loss = self._step(self._state, self._data, rows, row)
            losses.append(loss)
        self._taken += len(numbers)
        return np.asarray(losses)

    def device_seconds(self) -> None:
        """Return nothing: the framework hands out no clock of the device."""

    def evaluate(self) -> Array:
        """Return the outputs for the test split."""
        outputs = [self._outputs(*self._state[:2], batch) for batch in self._test]
        return np.concatenate([np.asarray(output) for output in outputs])

    def gradients(self, batch: Array) -> Weights:
        """Return the gradients on one batch."""
        found, _ = self._gradients(*self._state[:2], {name: values[batch] for name, values in self._data.items()})
        return self._outward(found)

    def weights(self) -> Weights:
        """Return a copy of all weights and running statistics."""
        return self._outward(self._state[0] | self._state[1])

    def optimiser_state(self) -> Weights:
        """Return a copy of what the optimiser keeps."""
        slots = self._state[2].items()
        named = {f"{n}.{s}": v for n, kept in slots for s, v in zip(self._optimiser.SLOTS, kept, strict=True)}
        return self._outward(named)

    def _outward(self, tree: Tree) -> Weights:
        return {name: np.array(self._layout.outward(np.asarray(value)), order="C") for name, value in tree.items()}
