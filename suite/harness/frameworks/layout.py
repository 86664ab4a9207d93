"""How the weights file's tensors lie in a framework: as they are, or with channels last."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from suite.workloads.protocol import Array


class Layout(NamedTuple):
    """Two functions on one tensor: from the weights file's layout to the framework's, and back."""

    inward: Callable[[Array], Array]
    outward: Callable[[Array], Array]


def _same(value: Array) -> Array:
    return value


def _channels_last(value: Array) -> Array:
    """Turn (out, in, *space) to (*space, in, out); a matrix (out, in) to (in, out)."""
    return value.transpose(*range(2, value.ndim), 1, 0) if value.ndim > 1 else value


def _channels_first(value: Array) -> Array:
    """Turn them back."""
    turned = value.transpose(value.ndim - 1, value.ndim - 2, *range(value.ndim - 2)) if value.ndim > 1 else value
    return np.array(turned, order="C")


AS_STORED = Layout(_same, _same)
CHANNELS_LAST = Layout(_channels_last, _channels_first)
