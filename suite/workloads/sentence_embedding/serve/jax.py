"""all-MiniLM-L6-v2 in JAX: one compiled function per shape; texts are padded to the shapes compiled beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

from suite.harness.frameworks import jax as framework
from suite.serve.protocol import Array, Sut
from suite.workloads.sentence_embedding.serve.task import (
    EPSILON,
    HEADS,
    LAYERS,
    LONGEST,
    TOGETHER,
    WEIGHTS,
    WIDTH,
    Tokens,
    groups,
)

STEP = 16  # tokens, between the lengths compiled for long texts: padding to powers of two would nearly double the work


class Model:
    """The encoder; see `suite.serve.protocol.Model`."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        sut.require(["float32"])
        framework.configure(sut.precision)
        self._batch = sut.batch
        weights = {name.removeprefix("encoder."): value for name, value in load_file(folder / WEIGHTS).items()}
        self._w = {name: jnp.asarray(value) for name, value in weights.items() if value.dtype == np.float32}
        self._embed = jax.jit(embed)

    def warm_up(self) -> None:
        """Compile every shape."""
        for length in sorted({_length(longest) for longest in range(1, LONGEST + 1)}):
            most = self._batch if length <= TOGETHER[-1] else 1
            for count in sorted({_count(n, self._batch) for n in range(1, most + 1)}):
                self._embed(self._w, np.zeros((count, length), np.int32), np.ones(count, np.int32)).block_until_ready()

    def infer(self, batch: Tokens) -> Array:
        """Return the embeddings (n, 384), each of length 1."""
        found: Array = np.empty((len(batch), WIDTH), np.float32)
        for places, ids, lengths in groups(batch):
            count, longest = ids.shape
            room: Array = np.zeros((_count(count, self._batch), _length(longest)), np.int32)
            there: Array = np.ones(len(room), np.int32)
            room[:count, :longest], there[:count] = ids, lengths
            found[places] = np.asarray(self._embed(self._w, room, there))[:count]
        return found


def _length(longest: int) -> int:
    """Return the compiled length for texts of up to `longest` tokens."""
    return next((length for length in TOGETHER if longest <= length), -(-longest // STEP) * STEP)


def _count(texts: int, batch: int) -> int:
    """Return the compiled number of texts for `texts` of them."""
    return min(1 << (texts - 1).bit_length(), batch)


def _linear(x: Any, w: Any, name: str) -> Any:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _norm(x: Any, w: Any, name: str) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + EPSILON)
    return scaled * w[f"{name}.LayerNorm.weight"] + w[f"{name}.LayerNorm.bias"]


def embed(w: Any, ids: Any, lengths: Any) -> Any:
    """Embed `ids` (n, length), of which `lengths` (n,) are not padding; the layers are written out, as XLA likes it."""
    count, length = ids.shape
    present = jnp.arange(length) < lengths[:, None]
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:length]
    x = _norm(x + w["embeddings.token_type_embeddings.weight"][0], w, "embeddings")
    for layer in range(LAYERS):
        name = f"layer.{layer}"
        query, key, value = (
            _linear(x, w, f"{name}.attention.self.{part}").reshape(count, length, HEADS, WIDTH // HEADS)
            for part in ("query", "key", "value")
        )
        likeness = jnp.einsum("nqhd,nkhd->nhqk", query, key) / (WIDTH // HEADS) ** 0.5
        attention = jax.nn.softmax(jnp.where(present[:, None, None, :], likeness, -jnp.inf), axis=-1)
        seen = jnp.einsum("nhqk,nkhd->nqhd", attention, value).reshape(x.shape)
        x = _norm(_linear(seen, w, f"{name}.attention.output.dense") + x, w, f"{name}.attention.output")
        wide = jax.nn.gelu(_linear(x, w, f"{name}.intermediate.dense"), approximate=False)
        x = _norm(_linear(wide, w, f"{name}.output.dense") + x, w, f"{name}.output")
    kept = present[:, :, None]
    mean = (x * kept).sum(1) / kept.sum(1)
    return mean / jnp.linalg.norm(mean, axis=1, keepdims=True)
