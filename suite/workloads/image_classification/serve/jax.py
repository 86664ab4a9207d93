"""ResNet-8 in JAX for inference: one compiled program per padded batch size."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

from suite.serve.jax import require_device
from suite.serve.job import Sut
from suite.workloads.image_classification.jax import STATISTICS, _forward, _inward
from suite.workloads.image_classification.serve.shapes import padded, sizes
from suite.workloads.image_classification.serve.task import WEIGHTS
from suite.workloads.image_classification.task import SIDE
from suite.workloads.protocol import Array

PRECISIONS = ("float32", "bfloat16", "float64")


class Model:
    """See `suite.serve.protocol.Model`. Precisions: float32, bfloat16; float64 for comparison."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        if sut.precision not in PRECISIONS:
            raise ValueError(f"precision {sut.precision} is not offered in JAX, only {', '.join(PRECISIONS)}")
        if sut.precision == "float64":
            jax.config.update("jax_enable_x64", True)
        require_device()
        self._batch, self._dtype = sut.batch, sut.precision
        placed = {name: jnp.array(_inward(value), sut.precision) for name, value in load_file(folder / WEIGHTS).items()}
        statistics = {name: value for name, value in placed.items() if name.endswith(STATISTICS)}
        weights = {name: value for name, value in placed.items() if name not in statistics}
        # The weights are constants of the program, so that the compiler can fold normalisation into convolution.
        self._program = jax.jit(lambda x: _forward(weights, statistics, x.astype(sut.precision), train=False)[0])

    @staticmethod
    def version() -> str:
        """Return the framework's name and version."""
        return f"jax {jax.__version__}"

    def warm_up(self) -> None:
        """Compile and run the program of every padded size."""
        for size in sizes(self._batch):
            self.infer(np.zeros((size, SIDE, SIDE, 1), np.float32))

    def infer(self, batch: Array) -> Array:
        """Return the logits (n, 10)."""
        logits = np.asarray(self._program(padded(batch)))[: len(batch)]
        return logits.astype(np.float32) if self._dtype == "bfloat16" else logits
