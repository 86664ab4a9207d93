"""What any workload needs of JAX: the target's device or an error, 64 bits where asked for, tensors in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from suite.harness.device import DEVICE
from suite.harness.frameworks.layout import AS_STORED, Layout
from suite.workloads.protocol import Array


def version() -> str:
    """Return the framework's name and version."""
    return f"jax {jax.__version__}"


def configure(precision: str) -> None:
    """Allow 64 bits where `precision` needs them, for the whole process; demand the target's device.

    Raises RuntimeError where JAX would not compute on the device that the target's image says it must use.
    """
    if precision == "float64":
        jax.config.update("jax_enable_x64", True)
    try:
        found = jax.default_backend()
    except (RuntimeError, AssertionError) as error:  # JAX's ways to say that $JAX_PLATFORMS names what is not there
        raise RuntimeError(_missing(str(error))) from error
    if DEVICE != "cpu" and found == "cpu":
        raise RuntimeError(_missing("it took the processor"))


def _missing(why: str) -> str:
    return f"JAX sees no {DEVICE} device, and the target's image says it must use one{why and f' ({why})'}"


def placed(weights: Mapping[str, Array], precision: str, layout: Layout = AS_STORED) -> dict[str, Any]:
    """Return named arrays as JAX's, in its layout and the precision."""
    return {name: jnp.array(layout.inward(value), precision) for name, value in weights.items()}
