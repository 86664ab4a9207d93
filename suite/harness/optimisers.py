"""The optimisers, each defined once: JAX and TensorFlow run these lines, PyTorch's own are proven against them.

`assay parity` proves it: in float64 an update that is not this one parts the losses at the second step. A field is
called as MLPerf's log calls the hyperparameter. Only tensors of more than one dimension decay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

Slots = tuple[Any, ...]  # what an optimiser keeps of one tensor, each of its shape and zero at the start


@dataclass(frozen=True)
class Sgd:
    """SGD with Nesterov momentum: g += decay p; v = mu v + g; p -= rate (g + mu v).

    Sutskever et al. 2013, "On the importance of initialization and momentum", in the form of PyTorch's SGD.
    """

    opt_momentum: float
    opt_weight_decay: float
    SLOTS: ClassVar = ("velocity",)

    def numbers(self, rates: Sequence[float], taken: int) -> list[list[float]]:  # noqa: ARG002 (AdamW counts steps)
        """Return what each step's update needs besides tensors, computed in float64: its rate."""
        return [[rate] for rate in rates]

    def update(self, p: Any, g: Any, slots: Slots, numbers: Any, _sqrt: Callable[[Any], Any]) -> tuple[Any, Slots]:
        """Return the tensor and its slots after one step."""
        rate, (v,) = numbers[0], slots
        if len(p.shape) > 1:
            g = g + self.opt_weight_decay * p
        v = self.opt_momentum * v + g
        return p - rate * (g + self.opt_momentum * v), (v,)


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled decay: p -= rate decay p; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²;
    p -= rate (m / (1 - b1ᵗ)) / (sqrt(v / (1 - b2ᵗ)) + eps).

    Loshchilov and Hutter 2019, "Decoupled weight decay regularization", in the form of PyTorch's AdamW.
    """  # noqa: D205

    opt_adamw_beta_1: float
    opt_adamw_beta_2: float
    opt_adamw_epsilon: float
    opt_adamw_weight_decay: float
    SLOTS: ClassVar = ("mean", "mean_square")

    def numbers(self, rates: Sequence[float], taken: int) -> list[list[float]]:
        """Return for each step, `taken` steps after the start: rate, rate / (1 - b1ᵗ), sqrt(1 - b2ᵗ)."""
        b1, b2 = self.opt_adamw_beta_1, self.opt_adamw_beta_2
        return [[rate, rate / (1 - b1**t), math.sqrt(1 - b2**t)] for t, rate in enumerate(rates, taken + 1)]

    def update(self, p: Any, g: Any, slots: Slots, numbers: Any, sqrt: Callable[[Any], Any]) -> tuple[Any, Slots]:
        """Return the tensor and its slots after one step."""
        rate, corrected, root, (m, v) = numbers[0], numbers[1], numbers[2], slots
        if len(p.shape) > 1:
            p = p - rate * self.opt_adamw_weight_decay * p
        m = self.opt_adamw_beta_1 * m + (1 - self.opt_adamw_beta_1) * g
        v = self.opt_adamw_beta_2 * v + (1 - self.opt_adamw_beta_2) * g * g
        return p - corrected * m / (sqrt(v) / root + self.opt_adamw_epsilon), (m, v)


Optimiser = Sgd | AdamW
OPTIMISERS: dict[str, type[Sgd] | type[AdamW]] = {"sgd": Sgd, "adamw": AdamW}  # by MLPerf's `opt_name`


def settings_of(name: object) -> list[str] | None:
    """Return the hyperparameters that are an optimiser's own; None for one that is not implemented."""
    kind = OPTIMISERS.get(name) if isinstance(name, str) else None
    return None if kind is None else [field.name for field in fields(kind)]
