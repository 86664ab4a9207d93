"""What a workload is to the harness: a framework-neutral task, and one thin trainer per framework.

The harness owns everything two frameworks could differ in by accident: seeds, initial weights, data order, learning
rates, evaluation cadence. A trainer owns only what its framework does well: the compiled step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np

Array = np.ndarray
Weights = dict[str, Array]  # tensor name -> values, in the layout the workload's model.md fixes
Precision = Literal["float32", "float64"]


class Examples(NamedTuple):
    """One split: `inputs` of the precision asked for, `labels` int32 of shape (n,)."""

    inputs: Array
    labels: Array


class Splits(NamedTuple):
    """The two splits of a workload's data."""

    train: Examples
    test: Examples


@dataclass(frozen=True)
class Optimiser:
    """SGD with Nesterov momentum: g += decay * p for tensors of more than one dimension; v = mu * v + g;
    p -= rate * (g + mu * v). Sutskever et al. 2013, in the form PyTorch's SGD uses.
    """  # noqa: D205

    momentum: float
    weight_decay: float


class Trainer(Protocol):
    """One workload in one framework. A trainer holds weights, momentum and data; all calls return when done."""

    steps_per_call: int  # how many steps the harness hands to one call of `train`

    def __init__(self, optimiser: Optimiser, precision: Precision) -> None:
        """Configure the framework for deterministic work.

        The process has as many cores as threads were declared: frameworks size their pools by that.
        """

    @staticmethod
    def version() -> str:
        """Return name and version of the framework, as logged."""

    def place(self, splits: Splits) -> None:
        """Hand the data to the framework; replaces what was placed before."""

    def load(self, weights: Mapping[str, Array]) -> None:
        """Set the weights from named arrays and the momentum to zero."""

    def train(self, batches: Array, rates: Array) -> Array:
        """Take one step per row of `batches`, (steps, batch) indices into the training split, int32.

        `rates` (steps,) float64 are the learning rates. Returns the loss of each batch before its update, (steps,).
        """

    def device_seconds(self) -> list[float] | None:
        """Return what each step since the last call took by the device's own clock; None where it has none.

        Asked for outside the timed region: all work is done by then, and nothing waits for the answer.
        """

    def evaluate(self) -> int:
        """Return how many examples of the test split the model gets right."""

    def gradients(self, batch: Array) -> Weights:
        """Return the loss's gradient by tensor name on one batch, without weight decay; changes nothing."""

    def operations(self, batches: Array, rates: Array) -> dict[str, float]:
        """Train as `train` does under the framework's profiler; return seconds by operation, without its callees."""

    def weights(self) -> Weights:
        """Return a copy of all weights and running statistics."""

    def velocity(self) -> Weights:
        """Return a copy of the momentum of every trained tensor."""


class Task(Protocol):
    """The framework-neutral side of a workload: module `task` of its folder."""

    TRAIN_SAMPLES: int
    TEST_SAMPLES: int

    @staticmethod
    def initial_weights(seed: int) -> Weights:
        """Draw the initial float32 weights from PCG64(seed), in forward order."""

    @staticmethod
    def read(folder: Path, precision: Precision) -> Splits:
        """Read the data files; raise ValueError naming the file that is not in its format."""

    @staticmethod
    def synthetic(precision: Precision) -> Splits:
        """Return random data of the real data's shapes: what warm-up may see before the clock starts."""
