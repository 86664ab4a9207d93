"""Weights as safetensors bytes: the form they are hashed, logged and stored in."""

from __future__ import annotations

import hashlib

import numpy as np
from safetensors.numpy import save

from suite.workloads.protocol import Trainer, Weights


def serialised(weights: Weights) -> bytes:
    """Return the weights as a safetensors file; equal weights give equal bytes, whatever order they came in."""
    return save({name: np.ascontiguousarray(weights[name]) for name in sorted(weights)})


def weights_sha256(weights: Weights) -> str:
    """Return the SHA-256 of the weights as a safetensors file."""
    return hashlib.sha256(serialised(weights)).hexdigest()


def restore(trainer: Trainer, weights: Weights) -> str:
    """Load `weights`, prove that weights and optimiser are as at the start, and return the weights' digest.

    Raises RuntimeError where the trainer does not give back what it was given: a defect of the workload.
    """
    trainer.load(weights)
    digest = weights_sha256(trainer.weights())
    if digest != weights_sha256(weights):
        raise RuntimeError("the trainer's weights differ from those it was given")
    if any(np.any(value) for value in trainer.optimiser_state().values()):
        raise RuntimeError("the optimiser's state is not zero after loading weights")
    return digest
