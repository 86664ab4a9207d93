"""ResNet-8 in PyTorch: eager modules in channels-last memory, fused SGD."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from suite.workloads.image_classification.task import STAGES
from suite.workloads.protocol import Array, Optimiser, Precision, Splits, Weights

EVALUATION_BATCH = 100
# The target's image says it (images/targets/); where there is no such device the run fails, and takes no other.
DEVICE = torch.device(os.environ.get("ASSAY_DEVICE", "cpu"))


def _conv(before: int, after: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    # PyTorch's own convention is the workload's: biased variance in the forward pass, unbiased in the running one.
    return nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)


class Stem(nn.Module):
    """Convolution of stride 2, normalisation, ReLU: (n, 1, 28, 28) to (n, 16, 14, 14)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = _conv(1, 16, 3, 2), _norm(16)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activations."""
        return functional.relu_(self.bn(self.conv(x)))


class Block(nn.Module):
    """Basic residual block; where it halves the picture its shortcut is a 1 x 1 convolution without normalisation."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(before, after, 3, stride), _norm(after)
        self.conv2, self.bn2 = _conv(after, after, 3, 1), _norm(after)
        self.shortcut = _conv(before, after, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the activations."""
        y = functional.relu_(self.bn1(self.conv1(x)))
        return functional.relu_(self.bn2(self.conv2(y)).add_(self.shortcut(x)))


class ResNet8(nn.Module):
    """Stem, three blocks, global mean, linear layer: (n, 1, 28, 28) to (n, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        for block, before, after, stride in STAGES:
            self.add_module(f"block{block}", Block(before, after, stride))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        x = self.block3(self.block2(self.block1(self.stem(x))))
        return self.head(x.mean((2, 3)))


class Trainer:
    """The workload in PyTorch; see `suite.workloads.protocol.Trainer`."""

    steps_per_call = 1  # eager: nothing is gained by more, and every step's time is seen

    def __init__(self, optimiser: Optimiser, precision: Precision) -> None:
        torch.use_deterministic_algorithms(mode=True)
        # Every tensor here is written before it is read; filling it first would take 5 % of a step.
        torch.utils.deterministic.fill_uninitialized_memory = False
        self._dtype = getattr(torch, precision)
        self._model = ResNet8().to(DEVICE, self._dtype).to(memory_format=torch.channels_last)
        self._named = dict(self._model.named_parameters())
        decayed = [p for p in self._named.values() if p.ndim > 1]
        plain = [p for p in self._named.values() if p.ndim == 1]
        self._sgd = torch.optim.SGD(
            [{"params": decayed, "weight_decay": optimiser.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=0.0,
            momentum=optimiser.momentum,
            nesterov=True,
            fused=True,
        )
        self._marks: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []  # around each step, on a GPU's stream

    @staticmethod
    def version() -> str:
        """Return the framework's name and version."""
        return f"pytorch {torch.__version__}"

    def place(self, splits: Splits) -> None:
        """Wrap the arrays, on the CPU without copies; one channel makes (n, 28, 28, 1) and (n, 1, 28, 28) alike."""
        (self._images, self._labels), (self._test_images, self._test_labels) = (
            (torch.from_numpy(x).permute(0, 3, 1, 2).to(DEVICE), torch.from_numpy(y).long().to(DEVICE))
            for x, y in splits
        )

    def load(self, weights: Mapping[str, Array]) -> None:
        """Copy the weights in; forget the momentum."""
        state = self._model.state_dict()
        with torch.no_grad():
            for name, value in weights.items():
                state[name].copy_(torch.from_numpy(value))
        self._sgd.state.clear()

    def train(self, batches: Array, rates: Array) -> Array:
        """Take one step per row of `batches`."""
        self._model.train()
        losses = np.empty(len(rates))
        rows = torch.from_numpy(batches).to(DEVICE)
        for step, (batch, rate) in enumerate(zip(rows, rates.tolist(), strict=True)):
            for group in self._sgd.param_groups:
                group["lr"] = rate
            began = self._mark()
            loss = self._loss(batch)
            self._sgd.zero_grad()
            loss.backward()
            self._sgd.step()
            ended = self._mark()
            losses[step] = loss.item()  # waits for the stream, and so for the marks on it
            if began and ended:
                self._marks.append((began, ended))
        return losses

    def _mark(self) -> torch.cuda.Event | None:
        """Put a mark on the stream that notes when the device comes to it; where there is no GPU, none."""
        if DEVICE.type != "cuda":
            return None
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def device_seconds(self) -> list[float] | None:
        """Return the time between the marks around each step (`elapsed_time` is in milliseconds)."""
        if DEVICE.type != "cuda":
            return None
        marks, self._marks = self._marks, []
        return [began.elapsed_time(ended) / 1000 for began, ended in marks]

    def _loss(self, batch: Tensor) -> Tensor:
        return functional.cross_entropy(self._model(self._images[batch]), self._labels[batch])

    @torch.inference_mode()
    def evaluate(self) -> int:
        """Return how many test pictures are classified right."""
        self._model.eval()
        batches = zip(self._test_images.split(EVALUATION_BATCH), self._test_labels.split(EVALUATION_BATCH), strict=True)
        return sum(int((self._model(x).argmax(1) == y).sum()) for x, y in batches)

    def gradients(self, batch: Array) -> Weights:
        """Return the gradients on one batch; the running statistics it moves are put back."""
        before = self.weights()
        self._model.train()
        loss = self._loss(torch.from_numpy(batch).to(DEVICE))
        found = torch.autograd.grad(loss, list(self._named.values()))
        with torch.no_grad():
            for name, buffer in self._model.named_buffers():
                if name in before:
                    buffer.copy_(torch.from_numpy(before[name]))
        return {name: gradient.contiguous().cpu().numpy() for name, gradient in zip(self._named, found, strict=True)}

    def operations(self, batches: Array, rates: Array) -> dict[str, float]:
        """Return seconds by operator of PyTorch."""
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
            self.train(batches, rates)
        return {event.key: event.self_cpu_time_total / 1e6 for event in profiler.key_averages()}

    def weights(self) -> Weights:
        """Return a copy of all weights and running statistics."""
        state = self._model.state_dict()
        return {
            name: np.array(tensor.cpu().numpy(), order="C")
            for name, tensor in state.items()
            if not name.endswith("num_batches_tracked")
        }

    def velocity(self) -> Weights:
        """Return a copy of the momentum; a tensor that was never stepped has none, which is zero."""
        state = self._sgd.state
        return {
            name: np.array(state[p]["momentum_buffer"].cpu().numpy() if p in state else np.zeros(p.shape), order="C")
            for name, p in self._named.items()
        }
