"""ResNet-8 in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from suite.harness.frameworks.layout import CHANNELS_LAST
from suite.workloads.image_classification.task import EPSILON, MOMENTUM, STAGES

LAYOUT = CHANNELS_LAST


def _conv(x: Any, kernel: Any, stride: int) -> Any:
    """Convolve (n, h, w, in) with (h, w, in, out); the padding is written out: "SAME" would differ at stride 2."""
    pad = (kernel.shape[0] // 2,) * 2
    return lax.conv_general_dilated(x, kernel, (stride, stride), (pad, pad), dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _norm(w: Any, x: Any, name: str, train: bool) -> Any:
    """Normalise by the batch's biased variance, moving the running statistics, or by the running statistics."""
    mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    if train:
        old_mean, old_var = mean, var
        count = x.shape[0] * x.shape[1] * x.shape[2]
        # Mean and mean square in one pass over x, as Flax does: a tenth of the step's time.
        mean = x.mean((0, 1, 2))
        var = jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)
        w[f"{name}.running_mean"] = (1 - MOMENTUM) * old_mean + MOMENTUM * mean
        w[f"{name}.running_var"] = (1 - MOMENTUM) * old_var + MOMENTUM * var * (count / (count - 1))
    scale = lax.rsqrt(var + EPSILON) * w[f"{name}.weight"]
    return x * scale + (w[f"{name}.bias"] - mean * scale)


def forward(w: Any, batch: Any, train: bool) -> Any:
    """Return the logits (n, 10)."""
    x = jax.nn.relu(_norm(w, _conv(batch["pictures"], w["stem.conv.weight"], 2), "stem.bn", train))
    for block, _, _, stride in STAGES:
        name = f"block{block}"
        y = jax.nn.relu(_norm(w, _conv(x, w[f"{name}.conv1.weight"], stride), f"{name}.bn1", train))
        y = _norm(w, _conv(y, w[f"{name}.conv2.weight"], 1), f"{name}.bn2", train)
        x = jax.nn.relu(y + (_conv(x, w[f"{name}.shortcut.weight"], stride) if stride > 1 else x))
    return x.mean((1, 2)) @ w["head.weight"] + w["head.bias"]


def loss(outputs: Any, batch: Any) -> Any:
    """Return the mean softmax cross-entropy."""
    likelihood = jnp.take_along_axis(jax.nn.log_softmax(outputs), batch["labels"][:, None], 1)
    return -likelihood.mean()
