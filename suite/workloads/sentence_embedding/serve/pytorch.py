"""all-MiniLM-L6-v2 in PyTorch: eager functions over the tensors of the weights file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from safetensors.torch import load_file

from suite.harness.frameworks.pytorch import DEVICE, PRECISIONS, linear
from suite.serve.protocol import Array, Sut
from suite.workloads.sentence_embedding.serve.task import (
    EPSILON,
    HEADS,
    LAYERS,
    WEIGHTS,
    WIDTH,
    Tokens,
    groups,
    made_up,
)


class Model:
    """The encoder; see `suite.serve.protocol.Model`."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        sut.require(PRECISIONS)
        torch.set_num_threads(sut.threads)
        self._batch = sut.batch
        self._given = torch.float64 if sut.precision == "float64" else torch.float32  # of the embeddings
        loaded = load_file(str(folder / WEIGHTS))
        named = {name.removeprefix("encoder."): w.to(DEVICE, PRECISIONS[sut.precision]) for name, w in loaded.items()}
        for layer in range(LAYERS):  # one product for queries, keys and values
            its = f"layer.{layer}.attention.self"
            for part in ("weight", "bias"):
                named[f"{its}.{part}"] = torch.cat([named.pop(f"{its}.{n}.{part}") for n in ("query", "key", "value")])
        self._w = {name: w for name, w in named.items() if "embeddings" in name or "LayerNorm" in name}
        self._linear = {
            name.removesuffix(".weight"): linear(w, named[name.replace(".weight", ".bias")])
            for name, w in named.items()
            if name.startswith("layer.") and name.endswith(".weight") and "LayerNorm" not in name
        }

    def warm_up(self) -> None:
        """Embed texts of every length, and a whole batch of those that are embedded together."""
        for batch in made_up(self._batch):
            self.infer(batch)

    def infer(self, batch: Tokens) -> Array:
        """Return the embeddings (n, 384), each of length 1."""
        found = torch.empty(len(batch), WIDTH, dtype=self._given)
        with torch.inference_mode():
            for group in groups(batch):
                embedded = self._embed(
                    torch.from_numpy(group.ids).to(DEVICE), torch.from_numpy(group.lengths).to(DEVICE)
                )
                found[torch.from_numpy(group.places)] = embedded.to("cpu", self._given)
        return found.numpy()

    def _norm(self, x: Any, name: str) -> Any:
        return F.layer_norm(
            x, (WIDTH,), self._w[f"{name}.LayerNorm.weight"], self._w[f"{name}.LayerNorm.bias"], EPSILON
        )

    def _embed(self, ids: Any, lengths: Any) -> Any:
        """Embed `ids` (n, length), of which `lengths` (n,) are not padding."""
        count, length = ids.shape
        present = torch.arange(length, device=DEVICE) < lengths[:, None]
        mask = None if count == 1 else present[:, None, None, :]
        x = F.embedding(ids, self._w["embeddings.word_embeddings.weight"])
        x = x + self._w["embeddings.position_embeddings.weight"][:length]
        x = self._norm(x + self._w["embeddings.token_type_embeddings.weight"][0], "embeddings")
        for layer in range(LAYERS):
            name = f"layer.{layer}"
            heads = self._linear[f"{name}.attention.self"](x).view(count, length, 3, HEADS, WIDTH // HEADS)
            query, key, value = heads.permute(2, 0, 3, 1, 4)
            seen = F.scaled_dot_product_attention(query, key, value, mask).transpose(1, 2).reshape(x.shape)
            x = self._norm(self._linear[f"{name}.attention.output.dense"](seen) + x, f"{name}.attention.output")
            wide = F.gelu(self._linear[f"{name}.intermediate.dense"](x))
            x = self._norm(self._linear[f"{name}.output.dense"](wide) + x, f"{name}.output")
        kept = present[:, :, None].to(x.dtype)
        return F.normalize((x * kept).sum(1) / kept.sum(1), dim=1)
