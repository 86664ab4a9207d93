"""The toy in JAX."""

import jax.numpy as jnp


def forward(w, batch, train):
    hidden = jnp.tanh(batch["features"] @ w["first.weight"].T + w["first.bias"] + w["kinds.weight"][batch["kind"]])
    return (hidden @ w["last.weight"].T)[:, 0] * w["scale"]


def loss(outputs, batch):
    return (batch["weight"] * (outputs - batch["value"]) ** 2).sum() / batch["weight"].sum()
