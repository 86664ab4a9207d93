"""ResNet-8 by hand in JAX: one jitted, donated step; losses stay on the device until the block ends."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def conv(x: Any, k: Any, stride: int) -> Any:
    pad = (k.shape[0] // 2,) * 2
    return lax.conv_general_dilated(x, k, (stride, stride), (pad, pad), dimension_numbers=("NHWC", "HWIO", "NHWC"))


def forward(p: Any, s: Any, x: Any, train: bool) -> Any:
    new = {}

    def norm(x: Any, n: str) -> Any:
        mean, var = s[f"{n}.running_mean"], s[f"{n}.running_var"]
        if train:
            m = x.size // x.shape[-1]
            batch_mean = x.mean((0, 1, 2))
            batch_var = jnp.square(x).mean((0, 1, 2)) - jnp.square(batch_mean)
            new[f"{n}.running_mean"] = 0.9 * mean + 0.1 * batch_mean
            new[f"{n}.running_var"] = 0.9 * var + 0.1 * m / (m - 1) * batch_var
            mean, var = batch_mean, batch_var
        scale = p[f"{n}.weight"] * lax.rsqrt(var + 1e-5)
        return x * scale + (p[f"{n}.bias"] - mean * scale)

    x = jax.nn.relu(norm(conv(x, p["stem.conv.weight"], 2), "stem.bn"))
    for b, stride in (("block1", 1), ("block2", 2), ("block3", 2)):
        y = jax.nn.relu(norm(conv(x, p[f"{b}.conv1.weight"], stride), f"{b}.bn1"))
        y = norm(conv(y, p[f"{b}.conv2.weight"], 1), f"{b}.bn2")
        x = jax.nn.relu(y + (x if stride == 1 else conv(x, p[f"{b}.shortcut.weight"], stride)))
    return x.mean((1, 2)) @ p["head.weight"] + p["head.bias"], new


def loss_of(p: Any, s: Any, x: Any, y: Any) -> Any:
    logits, new = forward(p, s, x, train=True)
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean(), new


@partial(jax.jit, donate_argnums=(0, 1, 2))
def step(p: Any, s: Any, v: Any, x: Any, y: Any, rate: Any) -> Any:
    (loss, s), g = jax.value_and_grad(loss_of, has_aux=True)(p, s, x, y)
    g = jax.tree.map(lambda g, p: g + 5e-4 * p if p.ndim > 1 else g, g, p)
    v = jax.tree.map(lambda v, g: 0.9 * v + g, v, g)
    p = jax.tree.map(lambda p, g, v: p - rate * (g + 0.9 * v), p, g, v)
    return p, s, v, loss


@jax.jit
def right(p: Any, s: Any, x: Any, y: Any) -> Any:
    return (forward(p, s, x, train=False)[0].argmax(1) == y).sum()


class Loop:
    """Training and evaluation with nothing between."""

    def __init__(self, splits: Any, weights: dict[str, Any]) -> None:
        # Batches are cut by numpy: a row is contiguous, and the copy is smaller than a gather's dispatch.
        (self.x, self.y), (test_x, test_y) = splits
        self.test = [(jnp.asarray(test_x[i : i + 100]), jnp.asarray(test_y[i : i + 100])) for i in range(0, 10000, 100)]
        w = {n: jnp.array(v.transpose(2, 3, 1, 0) if v.ndim == 4 else v.T) for n, v in weights.items()}
        self.s = {n: v for n, v in w.items() if "running" in n}
        self.p = {n: v for n, v in w.items() if "running" not in n}
        self.v = jax.tree.map(jnp.zeros_like, self.p)

    def train(self, batches: Any, rate: float) -> float:
        losses = []
        for batch in batches:
            x, y = self.x[batch], self.y[batch]
            self.p, self.s, self.v, loss = step(self.p, self.s, self.v, x, y, np.float32(rate))
            losses.append(loss)
        return float(np.mean(losses))

    def evaluate(self) -> int:
        return int(sum(right(self.p, self.s, x, y) for x, y in self.test))
