"""What any workload needs of TensorFlow: determinism, the target's device or an error, tensors in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from suite.harness.device import DEVICE
from suite.harness.frameworks.layout import AS_STORED, Layout
from suite.workloads.protocol import Array


def version() -> str:
    """Return the framework's name and version."""
    return f"tensorflow {tf.__version__}"


def configure() -> None:
    """Demand deterministic operations and the target's device; raise RuntimeError where there is no such device."""
    tf.config.experimental.enable_op_determinism()
    if DEVICE != "cpu" and not tf.config.list_physical_devices("GPU"):
        raise RuntimeError("TensorFlow sees no GPU, and the target's image says it must use one")


def placed(weights: Mapping[str, Array], precision: str, layout: Layout = AS_STORED) -> dict[str, Any]:
    """Return named arrays as variables, in TensorFlow's layout and the precision."""
    return {name: tf.Variable(layout.inward(value).astype(precision)) for name, value in weights.items()}
