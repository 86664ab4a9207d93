"""The toy in TensorFlow."""

import tensorflow as tf


def forward(w, batch, train):
    known = tf.gather(w["kinds.weight"], batch["kind"])
    hidden = tf.tanh(tf.linalg.matmul(batch["features"], w["first.weight"], transpose_b=True) + w["first.bias"] + known)
    return tf.linalg.matmul(hidden, w["last.weight"], transpose_b=True)[:, 0] * w["scale"]


def loss(outputs, batch):
    return tf.reduce_sum(batch["weight"] * (outputs - batch["value"]) ** 2) / tf.reduce_sum(batch["weight"])
