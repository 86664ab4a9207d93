"""SmolLM2 in float64 and plain numpy: what the outputs of every framework are held against.

`python -m suite.workloads.text_generation.reference FOLDER outputs` (the folder with the data files) writes the rule
set's `outputs/text-generation.json` to standard output; with `tokens` instead, `weights/text-generation-tokens.json`,
for which the folder may hold that file in any state. Needs numpy alone; the tokens take minutes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from suite.serve.protocol import Array
from suite.workloads.text_generation.serve import llama
from suite.workloads.text_generation.serve.task import END, NEW_TOKENS, SCORED_TOKENS, Task

SAMPLES = [0, 21, 42, 63]
DIGITS = 10  # significant, of what is written
Past = list[tuple[Array, Array]]  # per layer: keys and values (n, heads, length, head)


def _product(x: Array, weight: Array) -> Array:
    """Return x Wᵀ over the last dimension, as one product of two matrices: numpy would make one per text."""
    return (x.reshape(-1, x.shape[-1]) @ weight.T).reshape(*x.shape[:-1], len(weight))


class Reference:
    """The decoder, weights in float64."""

    def __init__(self, folder: Path) -> None:
        """Read the weights."""
        self._config, weights = llama.read(folder)
        self._w: Mapping[str, Array] = {name: value.astype(np.float64) for name, value in weights.items()}
        self._cos, self._sin = llama.rotations(self._config, SCORED_TOKENS)

    def logits(self, ids: Array, past: Past) -> tuple[Array, Past]:
        """Return the logits (n, new, tokens) of `ids` (n, new), which follow `past`, and all keys and values."""
        w, its = self._w, self._config
        count, new = ids.shape
        start = past[0][0].shape[2] if past else 0
        hidden = np.arange(start + new) > start + np.arange(new)[:, None]  # what a token may not look at
        x = w["embedding"][ids]
        now: Past = []
        for number in range(its.layers):
            layer = f"layer.{number}"
            y = self._norm(x, f"{layer}.attention_norm")
            query, key, value = (
                _product(y, w[f"{layer}.{part}"]).reshape(count, new, -1, its.head).transpose(0, 2, 1, 3)
                for part in ("query", "key", "value")
            )
            query, key = self._turned(query, start), self._turned(key, start)
            if past:
                key, value = (np.concatenate(pair, axis=2) for pair in zip(past[number], (key, value), strict=True))
            now.append((key, value))
            group = its.heads // its.kv_heads
            likeness = query @ np.repeat(key, group, axis=1).transpose(0, 1, 3, 2) / np.sqrt(its.head)
            likeness[:, :, hidden] = -np.inf
            attention = np.exp(likeness - likeness.max(-1, keepdims=True))
            attention /= attention.sum(-1, keepdims=True)
            seen = (attention @ np.repeat(value, group, axis=1)).transpose(0, 2, 1, 3).reshape(count, new, its.width)
            x = x + _product(seen, w[f"{layer}.output"])
            y = self._norm(x, f"{layer}.inner_norm")
            gate = _product(y, w[f"{layer}.gate"])
            up = _product(y, w[f"{layer}.up"])
            x = x + _product(gate / (1 + np.exp(-gate)) * up, w[f"{layer}.down"])
        return _product(self._norm(x, "norm"), w["embedding"]), now

    def likelihoods(self, ids: Array) -> Array:
        """Return the log-likelihood of each token but the first, given those before it: (n, length - 1)."""
        logits, _ = self.logits(ids, [])
        logits = logits[:, :-1] - logits[:, :-1].max(-1, keepdims=True)
        chosen = np.take_along_axis(logits, ids[:, 1:, None], 2)[:, :, 0]
        return chosen - np.log(np.exp(logits).sum(-1))

    def generate(self, ids: Array) -> tuple[list[list[int]], float]:
        """Return the likeliest next tokens of each text, and the smallest lead (of logits) a choice was won by."""
        new, closest = ids, np.inf
        past: Past = []
        texts: list[list[int]] = [[] for _ in ids]
        for _ in range(NEW_TOKENS):
            logits, past = self.logits(new, past)
            best = np.sort(logits[:, -1])[:, -2:]
            new = logits[:, -1].argmax(-1)[:, None]
            for row, text in enumerate(texts):
                if not text or text[-1] != END:
                    text.append(int(new[row, 0]))
                    closest = min(closest, best[row, 1] - best[row, 0])
        return texts, float(closest)

    def _norm(self, x: Array, name: str) -> Array:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self._config.epsilon) * self._w[name]

    def _turned(self, x: Array, start: int) -> Array:
        first, second = np.split(x, 2, axis=-1)
        places = slice(start, start + x.shape[2])
        return x * self._cos[places] + np.concatenate([-second, first], -1) * self._sin[places]


def main(folder: Path, what: str) -> None:
    """Write the reference outputs or the reference tokens."""
    task, model = Task(folder), Reference(folder)
    if what == "outputs":
        rows = model.likelihoods(np.stack(task.inputs(SAMPLES)))
        outputs = [[float(f"{value:.{DIGITS - 1}e}") for value in row] for row in rows]
        source = "float64 log-likelihoods of the prompts' tokens by suite/workloads/text_generation/reference.py"
        found: dict[str, object] = {"samples": SAMPLES, "outputs": outputs, "source": source}
    else:
        tokens, closest = model.generate(np.stack(task.inputs(range(task.SAMPLES))))
        source = "greedy choices in float64 by suite/workloads/text_generation/reference.py"
        found = {"tokens": tokens, "closest": closest, "source": source}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
