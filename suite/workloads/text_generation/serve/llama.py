"""SmolLM2's sizes and weights out of its GGUF file: float32 tensors by name, the same for every framework."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from suite.serve.protocol import Array
from suite.workloads.text_generation.serve.gguf import Gguf

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
PARTS = {  # name here: name in GGUF
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "output": "attn_output",
    "inner_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


@dataclass(frozen=True)
class Config:
    """The sizes of a Llama model."""

    layers: int
    width: int
    heads: int
    kv_heads: int  # keys and values, each for heads / kv_heads queries
    inner: int
    epsilon: float  # of the normalisation
    base: float  # of the rotary positions

    @property
    def head(self) -> int:
        """Width of a head."""
        return self.width // self.heads


def read(folder: Path) -> tuple[Config, dict[str, Array]]:
    """Return sizes and float32 weights; raise ValueError where the file is not the Llama model it should be.

    Products are (out, in): `layer.<i>.query`, `.key`, … as in PARTS; `embedding` (also the last product) and `norm`.
    """
    file = Gguf(folder / WEIGHTS)
    config = _config(file)
    weights = {"embedding": file.weights("token_embd.weight"), "norm": file.weights("output_norm.weight")}
    for layer in range(config.layers):
        for part, theirs in PARTS.items():
            tensor = file.weights(f"blk.{layer}.{theirs}.weight")
            if part in ("query", "key"):
                tensor = _halves(tensor, config.head)
            weights[f"layer.{layer}.{part}"] = tensor
    return config, weights


def rotations(config: Config, positions: int) -> tuple[Array, Array]:
    """Return cosine and sine (positions, head) of the rotary positions (Su et al. 2021), float64.

    Element i of a head turns with element i + head / 2: x cos + (-x₂, x₁) sin.
    """
    rates = config.base ** (-np.arange(0, config.head, 2) / config.head)
    angles = np.arange(positions)[:, None] * np.concatenate([rates, rates])
    return np.cos(angles), np.sin(angles)


def _config(file: Gguf) -> Config:
    kinds: dict[str, type] = {
        "block_count": int,
        "embedding_length": int,
        "attention.head_count": int,
        "attention.head_count_kv": int,
        "feed_forward_length": int,
        "attention.layer_norm_rms_epsilon": float,
        "rope.freq_base": float,
    }
    values = [file.metadata.get(f"llama.{name}") for name in kinds]
    if file.metadata.get("general.architecture") != "llama" or "output.weight" in file.tensors:
        raise ValueError(f"{WEIGHTS} is not a Llama model whose embedding is its last product too")
    for value, (name, kind) in zip(values, kinds.items(), strict=True):
        if not isinstance(value, kind) or not value > 0:  # type: ignore[operator]  # of that kind
            raise ValueError(f"{WEIGHTS}: llama.{name} is {value!r}")
    config = Config(*values)  # type: ignore[arg-type]  # seen just now
    if config.width % (2 * config.heads) or config.heads % config.kv_heads:
        raise ValueError(f"{WEIGHTS}: {config.heads} heads do not fit a width of {config.width}")
    return config


def _halves(tensor: Array, head: int) -> Array:
    """Undo llama.cpp's order within each head: neighbours there turn together, here the two halves do."""
    pairs = tensor.reshape(-1, head // 2, 2, tensor.shape[1])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(tensor.shape)
