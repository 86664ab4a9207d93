"""The test pictures of Fashion-MNIST as samples, their classes as answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.workloads.image_classification.task import FILES, SIDE, TEST_SAMPLES, idx, normalised
from suite.workloads.protocol import Array

WEIGHTS = "image-classification.safetensors"
METRIC = "top-1 accuracy"


class Task:
    """See `suite.serve.protocol.Task`. A batch is float32 (n, 28, 28, 1); outputs are logits (n, 10)."""

    SAMPLES = TEST_SAMPLES
    PERFORMANCE_SAMPLES = 1024  # MLPerf's number for image classification
    ANSWER_BYTES = 4

    def __init__(self, folder: Path) -> None:
        pictures, self._classes = idx(folder / FILES[2], 3), idx(folder / FILES[3], 1)
        if pictures.shape != (TEST_SAMPLES, SIDE, SIDE) or len(self._classes) != TEST_SAMPLES:
            raise ValueError(f"{FILES[2]} and {FILES[3]} do not belong together")
        self._pictures = normalised(pictures, "float32")  # MLPerf, too, lets preprocessing happen outside the clock
        self._loaded: Array = np.zeros((TEST_SAMPLES, SIDE, SIDE, 1), np.float32)

    def load(self, indices: Sequence[int]) -> None:
        """Copy normalised pictures to where `inputs` takes them."""
        self._loaded[indices] = self._pictures[indices]

    def unload(self, indices: Sequence[int]) -> None:
        """Blank pictures, so that one that was not loaded cannot pass for one that was."""
        self._loaded[indices] = 0

    def inputs(self, indices: Sequence[int]) -> Array:
        """Return loaded pictures, float32 (n, 28, 28, 1)."""
        return self._loaded[indices]

    def answers(self, outputs: Array) -> Array:
        """Return the class with the largest logit, int32 (n,)."""
        return outputs.argmax(1).astype(np.int32)

    def accuracy(self, answers: Mapping[int, bytes], model: Any) -> dict[str, float]:  # noqa: ARG002
        """Return the share of pictures given their class."""
        right = sum(int.from_bytes(answer, "little") == self._classes[index] for index, answer in answers.items())
        return {METRIC: right / len(self._classes)}
