"""What models of any workload need of JAX: the target's device, or an error."""

from __future__ import annotations

import jax

from suite.serve.device import DEVICE


def require_device() -> None:
    """Raise RuntimeError where JAX would not compute on the device that the target's image says it must use."""
    try:
        found = jax.default_backend()
    except (RuntimeError, AssertionError) as error:  # JAX's ways to say that $JAX_PLATFORMS names what is not there
        raise RuntimeError(_missing(str(error))) from error
    if DEVICE != "cpu" and found == "cpu":
        raise RuntimeError(_missing("it took the processor"))


def _missing(why: str) -> str:
    return f"JAX sees no {DEVICE} device, and the target's image says it must use one{why and f' ({why})'}"
