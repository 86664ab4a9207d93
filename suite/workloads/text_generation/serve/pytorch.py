"""SmolLM2 in PyTorch: prompts in one pass, then token by token from cached keys and values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)

from suite.harness.frameworks.pytorch import DEVICE, PRECISIONS, linear
from suite.serve.protocol import ENDED, Array, Sut
from suite.workloads.text_generation.serve import llama
from suite.workloads.text_generation.serve.task import END, NEW_TOKENS, PROMPT_TOKENS, SCORED_TOKENS, Tokens


class Model:
    """The decoder; see `suite.serve.protocol.TokenModel`."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        sut.require(PRECISIONS)
        torch.set_num_threads(sut.threads)
        self._batch, self._dtype = sut.batch, PRECISIONS[sut.precision]
        self._config, weights = llama.read(folder)
        w = {name: torch.from_numpy(value).to(DEVICE, self._dtype) for name, value in weights.items()}
        self._embedding, self._last = w["embedding"], linear(w["embedding"])
        self._norms = {name: value for name, value in w.items() if value.dim() == 1}
        self._linear = {}
        for layer in (f"layer.{number}" for number in range(self._config.layers)):
            self._linear[f"{layer}.attention"] = linear(
                torch.cat([w[f"{layer}.{n}"] for n in ("query", "key", "value")])
            )
            self._linear[f"{layer}.output"] = linear(w[f"{layer}.output"])
            self._linear[f"{layer}.inner"] = linear(torch.cat([w[f"{layer}.gate"], w[f"{layer}.up"]]))
            self._linear[f"{layer}.down"] = linear(w[f"{layer}.down"])
        self._cos, self._sin = (
            torch.from_numpy(table).to(DEVICE, self._dtype) for table in llama.rotations(self._config, SCORED_TOKENS)
        )

    def warm_up(self) -> None:
        """Go on from made-up prompts, alone and as many as a batch has."""
        for count in range(1, self._batch + 1):
            for _ in self.generate([np.full(PROMPT_TOKENS, 1000, np.int32)] * count):
                pass

    def infer(self, batch: Tokens) -> Array:
        """Return the log-likelihood of each token but the first, given those before it: (n, length - 1)."""
        with torch.inference_mode():
            ids = torch.from_numpy(np.stack(batch)).long().to(DEVICE)
            logits = self._last(self._hidden(ids, self._cache(*ids.shape), 0)[:, :-1])
            wide = logits if self._dtype == torch.float64 else logits.float()
            found = torch.log_softmax(wide, -1).gather(2, ids[:, 1:, None])[:, :, 0]
            return found.cpu().numpy()

    def generate(self, batch: Tokens) -> Iterator[Array]:
        """Yield the likeliest next token of each text until all have ended or NEW_TOKENS are there."""
        with torch.inference_mode():
            new = torch.from_numpy(np.stack(batch)).long().to(DEVICE)
            count, position = new.shape
            cache = self._cache(count, position + NEW_TOKENS)
            ended, start = torch.zeros(count, dtype=torch.bool, device=DEVICE), 0
            for _ in range(NEW_TOKENS):
                hidden = self._hidden(new, cache, start)[:, -1]
                start += new.shape[1]
                token = self._last(hidden).argmax(-1)
                yield torch.where(ended, ENDED, token).int().cpu().numpy()
                ended |= token == END
                if bool(ended.all()):
                    return
                new = token[:, None]

    def _cache(self, count: int, length: int) -> Any:
        """Return room for keys and values: (layer, 2, n, heads, length, head)."""
        its = self._config
        return torch.empty(its.layers, 2, count, its.kv_heads, length, its.head, dtype=self._dtype, device=DEVICE)

    def _norm(self, x: Any, name: str) -> Any:
        return F.rms_norm(x, (self._config.width,), self._norms[name], self._config.epsilon)

    def _hidden(self, ids: Any, cache: Any, start: int) -> Any:
        """Return the normalised last state (n, new, width) of `ids` (n, new), the first of which is number `start`."""
        its = self._config
        count, new = ids.shape
        stop = start + new
        cos, sin = self._cos[start:stop], self._sin[start:stop]
        x = F.embedding(ids, self._embedding)
        for number in range(its.layers):
            layer = f"layer.{number}"
            heads = self._linear[f"{layer}.attention"](self._norm(x, f"{layer}.attention_norm"))
            heads = heads.view(count, new, its.heads + 2 * its.kv_heads, its.head).transpose(1, 2)
            turning, value = heads.split([its.heads + its.kv_heads, its.kv_heads], 1)
            first, second = turning.chunk(2, -1)
            turned = turning * cos + torch.cat([-second, first], -1) * sin
            cache[number, 0, :, :, start:stop] = turned[:, its.heads :]
            cache[number, 1, :, :, start:stop] = value
            keys, values = cache[number, :, :, :, :stop]
            seen = F.scaled_dot_product_attention(
                turned[:, : its.heads], keys, values, is_causal=new > 1, enable_gqa=True
            )
            x = x + self._linear[f"{layer}.output"](seen.transpose(1, 2).reshape(count, new, its.width))
            gate, up = self._linear[f"{layer}.inner"](self._norm(x, f"{layer}.inner_norm")).chunk(2, -1)
            x = x + self._linear[f"{layer}.down"](F.silu(gate) * up)
        return self._norm(x, "norm")
