"""ResNet-8 in PyTorch for inference: batch normalisation folded into the convolutions, channels last, frozen graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from suite.harness.frameworks.pytorch import DEVICE, PRECISIONS
from suite.serve.job import Sut
from suite.workloads.image_classification.pytorch import ResNet8
from suite.workloads.image_classification.serve.task import WEIGHTS
from suite.workloads.image_classification.task import SIDE
from suite.workloads.protocol import Array


class Model:
    """See `suite.serve.protocol.Model`. Precisions: float32, bfloat16; float64 for reference outputs."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        sut.require(PRECISIONS)
        torch.set_num_threads(sut.threads)
        self._dtype, self._batch = PRECISIONS[sut.precision], sut.batch
        model = ResNet8()
        named = {name: torch.from_numpy(value) for name, value in load_file(folder / WEIGHTS).items()}
        # Only the counter of batches seen is in the model and not in the file; inference does not read it.
        unknown = model.load_state_dict(named, strict=False)
        if unknown.unexpected_keys or not all(name.endswith("num_batches_tracked") for name in unknown.missing_keys):
            raise ValueError(f"{WEIGHTS} does not hold ResNet-8's tensors")
        model = _folded(model.to(DEVICE, self._dtype).eval()).to(memory_format=torch.channels_last)
        example = self._placed(np.zeros((1, SIDE, SIDE, 1), np.float32))
        with torch.inference_mode():
            self._model = torch.jit.freeze(torch.jit.trace(model, example))

    def _placed(self, batch: Array) -> torch.Tensor:
        return torch.from_numpy(batch).permute(0, 3, 1, 2).to(DEVICE, self._dtype)

    def warm_up(self) -> None:
        """Run small batches and the largest, twice over: the graph is specialised on its second run."""
        for size in (1, 8, self._batch, 1, 8, self._batch):
            self.infer(np.zeros((min(size, self._batch), SIDE, SIDE, 1), np.float32))

    def infer(self, batch: Array) -> Array:
        """Return the logits (n, 10), float32 unless the precision is float64."""
        with torch.inference_mode():
            logits = self._model(self._placed(batch))
            return (logits.float() if self._dtype is torch.bfloat16 else logits).cpu().numpy()


def _folded(model: nn.Module) -> nn.Module:
    """Put every normalisation's scale and shift into the convolution before it."""
    for module in model.modules():
        for conv, norm in (("conv", "bn"), ("conv1", "bn1"), ("conv2", "bn2")):
            if hasattr(module, conv):
                setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
                setattr(module, norm, nn.Identity())
    return model
