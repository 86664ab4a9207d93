"""SmolLM2 in JAX: two compiled functions, for a prompt and for a token, per number of texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from suite.harness.frameworks import jax as framework
from suite.serve.protocol import ENDED, Array, Sut
from suite.workloads.text_generation.serve import llama
from suite.workloads.text_generation.serve.llama import Config
from suite.workloads.text_generation.serve.task import END, NEW_TOKENS, PROMPT_TOKENS, SCORED_TOKENS, Tokens

PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
LENGTH = PROMPT_TOKENS + NEW_TOKENS


class Model:
    """The decoder; see `suite.serve.protocol.TokenModel`."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        sut.require(PRECISIONS)
        framework.configure(sut.precision)
        self._batch = sut.batch
        config, weights = llama.read(folder)
        dtype = PRECISIONS[sut.precision]
        # Products as (in, out): with few texts XLA takes up to twice as long for (out, in).
        turned = {name: value.T for name, value in weights.items() if name.startswith("layer.") and value.ndim == 2}
        tables = weights | turned | {"last": weights["embedding"].T}
        self._w = {name: jnp.asarray(value, dtype) for name, value in tables.items()}
        self._w["cos"], self._w["sin"] = (jnp.asarray(t, dtype) for t in llama.rotations(config, SCORED_TOKENS))
        self._prompt = jax.jit(partial(prompt, config))
        self._token = jax.jit(partial(token, config), donate_argnums=1)
        self._likelihoods = jax.jit(partial(likelihoods, config))

    def warm_up(self) -> None:
        """Compile for every number of texts."""
        for count in sorted({self._count(texts) for texts in range(1, self._batch + 1)}):
            for _ in self.generate([np.full(PROMPT_TOKENS, 1000, np.int32)] * count):
                pass

    def infer(self, batch: Tokens) -> Array:
        """Return the log-likelihood of each token but the first, given those before it: (n, length - 1)."""
        ids = np.stack(batch)
        room: Array = np.zeros(
            (len(ids), SCORED_TOKENS), np.int32
        )  # what follows a token does not change its likelihood
        room[:, : ids.shape[1]] = ids
        return np.asarray(self._likelihoods(self._w, room))[:, : ids.shape[1] - 1]

    def generate(self, batch: Tokens) -> Iterator[Array]:
        """Yield the likeliest next token of each text until all have ended or NEW_TOKENS are there."""
        count = len(batch)
        ids = np.stack([*batch, *[batch[0]] * (self._count(count) - count)])
        new, cache = self._prompt(self._w, ids)
        ended: Array = np.zeros(count, bool)
        for position in range(PROMPT_TOKENS, LENGTH):
            chosen = np.asarray(new)[:count]
            yield np.where(ended, np.int32(ENDED), chosen)
            ended |= chosen == END
            if ended.all() or position == LENGTH - 1:
                return
            new, cache = self._token(self._w, cache, new, position)

    def _count(self, texts: int) -> int:
        """Return the compiled number of texts for `texts` of them."""
        return min(1 << (texts - 1).bit_length(), self._batch)


Weights = Mapping[str, Any]
Cache = list[tuple[Any, Any]]  # per layer: keys and values (n, heads, length, head)


def prompt(its: Config, w: Weights, ids: Any) -> tuple[Any, Cache]:
    """Return the likeliest next token (n,) of `ids` (n, length), and keys and values with room for what follows."""
    length = ids.shape[1]
    causal = jnp.tril(jnp.ones((length, length), bool))
    cache: Cache = []

    def attend(query: Any, key: Any, value: Any) -> Any:
        room = ((0, 0), (0, 0), (0, LENGTH - length), (0, 0))
        cache.append((jnp.pad(key, room), jnp.pad(value, room)))
        return _attention(query, key, value, causal)

    x = _layers(its, w, ids, slice(0, length), attend)
    return _likeliest(w, x[:, -1]), cache


def token(its: Config, w: Weights, cache: Cache, new: Any, position: Any) -> tuple[Any, Cache]:
    """Return the likeliest token after `new` (n,), which is number `position`, and keys and values with its own."""
    seen = jnp.arange(LENGTH) <= position
    before, after = iter(cache), []

    def attend(query: Any, key: Any, value: Any) -> Any:
        keys, values = (
            jax.lax.dynamic_update_slice(kept, own, (0, 0, position, 0))
            for kept, own in zip(next(before), (key, value), strict=True)
        )
        after.append((keys, values))
        return _attention(query, keys, values, seen[None])

    x = _layers(its, w, new[:, None], position[None], attend)
    return _likeliest(w, x[:, 0]), after


def likelihoods(its: Config, w: Weights, ids: Any) -> Any:
    """Return the log-likelihood of each token of `ids` (n, length) but the first, given those before it."""
    causal = jnp.tril(jnp.ones((ids.shape[1],) * 2, bool))
    x = _layers(its, w, ids, slice(0, ids.shape[1]), lambda q, k, v: _attention(q, k, v, causal))
    logits = (x[:, :-1] @ w["last"]).astype(jnp.float32)
    return jnp.take_along_axis(jax.nn.log_softmax(logits), ids[:, 1:, None], 2)[:, :, 0]


def _likeliest(w: Weights, x: Any) -> Any:
    return jnp.argmax(x @ w["last"], -1).astype(jnp.int32)


def _norm(its: Config, x: Any, weight: Any) -> Any:
    wide = x.astype(jnp.float32)
    return (wide * jax.lax.rsqrt((wide * wide).mean(-1, keepdims=True) + its.epsilon)).astype(x.dtype) * weight


def _attention(query: Any, key: Any, value: Any, seen: Any) -> Any:
    """Attend with several query heads to one of keys and values: (n, kv, group, new, head)."""
    likeness = jnp.einsum("nkgqh,nksh->nkgqs", query, key) / key.shape[-1] ** 0.5
    weights = jax.nn.softmax(jnp.where(seen, likeness.astype(jnp.float32), -jnp.inf), -1)
    return jnp.einsum("nkgqs,nksh->nkgqh", weights.astype(value.dtype), value)


def _layers(its: Config, w: Weights, ids: Any, places: Any, attend: Any) -> Any:
    """Return the normalised last state (n, new, width) of `ids` (n, new), at `places` of the text."""
    count, new = ids.shape
    cos, sin = w["cos"][places], w["sin"][places]

    def turned(x: Any) -> Any:
        first, second = jnp.split(x, 2, -1)
        return x * cos + jnp.concatenate([-second, first], -1) * sin

    x = w["embedding"][ids]
    for number in range(its.layers):
        layer = f"layer.{number}"
        y = _norm(its, x, w[f"{layer}.attention_norm"])
        query, key, value = (
            (y @ w[f"{layer}.{part}"]).reshape(count, new, -1, its.head).swapaxes(1, 2)
            for part in ("query", "key", "value")
        )
        grouped = turned(query).reshape(count, its.kv_heads, its.heads // its.kv_heads, new, its.head)
        seen = attend(grouped, turned(key), value).reshape(count, its.heads, new, its.head)
        x = x + seen.swapaxes(1, 2).reshape(count, new, its.width) @ w[f"{layer}.output"]
        y = _norm(its, x, w[f"{layer}.inner_norm"])
        inner = jax.nn.silu(y @ w[f"{layer}.gate"]) * (y @ w[f"{layer}.up"])
        x = x + inner @ w[f"{layer}.down"]
    return _norm(its, x, w["norm"])
