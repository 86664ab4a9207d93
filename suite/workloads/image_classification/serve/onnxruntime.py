"""ResNet-8 in ONNX Runtime: the graph is written from the same weights when the system under test is loaded.

No model file is fetched or shipped: `graph` says the whole model in ONNX's operators, the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from suite.harness.frameworks.onnxruntime import session
from suite.serve.job import Sut
from suite.workloads.image_classification.serve.task import WEIGHTS
from suite.workloads.image_classification.task import CLASSES, SIDE, STAGES
from suite.workloads.protocol import Array

OPSET, IR = 17, 8
EPSILON = 1e-5


class Model:
    """See `suite.serve.protocol.Model`. Precision: float32."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        sut.require(["float32"])
        self._batch = sut.batch
        model = graph(load_file(folder / WEIGHTS)).SerializeToString(deterministic=True)
        self._session = session(model, sut.threads)

    def warm_up(self) -> None:
        """Run small batches and the largest."""
        for size in (1, 8, self._batch):
            self.infer(np.zeros((min(size, self._batch), SIDE, SIDE, 1), np.float32))

    def infer(self, batch: Array) -> Array:
        """Return the logits (n, 10)."""
        # One channel makes (n, 28, 28, 1) and (n, 1, 28, 28) the same bytes.
        found = self._session.run(None, {"pictures": batch.reshape(len(batch), 1, SIDE, SIDE)})
        return found[0]


def graph(weights: Mapping[str, Array]) -> onnx.ModelProto:
    """Return ResNet-8 (model.md) with `weights` as an ONNX model: pictures (n, 1, 28, 28) to logits (n, 10)."""
    nodes: list[onnx.NodeProto] = []

    def add(operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def conv(x: str, name: str, kernel: int, stride: int) -> str:
        pad = [kernel // 2] * 4
        return add("Conv", [x, f"{name}.weight"], name, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pad)

    def norm(x: str, name: str) -> str:
        tensors = [f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        return add("BatchNormalization", [x, *tensors], name, epsilon=EPSILON)

    x = add("Relu", [norm(conv("pictures", "stem.conv", 3, 2), "stem.bn")], "stem")
    for block, _, _, stride in STAGES:
        name = f"block{block}"
        y = add("Relu", [norm(conv(x, f"{name}.conv1", 3, stride), f"{name}.bn1")], f"{name}.relu1")
        y = norm(conv(y, f"{name}.conv2", 3, 1), f"{name}.bn2")
        shortcut = conv(x, f"{name}.shortcut", 1, stride) if stride > 1 else x
        x = add("Relu", [add("Add", [y, shortcut], f"{name}.sum")], name)
    x = add("ReduceMean", [x], "mean", axes=[2, 3], keepdims=0)
    add("Gemm", [x, "head.weight", "head.bias"], "logits", transB=1)
    tensors = [numpy_helper.from_array(np.ascontiguousarray(weights[name]), name) for name in sorted(weights)]
    pictures = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 1, SIDE, SIDE])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", CLASSES])
    made = helper.make_graph(nodes, "resnet-8", [pictures], [logits], tensors)
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="assay"
    )
    onnx.checker.check_model(model)
    return model
