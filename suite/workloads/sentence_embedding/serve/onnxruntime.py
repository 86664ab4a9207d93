"""all-MiniLM-L6-v2 in ONNX Runtime: the graph is written here, from the tensors of the weights file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from safetensors.numpy import load_file

from suite.harness.frameworks.onnxruntime import session
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

OPSET = 23  # the first with attention as an operator
IR_VERSION = 11


class Model:
    """The encoder; see `suite.serve.protocol.Model`."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        sut.require(["float32"])
        self._batch = sut.batch
        self._session = session(Graph(load_file(folder / WEIGHTS)).model(), sut.threads)

    def warm_up(self) -> None:
        """Embed texts of every length, and a whole batch of those that are embedded together."""
        for batch in made_up(self._batch):
            self.infer(batch)

    def infer(self, batch: Tokens) -> Array:
        """Return the embeddings (n, 384), each of length 1."""
        found: Array = np.empty((len(batch), WIDTH), np.float32)
        for group in groups(batch):
            present = np.arange(group.ids.shape[1]) < group.lengths[:, None]
            [found[group.places]] = self._session.run(None, {"ids": group.ids, "present": present})
        return found


class Graph:
    """Writes the encoder as an ONNX graph: `ids` (n, length) int32, `present` (n, length) bool; embeddings (n, 384)."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = weights
        self._nodes: list[object] = []
        self._tensors: dict[str, Array] = {}

    def model(self) -> bytes:
        """Return the serialised graph, checked by ONNX's own checker."""
        self._write()
        size = ("n", "length")
        graph = helper.make_graph(
            self._nodes,
            "all-MiniLM-L6-v2",
            [
                helper.make_tensor_value_info("ids", TensorProto.INT32, size),
                helper.make_tensor_value_info("present", TensorProto.BOOL, size),
            ],
            [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ("n", WIDTH))],
            [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in self._tensors.items()],
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="assay")
        checker.check_model(model)
        return bytes(model.SerializeToString())

    def _write(self) -> None:
        one = self._constant(1, np.array([1]))
        length = self._node("Slice", self._node("Shape", "ids"), one, self._constant(2, np.array([2])))
        mask = self._node("Unsqueeze", "present", self._constant("heads and queries", np.array([1, 2])))
        mask = self._node("Expand", mask, self._node("Concat", one, one, length, one, axis=0))
        position = self._node(
            "Slice", self._weight("embeddings.position_embeddings.weight"), self._constant(0, np.array([0])), length
        )
        kind = self._tensor("kind", self._weights["embeddings.token_type_embeddings.weight"][0])
        x = self._node("Gather", self._weight("embeddings.word_embeddings.weight"), "ids")
        x = self._norm(self._node("Add", self._node("Add", x, position), kind), "embeddings")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}"
            query, key, value = (self._linear(x, f"{name}.attention.self.{n}") for n in ("query", "key", "value"))
            seen = self._node("Attention", query, key, value, mask, q_num_heads=HEADS, kv_num_heads=HEADS)
            x = self._norm(
                self._node("Add", self._linear(seen, f"{name}.attention.output.dense"), x), f"{name}.attention.output"
            )
            wide = self._node("Gelu", self._linear(x, f"{name}.intermediate.dense"))
            x = self._norm(self._node("Add", self._linear(wide, f"{name}.output.dense"), x), f"{name}.output")
        last = self._constant("last", np.array([-1]))
        kept = self._node("Unsqueeze", self._node("Cast", "present", to=TensorProto.FLOAT), last)
        total = self._node("ReduceSum", self._node("Mul", x, kept), one, keepdims=0)
        mean = self._node("Div", total, self._node("ReduceSum", kept, one, keepdims=0))
        self._nodes.append(helper.make_node("LpNormalization", [mean], ["embeddings"], axis=1, p=2))

    def _node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Add an operation; return the name of its one output."""
        name = f"{kind} {len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def _tensor(self, name: str, value: Array) -> str:
        self._tensors[name] = value
        return name

    def _weight(self, name: str) -> str:
        return self._tensor(name, self._weights[name])

    def _constant(self, name: object, value: Array) -> str:
        return self._tensor(f"constant {name}", value.astype(np.int64))

    def _linear(self, x: str, name: str) -> str:
        weight = self._tensor(f"{name}.weight", self._weights[f"{name}.weight"].T)
        return self._node("Add", self._node("MatMul", x, weight), self._weight(f"{name}.bias"))

    def _norm(self, x: str, name: str) -> str:
        scale, bias = self._weight(f"{name}.LayerNorm.weight"), self._weight(f"{name}.LayerNorm.bias")
        return self._node("LayerNormalization", x, scale, bias, epsilon=EPSILON)
