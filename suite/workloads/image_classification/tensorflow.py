"""ResNet-8 in TensorFlow.

Batch normalisation is written out: the fused kernel knows no float64, and what parity proves should be what runs.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from suite.harness.frameworks.layout import CHANNELS_LAST
from suite.workloads.image_classification.task import EPSILON, MOMENTUM, STAGES

LAYOUT = CHANNELS_LAST


def _conv(x: Any, kernel: Any, stride: int) -> Any:
    """Convolve (n, h, w, in) with (h, w, in, out); the padding is written out: "SAME" would differ at stride 2."""
    pad = [kernel.shape[0] // 2] * 2
    return tf.nn.conv2d(x, kernel, stride, [[0, 0], pad, pad, [0, 0]])


def _conv_norm(w: Any, x: Any, conv: str, norm: str, stride: int, train: bool) -> Any:
    """Convolve, then normalise by the batch's biased variance, moving the running statistics.

    Mean and mean square come from one pass over x; XLA fuses the rest into its neighbours. Outside training the running
    statistics are part of the kernel, so that convolution, shift and ReLU are one operation.
    """
    name, kernel = norm, w[f"{conv}.weight"]
    running_mean, running_var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    mean, var = running_mean, running_var
    if train:
        x = _conv(x, kernel, stride)
        count = x.shape[0] * x.shape[1] * x.shape[2]
        mean = tf.reduce_mean(x, (0, 1, 2))
        var = tf.reduce_mean(tf.square(x), (0, 1, 2)) - tf.square(mean)
        running_mean.assign((1 - MOMENTUM) * running_mean + MOMENTUM * mean)
        running_var.assign((1 - MOMENTUM) * running_var + MOMENTUM * var * (count / (count - 1)))
    scale = w[f"{name}.weight"] * tf.math.rsqrt(var + EPSILON)
    shift = w[f"{name}.bias"] - mean * scale
    return x * scale + shift if train else tf.nn.bias_add(_conv(x, kernel * scale, stride), shift)


def forward(w: Any, batch: Any, train: bool) -> Any:
    """Return the logits (n, 10)."""
    x = tf.nn.relu(_conv_norm(w, batch["pictures"], "stem.conv", "stem.bn", 2, train))
    for block, _, _, stride in STAGES:
        name = f"block{block}"
        y = tf.nn.relu(_conv_norm(w, x, f"{name}.conv1", f"{name}.bn1", stride, train))
        y = _conv_norm(w, y, f"{name}.conv2", f"{name}.bn2", 1, train)
        x = tf.nn.relu(y + (_conv(x, w[f"{name}.shortcut.weight"], stride) if stride > 1 else x))
    return tf.reduce_mean(x, (1, 2)) @ w["head.weight"] + w["head.bias"]


def loss(outputs: Any, batch: Any) -> Any:
    """Return the mean softmax cross-entropy."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], outputs))
