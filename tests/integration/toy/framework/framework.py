"""What any workload needs of numpy: the target's device or an error, tensors in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from suite.harness.device import DEVICE
from suite.workloads.protocol import Array


def version() -> str:
    """Return the framework's name and version."""
    return f"numpy {np.__version__}"


def configure() -> None:
    """Demand the target's device; raise RuntimeError for any but a processor."""
    if DEVICE != "cpu":
        raise RuntimeError(f"numpy computes on no {DEVICE} device, and the target's image says it must use one")


def placed(weights: Mapping[str, Array], precision: str) -> dict[str, Array]:
    """Return named arrays in the precision."""
    return {name: value.astype(precision) for name, value in weights.items()}
