"""A table of features, a kind and a weight per row; what is predicted is a real number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from suite.workloads.protocol import Array, Arrays, Precision, Splits, Weights

FILE = "toy.safetensors"
TRAIN_SAMPLES, TEST_SAMPLES = 512, 100
EVALUATION_BATCH = 32  # which leaves a smaller batch at the end
FEATURES, KINDS, WIDTH = 8, 5, 16
SHAPES = {
    "first.weight": (WIDTH, FEATURES),
    "first.bias": (WIDTH,),
    "kinds.weight": (KINDS, WIDTH),
    "last.weight": (1, WIDTH),
    "scale": (1,),
}


def initial_weights(folder: Path, _seed: int) -> Weights:
    """Return the pretrained weights, the same for every seed."""
    found = load_file(folder / FILE)
    return {name: found[f"weights.{name}"] for name in SHAPES}


def trained(name: str) -> bool:
    """Say whether the optimiser moves a tensor: `scale` is frozen."""
    return name != "scale"


def read(folder: Path, precision: Precision) -> Splits:
    """Read both splits."""
    found = load_file(folder / FILE)
    return Splits(*(_split(found, split, precision) for split in ("train", "test")))


def _split(found: Weights, split: str, precision: Precision) -> Weights:
    named = {name.removeprefix(f"{split}."): value for name, value in found.items() if name.startswith(f"{split}.")}
    return {name: value.astype(precision) if value.dtype == np.float32 else value for name, value in named.items()}


def synthetic(precision: Precision) -> Splits:
    """Return noise in the data's shapes."""
    draw = np.random.Generator(np.random.PCG64(0))
    return Splits(
        *(
            {
                "features": draw.standard_normal((n, FEATURES)).astype(precision),
                "kind": draw.integers(0, KINDS, n, np.int32),
                "weight": np.ones(n, precision),
                "value": draw.standard_normal(n).astype(precision),
            }
            for n in (TRAIN_SAMPLES, TEST_SAMPLES)
        )
    )


def metric(outputs: Array, test: Arrays) -> float:
    """Return the mean absolute error."""
    return float(np.abs(outputs.astype(np.float64) - test["value"]).mean())
