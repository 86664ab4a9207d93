"""Few shapes for compilers that make a program of each: batches are padded to the next power of two."""

from __future__ import annotations

import numpy as np

from suite.workloads.protocol import Array


def sizes(batch: int) -> list[int]:
    """Return the padded sizes that batches of 1 to `batch` samples take: powers of two, the last as large as needed."""
    return [1 << power for power in range((batch - 1).bit_length() + 1)]


def padded(batch: Array) -> Array:
    """Return the batch with blank samples behind it, up to the next power of two."""
    missing = (1 << (len(batch) - 1).bit_length()) - len(batch)
    return np.pad(batch, [(0, missing)] + [(0, 0)] * (batch.ndim - 1)) if missing else batch
