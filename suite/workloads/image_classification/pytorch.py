"""ResNet-8 in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from suite.workloads.image_classification.task import EPSILON, MOMENTUM, STAGES


def _conv(before: int, after: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    # PyTorch's own convention is the workload's: biased variance in the forward pass, unbiased in the running one.
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)


class Stem(nn.Module):
    """Convolution of stride 2, normalisation, ReLU: (n, 1, 28, 28) to (n, 16, 14, 14)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = _conv(1, 16, 3, 2), _norm(16)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activations."""
        return functional.relu_(self.bn(self.conv(x)))


class Block(nn.Module):
    """Basic residual block; where it halves the picture its shortcut is a 1 x 1 convolution without normalisation."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(before, after, 3, stride), _norm(after)
        self.conv2, self.bn2 = _conv(after, after, 3, 1), _norm(after)
        self.shortcut = _conv(before, after, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the activations."""
        y = functional.relu_(self.bn1(self.conv1(x)))
        return functional.relu_(self.bn2(self.conv2(y)).add_(self.shortcut(x)))


class ResNet8(nn.Module):
    """Stem, three blocks, global mean, linear layer: (n, 1, 28, 28) to (n, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        for block, before, after, stride in STAGES:
            self.add_module(f"block{block}", Block(before, after, stride))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        x = self.block3(self.block2(self.block1(self.stem(x))))
        return self.head(x.mean((2, 3)))


def model() -> nn.Module:
    """Return the module."""
    return ResNet8()


def forward(w: nn.Module, batch: Mapping[str, Tensor], train: bool) -> Tensor:  # noqa: ARG001 (the module knows)
    """Return the logits (n, 10)."""
    return w(batch["pictures"].permute(0, 3, 1, 2))


def loss(outputs: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Return the mean softmax cross-entropy."""
    return functional.cross_entropy(outputs, batch["labels"].long())
