"""What a training workload gives the harness: a framework-neutral task, and one thin model per framework.

The harness owns everything two frameworks could differ in by accident: seeds, data order, learning rates, optimiser,
evaluation, stopping (`suite.harness`), and all that a framework is told the same way for every workload
(`suite.harness.trainers`). A workload says what it computes: module `task` of its folder is a `Task`, module
`<framework>` a `Model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

Array = np.ndarray
Arrays = Mapping[str, Array]  # one split, or one batch, by name: pictures, token ids, masks, labels; samples come first
Weights = dict[str, Array]  # tensor name -> values, in the layout the workload's model.md fixes
Precision = Literal["float32", "float64"]


class Splits(NamedTuple):
    """The two splits of a workload's data."""

    train: Arrays
    test: Arrays


class Task(Protocol):
    """The framework-neutral side of a workload."""

    TRAIN_SAMPLES: int
    TEST_SAMPLES: int
    EVALUATION_BATCH: int  # samples of the test split that are given to the model at a time

    @staticmethod
    def initial_weights(folder: Path, seed: int) -> Weights:
        """Return the float32 weights training starts from: drawn from PCG64(seed) in forward order, or read from
        `folder` where the workload begins with pretrained ones.
        """  # noqa: D205

    @staticmethod
    def trained(name: str) -> bool:
        """Say whether the optimiser moves a tensor; running statistics and frozen layers are not trained."""

    @staticmethod
    def read(folder: Path, precision: Precision) -> Splits:
        """Read the data files, real numbers in the precision asked for, all others as int32.

        Raises ValueError naming the file that is not in its format.
        """

    @staticmethod
    def synthetic(precision: Precision) -> Splits:
        """Return random data of the real data's shapes: what warm-up may see before the clock starts."""

    @staticmethod
    def metric(outputs: Array, test: Arrays) -> float:
        """Return the rule set's metric from the model's outputs for the test split, one row per sample."""


class Model(Protocol):
    """A workload's model in one framework; tensors are the framework's.

    `w` maps names to tensors; in PyTorch it is the module that `model()` makes, whose tensors have the names of the
    weights file. A running statistic is moved in place (JAX: by `w[name] = value`). Modules of JAX and TensorFlow may
    name a `LAYOUT` (`suite.harness.frameworks.layout`).
    """

    def forward(self, w: Any, batch: Any, train: bool) -> Any:
        """Return the outputs for a batch of named tensors: what `loss` needs, or what `Task.metric` needs."""

    def loss(self, outputs: Any, batch: Any) -> Any:
        """Return the batch's mean loss from the outputs of training."""


class Trainer(Protocol):
    """Any workload in one framework. It holds weights, optimiser state and data; all calls return when done."""

    steps_per_call: int  # how many steps the harness hands to one call of `train`

    def __init__(self, model: Any, task: Task, optimiser: Any, precision: Precision) -> None:
        """Configure the framework for deterministic work on the target's device.

        The process has as many cores as threads were declared: frameworks size their pools by that.
        """

    def place(self, splits: Splits) -> None:
        """Hand the data to the framework; replaces what was placed before."""

    def load(self, weights: Mapping[str, Array]) -> None:
        """Set the weights from named arrays and the optimiser's state to zero."""

    def train(self, batches: Array, rates: Array) -> Array:
        """Take one step per row of `batches`, (steps, batch) indices into the training split, int32.

        `rates` (steps,) float64 are the learning rates. Returns the loss of each batch before its update, (steps,).
        """

    def device_seconds(self) -> list[float] | None:
        """Return what each step since the last call took by the device's own clock; None where it has none.

        Asked for outside the timed region: all work is done by then, and nothing waits for the answer.
        """

    def evaluate(self) -> Array:
        """Return the model's outputs for the test split, one row per sample."""

    def gradients(self, batch: Array) -> Weights:
        """Return the loss's gradient by tensor name on one batch, without weight decay; changes nothing."""

    def weights(self) -> Weights:
        """Return a copy of all weights and running statistics."""

    def optimiser_state(self) -> Weights:
        """Return a copy of what the optimiser keeps, by tensor and slot; what was never written is left out."""
