"""Training in numpy: gradients by complex steps, f'(x) = Im f(x + ih) / h, exact to rounding where f is analytic.

Squire and Trapp 1998, "Using complex variables to estimate derivatives of real functions".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from suite.harness.frameworks import numpy as framework
from suite.harness.optimisers import Optimiser
from suite.workloads.protocol import Array, Arrays, Precision, Splits, Task, Weights

STEP = 1e-20


class Trainer:
    """Any workload in numpy; see `suite.workloads.protocol.Trainer`."""

    steps_per_call = 1

    def __init__(self, model: Any, task: Task, optimiser: Optimiser, precision: Precision) -> None:
        framework.configure()
        self._model, self._task, self._optimiser, self._precision = model, task, optimiser, precision

    def place(self, splits: Splits) -> None:
        self._train, self._test = splits

    def load(self, weights: Mapping[str, Array]) -> None:
        self._w, self._taken = framework.placed(weights, self._precision), 0
        trained = {name: p for name, p in self._w.items() if self._task.trained(name)}
        self._slots = {name: tuple(np.zeros_like(p) for _ in self._optimiser.SLOTS) for name, p in trained.items()}

    def _loss(self, w: Arrays, batch: Array) -> Any:
        named = {name: values[batch] for name, values in self._train.items()}
        return self._model.loss(self._model.forward(w, named, train=True), named)

    def train(self, batches: Array, rates: Array) -> Array:
        numbers = np.array(self._optimiser.numbers(rates.tolist(), self._taken), self._precision)
        self._taken += len(numbers)
        losses = []
        for batch, row in zip(batches, numbers, strict=True):
            losses.append(self._loss(self._w, batch))
            for name, g in self.gradients(batch).items():
                p, slots = self._w[name], self._slots[name]
                self._w[name], self._slots[name] = self._optimiser.update(p, g, slots, row, np.sqrt)
        return np.array(losses)

    def device_seconds(self) -> None:
        return None

    def evaluate(self) -> Array:
        return self._model.forward(self._w, self._test, train=False)

    def gradients(self, batch: Array) -> Weights:
        w = {name: value.astype(np.complex128) for name, value in self._w.items()}
        found = {name: np.empty(w[name].shape, self._precision) for name in self._slots}
        for name, gradient in found.items():
            for place in np.ndindex(gradient.shape):
                w[name][place] += 1j * STEP
                gradient[place] = self._loss(w, batch).imag / STEP
                w[name][place] -= 1j * STEP
        return found

    def weights(self) -> Weights:
        return {name: value.copy() for name, value in self._w.items()}

    def optimiser_state(self) -> Weights:
        slots = self._slots.items()
        return {f"{n}.{s}": v.copy() for n, kept in slots for s, v in zip(self._optimiser.SLOTS, kept, strict=True)}
