"""Training in PyTorch: eager modules, convolutions in channels-last memory, the framework's fused optimisers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from suite.harness.frameworks import pytorch as framework
from suite.harness.frameworks.pytorch import DEVICE
from suite.harness.optimisers import AdamW, Optimiser
from suite.workloads.protocol import Array, Precision, Splits, Task, Weights


class Trainer:
    """Any workload in PyTorch; see `suite.workloads.protocol.Trainer`."""

    steps_per_call = 1  # eager: nothing is gained by more, and every step's time is seen

    def __init__(self, model: Any, task: Task, optimiser: Optimiser, precision: Precision) -> None:
        framework.deterministic()
        self._forward, self._loss_of, self._task = model.forward, model.loss, task
        self._model: nn.Module = model.model().to(DEVICE, getattr(torch, precision))
        self._model = self._model.to(memory_format=torch.channels_last)
        self._named = {name: p for name, p in self._model.named_parameters() if task.trained(name)}
        for name, parameter in self._model.named_parameters():
            parameter.requires_grad_(name in self._named)
        self._optimiser = _optimiser(optimiser, list(self._named.values()))
        self._marks: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []  # around each step, on a GPU's stream

    def place(self, splits: Splits) -> None:
        """Wrap the arrays, on the CPU without copies."""
        self._train, self._test = (
            {name: torch.from_numpy(values).to(DEVICE) for name, values in split.items()} for split in splits
        )

    def load(self, weights: Mapping[str, Array]) -> None:
        """Copy the weights in; forget what the optimiser keeps."""
        state = self._model.state_dict()
        with torch.no_grad():
            for name, value in weights.items():
                state[name].copy_(torch.from_numpy(value))
        self._optimiser.state.clear()

    def train(self, batches: Array, rates: Array) -> Array:
        """Take one step per row of `batches`."""
        self._model.train()
        losses = np.empty(len(rates))
        rows = torch.from_numpy(batches).to(DEVICE)
        for step, (batch, rate) in enumerate(zip(rows, rates.tolist(), strict=True)):
            for group in self._optimiser.param_groups:
                group["lr"] = rate
            began = self._mark()
            loss = self._loss(batch)
            self._optimiser.zero_grad()
            loss.backward()
            self._optimiser.step()
            ended = self._mark()
            losses[step] = loss.item()  # waits for the stream, and so for the marks on it
            if began and ended:
                self._marks.append((began, ended))
        return losses

    def _loss(self, rows: Tensor) -> Tensor:
        batch = {name: values[rows] for name, values in self._train.items()}
        return self._loss_of(self._forward(self._model, batch, train=True), batch)

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

    @torch.inference_mode()
    def evaluate(self) -> Array:
        """Return the outputs for the test split."""
        self._model.eval()
        size, count = self._task.EVALUATION_BATCH, len(next(iter(self._test.values())))
        batches = ({n: v[start : start + size] for n, v in self._test.items()} for start in range(0, count, size))
        return torch.cat([self._forward(self._model, batch, train=False) for batch in batches]).cpu().numpy()

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

    def weights(self) -> Weights:
        """Return a copy of all weights and running statistics; the counters of batches are PyTorch's own."""
        state = self._model.state_dict()
        return {
            name: np.array(tensor.cpu().numpy(), order="C")
            for name, tensor in state.items()
            if not name.endswith("num_batches_tracked")
        }

    def optimiser_state(self) -> Weights:
        """Return a copy of what the optimiser keeps; a tensor that was never stepped has nothing."""
        state = self._optimiser.state
        return {
            f"{name}.{slot}": np.array(value.cpu().numpy(), order="C")
            for name, parameter in self._named.items()
            for slot, value in state.get(parameter, {}).items()
        }


def _optimiser(given: Optimiser, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Return PyTorch's fused optimiser of that definition."""
    decay = given.opt_adamw_weight_decay if isinstance(given, AdamW) else given.opt_weight_decay
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if isinstance(given, AdamW):
        betas = (given.opt_adamw_beta_1, given.opt_adamw_beta_2)
        return torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=given.opt_adamw_epsilon, fused=True)
    return torch.optim.SGD(groups, lr=0.0, momentum=given.opt_momentum, nesterov=True, fused=True)
