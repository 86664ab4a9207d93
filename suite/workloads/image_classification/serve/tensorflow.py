"""ResNet-8 in TensorFlow for inference: one graph compiled by XLA per padded batch size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file

from suite.harness.frameworks import tensorflow as framework
from suite.serve.job import Sut
from suite.workloads.image_classification.serve.shapes import padded, sizes
from suite.workloads.image_classification.serve.task import WEIGHTS
from suite.workloads.image_classification.task import SIDE
from suite.workloads.image_classification.tensorflow import LAYOUT, forward
from suite.workloads.protocol import Array

PRECISIONS = ("float32", "float64")


class Model:
    """See `suite.serve.protocol.Model`. Precisions: float32; float64 for comparison."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        sut.require(PRECISIONS)
        tf.config.threading.set_intra_op_parallelism_threads(sut.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.experimental.enable_tensor_float_32_execution(False)  # of XLA's own products on a GPU
        self._batch = sut.batch
        framework.configure()
        w = framework.placed(load_file(folder / WEIGHTS), sut.precision, LAYOUT)
        dtype = tf.as_dtype(sut.precision)

        @tf.function(jit_compile=True, reduce_retracing=False)
        def program(x: Any) -> Any:
            return forward(w, {"pictures": tf.cast(x, dtype)}, train=False)

        shape = [None, SIDE, SIDE, 1]
        self._programs = {
            size: program.get_concrete_function(tf.TensorSpec([size, *shape[1:]], tf.float32))
            for size in sizes(sut.batch)
        }

    def warm_up(self) -> None:
        """Compile and run the program of every padded size."""
        for size in sizes(self._batch):
            self.infer(np.zeros((size, SIDE, SIDE, 1), np.float32))

    def infer(self, batch: Array) -> Array:
        """Return the logits (n, 10)."""
        whole = padded(batch)
        return self._programs[len(whole)](tf.constant(whole)).numpy()[: len(batch)]
