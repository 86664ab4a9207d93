"""ResNet-8 by hand in TensorFlow: fused kernels, one graph for the block."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


class Loop:
    """Training and evaluation with nothing between."""

    def __init__(self, splits: Any, weights: dict[str, Any]) -> None:
        (self.x, self.y), (self.test_x, self.test_y) = ((tf.constant(x), tf.constant(y)) for x, y in splits)
        self.w = {n: tf.Variable(v.transpose(2, 3, 1, 0) if v.ndim == 4 else v.T) for n, v in weights.items()}
        self.trained = [n for n in self.w if "running" not in n]
        self.v = {n: tf.Variable(np.zeros(self.w[n].shape, np.float32)) for n in self.trained}

    def norm(self, x: Any, n: str, train: bool) -> Any:
        w = self.w
        mean, var = w[f"{n}.running_mean"], w[f"{n}.running_var"]
        y, new_mean, new_var, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=w[f"{n}.weight"],
            offset=w[f"{n}.bias"],
            mean=mean,
            variance=var,
            epsilon=1e-5,
            exponential_avg_factor=0.1,
            is_training=train,
        )
        if train:
            mean.assign(new_mean)
            var.assign(new_var)
        return y

    def conv(self, x: Any, n: str, stride: int) -> Any:
        k = self.w[f"{n}.weight"]
        pad = [k.shape[0] // 2] * 2
        return tf.nn.conv2d(x, k, stride, [[0, 0], pad, pad, [0, 0]])

    def forward(self, x: Any, train: bool) -> Any:
        x = tf.nn.relu(self.norm(self.conv(x, "stem.conv", 2), "stem.bn", train))
        for b, stride in (("block1", 1), ("block2", 2), ("block3", 2)):
            y = tf.nn.relu(self.norm(self.conv(x, f"{b}.conv1", stride), f"{b}.bn1", train))
            y = self.norm(self.conv(y, f"{b}.conv2", 1), f"{b}.bn2", train)
            x = tf.nn.relu(y + (x if stride == 1 else self.conv(x, f"{b}.shortcut", stride)))
        return tf.reduce_mean(x, (1, 2)) @ self.w["head.weight"] + self.w["head.bias"]

    @tf.function(jit_compile=True)
    def step(self, x: Any, y: Any, rate: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = self.forward(x, train=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        for n, g in zip(self.trained, tape.gradient(loss, [self.w[n] for n in self.trained]), strict=True):
            g = g + 5e-4 * self.w[n] if len(self.w[n].shape) > 1 else g
            v = self.v[n].assign(0.9 * self.v[n] + g)
            self.w[n].assign_sub(rate * (g + 0.9 * v))
        return loss

    @tf.function
    def block(self, x: Any, y: Any, batches: Any, rate: Any) -> Any:
        total = tf.constant(0.0)
        for batch in batches:
            total += self.step(tf.gather(x, batch), tf.gather(y, batch), rate)
        return total

    def train(self, batches: Any, rate: float) -> float:
        return float(self.block(self.x, self.y, tf.constant(batches), tf.constant(rate)))

    @tf.function
    def right(self, x: Any, y: Any) -> Any:
        total = tf.constant(0, tf.int64)
        for start in tf.range(0, 10000, 100):
            hit = tf.argmax(self.forward(x[start : start + 100], train=False), 1, tf.int32) == y[start : start + 100]
            total += tf.math.count_nonzero(hit)
        return total

    def evaluate(self) -> int:
        return int(self.right(self.test_x, self.test_y))
