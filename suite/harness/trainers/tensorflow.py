"""Training in TensorFlow: a block of steps is one graph, a while loop over compiled steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from suite.harness.frameworks import tensorflow as framework
from suite.harness.frameworks.layout import AS_STORED, Layout
from suite.harness.optimisers import Optimiser, Slots
from suite.workloads.protocol import Array, Precision, Splits, Task, Weights

Tensors = dict[str, Any]


class Trainer:
    """Any workload in TensorFlow; see `suite.workloads.protocol.Trainer`."""

    steps_per_call = 26

    def __init__(self, model: Any, task: Task, optimiser: Optimiser, precision: Precision) -> None:
        framework.configure()
        self._model, self._task, self._optimiser, self._dtype = model, task, optimiser, tf.as_dtype(precision)
        self._layout: Layout = getattr(model, "LAYOUT", AS_STORED)
        self._w: Tensors = {}
        self._slots: dict[str, Slots] = {}

    def place(self, splits: Splits) -> None:
        """Make the data constants of TensorFlow."""
        self._train, self._test = ({n: tf.constant(v) for n, v in split.items()} for split in splits)

    def load(self, weights: Mapping[str, Array]) -> None:
        """Assign the weights to an optimiser that has taken no step; variables are made once: graphs stay valid."""
        self._taken = 0
        if not self._w:
            self._w = framework.placed(weights, self._dtype.name, self._layout)
            self._trained = [name for name in weights if self._task.trained(name)]
            for name in self._trained:
                zeros = tf.zeros_like(self._w[name])
                self._slots[name] = tuple(tf.Variable(zeros) for _ in self._optimiser.SLOTS)
            return
        for name, value in weights.items():
            self._w[name].assign(self._layout.inward(value).astype(self._dtype.as_numpy_dtype))
        for slot in (slot for kept in self._slots.values() for slot in kept):
            slot.assign(tf.zeros_like(slot))

    @tf.function(jit_compile=True)
    def _gradients(self, batch: Tensors) -> tuple[Any, list[Any]]:
        """Return the loss of one batch and its gradients, in the order of the trained weights."""
        with tf.GradientTape() as tape:
            loss = self._model.loss(self._model.forward(self._w, batch, train=True), batch)
        found = tape.gradient(loss, [self._w[name] for name in self._trained])
        return loss, [tf.convert_to_tensor(gradient) for gradient in found]  # a table's comes by rows

    @tf.function(jit_compile=True)
    def _step(self, batch: Tensors, numbers: Any) -> Any:
        loss, gradients = self._gradients(batch)
        for name, gradient in zip(self._trained, gradients, strict=True):
            p, slots = self._w[name], self._slots[name]
            moved, kept = self._optimiser.update(p, gradient, slots, numbers, tf.sqrt)
            p.assign(moved)
            for slot, value in zip(slots, kept, strict=True):
                slot.assign(value)
        return loss

    @tf.function
    def _block(self, data: Tensors, batches: Any, numbers: Any) -> Any:
        """Take one compiled step per row of `batches` without coming back to Python."""
        steps = tf.shape(numbers)[0]
        losses = tf.TensorArray(numbers.dtype, steps)
        for step in tf.range(steps):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            batch = {name: tf.gather(values, batches[step]) for name, values in data.items()}
            losses = losses.write(step, self._step(batch, numbers[step]))
        return losses.stack()

    def train(self, batches: Array, rates: Array) -> Array:
        """Take one step per row of `batches`."""
        numbers = tf.constant(self._optimiser.numbers(rates.tolist(), self._taken), self._dtype)
        self._taken += len(rates)
        return self._block(self._train, tf.constant(batches), numbers).numpy()

    def device_seconds(self) -> None:
        """Return nothing: the framework hands out no clock of the device."""

    @tf.function
    def _evaluated(self, test: Tensors) -> Any:
        """Return the outputs of all batches of the test split without coming back to Python.

        Not by XLA, whose convolutions take half as long again on a processor.
        """
        size = self._task.EVALUATION_BATCH
        count = tf.shape(next(iter(test.values())))[0]
        found = tf.TensorArray(self._dtype, (count + size - 1) // size, infer_shape=False)
        for start in tf.range(0, count, size):
            batch = {name: values[start : start + size] for name, values in test.items()}
            found = found.write(start // size, self._model.forward(self._w, batch, train=False))
        return found.concat()

    def evaluate(self) -> Array:
        """Return the outputs for the test split."""
        return self._evaluated(self._test).numpy()

    def gradients(self, batch: Array) -> Weights:
        """Return the gradients on one batch; what it moves that is not trained is put back."""
        kept = {name: value.numpy() for name, value in self._w.items() if name not in self._trained}
        _, found = self._gradients({name: tf.gather(values, batch) for name, values in self._train.items()})
        for name, value in kept.items():
            self._w[name].assign(value)
        return self._outward(dict(zip(self._trained, found, strict=True)))

    def weights(self) -> Weights:
        """Return a copy of all weights and running statistics."""
        return self._outward(self._w)

    def optimiser_state(self) -> Weights:
        """Return a copy of what the optimiser keeps."""
        slots = self._slots.items()
        named = {f"{n}.{s}": v for n, kept in slots for s, v in zip(self._optimiser.SLOTS, kept, strict=True)}
        return self._outward(named)

    def _outward(self, tensors: Tensors) -> Weights:
        return {name: np.array(self._layout.outward(value.numpy()), order="C") for name, value in tensors.items()}
