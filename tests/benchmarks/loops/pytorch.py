"""ResNet-8 by hand in PyTorch: tensors and functions only, foreach updates, no determinism asked for."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import batch_norm, conv2d, cross_entropy, linear, relu_


class Loop:
    """Training and evaluation with nothing between."""

    def __init__(self, splits: Any, weights: dict[str, Any]) -> None:
        (self.x, self.y), (self.test_x, self.test_y) = (
            (torch.from_numpy(x).view(-1, 1, 28, 28), torch.from_numpy(y).long()) for x, y in splits
        )
        self.t = {n: torch.from_numpy(w).clone() for n, w in weights.items()}
        for n, w in self.t.items():
            if w.ndim == 4:
                self.t[n] = w.contiguous(memory_format=torch.channels_last)
        names = [n for n in self.t if "running" not in n]
        self.p = [self.t[n].requires_grad_() for n in names]
        self.decayed = [i for i, p in enumerate(self.p) if p.ndim > 1]
        self.v = [torch.zeros_like(p) for p in self.p]

    def norm(self, x: Any, n: str, train: bool) -> Any:
        t = self.t
        mean, var = t[f"{n}.running_mean"], t[f"{n}.running_var"]
        return batch_norm(x, mean, var, t[f"{n}.weight"], t[f"{n}.bias"], train, 0.1, 1e-5)

    def forward(self, x: Any, train: bool) -> Any:
        t = self.t
        x = relu_(self.norm(conv2d(x, t["stem.conv.weight"], None, 2, 1), "stem.bn", train))
        for b, stride in (("block1", 1), ("block2", 2), ("block3", 2)):
            y = relu_(self.norm(conv2d(x, t[f"{b}.conv1.weight"], None, stride, 1), f"{b}.bn1", train))
            y = self.norm(conv2d(y, t[f"{b}.conv2.weight"], None, 1, 1), f"{b}.bn2", train)
            short = x if stride == 1 else conv2d(x, t[f"{b}.shortcut.weight"], None, stride)
            x = relu_(y.add_(short))
        return linear(x.mean((2, 3)), t["head.weight"], t["head.bias"])

    def train(self, batches: Any, rate: float) -> float:
        losses = []
        for batch in torch.from_numpy(batches):
            loss = cross_entropy(self.forward(self.x[batch], train=True), self.y[batch])
            g = list(torch.autograd.grad(loss, self.p))
            with torch.no_grad():
                torch._foreach_add_([g[i] for i in self.decayed], [self.p[i] for i in self.decayed], alpha=5e-4)
                torch._foreach_mul_(self.v, 0.9)
                torch._foreach_add_(self.v, g)
                torch._foreach_add_(g, self.v, alpha=0.9)
                torch._foreach_add_(self.p, g, alpha=-rate)
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    @torch.inference_mode()
    def evaluate(self) -> int:
        batches = zip(self.test_x.split(100), self.test_y.split(100), strict=True)
        return int(sum((self.forward(x, train=False).argmax(1) == y).sum() for x, y in batches))
