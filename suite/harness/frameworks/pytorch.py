"""What any workload needs of PyTorch: the target's device, determinism, and a linear layer at its speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)

from suite.harness.device import DEVICE as NAME

DEVICE = torch.device(NAME)  # where there is none, the first tensor put there fails
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


def version() -> str:
    """Return the framework's name and version."""
    return f"pytorch {torch.__version__}"


def deterministic() -> None:
    """Demand deterministic operations."""
    torch.use_deterministic_algorithms(mode=True)
    # Every tensor here is written before it is read; filling it first would take 5 % of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False


def linear(weight: Any, bias: Any = None) -> Callable[[Any], Any]:
    """Return x -> x Wᵀ + b; on a processor through oneDNN where it can.

    On AMD's, PyTorch's own way (MKL) takes 2.4 times as long. This is the operator that PyTorch's compiler puts in
    place of `linear`; it knows no float64.
    """
    if weight.device.type != "cpu" or weight.dtype == torch.float64 or not torch.backends.mkldnn.is_available():
        return lambda x: F.linear(x, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight)
    return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
