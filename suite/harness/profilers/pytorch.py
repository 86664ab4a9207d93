"""Operations of a step in PyTorch."""

from __future__ import annotations

import torch

from suite.workloads.protocol import Array, Trainer


def operations(trainer: Trainer, batches: Array, rates: Array) -> dict[str, float]:
    """Return seconds by operator of PyTorch."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        trainer.train(batches, rates)
    return {event.key: event.self_cpu_time_total / 1e6 for event in profiler.key_averages()}
