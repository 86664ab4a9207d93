"""ResNet-8 in JAX for inference: one compiled program per padded batch size."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
from safetensors.numpy import load_file

from suite.harness.frameworks import jax as framework
from suite.serve.job import Sut
from suite.workloads.image_classification.jax import LAYOUT, forward
from suite.workloads.image_classification.serve.shapes import padded, sizes
from suite.workloads.image_classification.serve.task import WEIGHTS
from suite.workloads.image_classification.task import SIDE
from suite.workloads.protocol import Array

PRECISIONS = ("float32", "bfloat16", "float64")


class Model:
    """See `suite.serve.protocol.Model`. Precisions: float32, bfloat16; float64 for comparison."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        sut.require(PRECISIONS)
        framework.configure(sut.precision)
        self._batch, self._dtype = sut.batch, sut.precision
        # The weights are constants of the program, so that the compiler can fold normalisation into convolution.
        w = framework.placed(load_file(folder / WEIGHTS), sut.precision, LAYOUT)
        self._program = jax.jit(lambda x: forward(w, {"pictures": x.astype(sut.precision)}, train=False))

    def warm_up(self) -> None:
        """Compile and run the program of every padded size."""
        for size in sizes(self._batch):
            self.infer(np.zeros((size, SIDE, SIDE, 1), np.float32))

    def infer(self, batch: Array) -> Array:
        """Return the logits (n, 10)."""
        logits = np.asarray(self._program(padded(batch)))[: len(batch)]
        return logits.astype(np.float32) if self._dtype == "bfloat16" else logits
