"""Fashion-MNIST and the initial weights of ResNet-8: what every framework is given, the same to the bit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from suite.workloads.protocol import Array, Arrays, Precision, Splits, Weights

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
TRAIN_SAMPLES, TEST_SAMPLES = 60_000, 10_000
EVALUATION_BATCH = 100  # what a layer writes stays in a processor's cache
CLASSES = 10
SIDE = 28
EPSILON, MOMENTUM = 1e-5, 0.1  # of batch normalisation
MEAN, DEVIATION = 0.2860, 0.3530  # of the training pictures, scaled to 0..1
STAGES = ((1, 16, 16, 1), (2, 16, 32, 2), (3, 32, 64, 2))  # block, channels in, channels out, stride


def layers() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield name and shape of every layer's main tensor in forward order; (channels,) means batch normalisation.

    Convolutions are (out, in, height, width), the linear layer (out, in).
    """
    yield "stem.conv", (16, 1, 3, 3)
    yield "stem.bn", (16,)
    for block, before, after, stride in STAGES:
        yield f"block{block}.conv1", (after, before, 3, 3)
        yield f"block{block}.bn1", (after,)
        yield f"block{block}.conv2", (after, after, 3, 3)
        yield f"block{block}.bn2", (after,)
        if stride > 1:
            yield f"block{block}.shortcut", (after, before, 1, 1)
    yield "head", (CLASSES, 64)


def initial_weights(_folder: Path, seed: int) -> Weights:
    """Draw convolutions from N(0, 2 / (in k²)) (He et al. 2015) and the linear layer from N(0, 1 / in)."""
    draw = np.random.Generator(np.random.PCG64(seed)).standard_normal
    weights: Weights = {}
    for name, shape in layers():
        if len(shape) == 1:
            for tensor, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
                weights[f"{name}.{tensor}"] = np.full(shape, value, np.float32)
            continue
        gain = 2 if len(shape) == 4 else 1
        weights[f"{name}.weight"] = (draw(shape) * math.sqrt(gain / math.prod(shape[1:]))).astype(np.float32)
    weights["head.bias"] = np.zeros(CLASSES, np.float32)
    return weights


def trained(name: str) -> bool:
    """Say whether the optimiser moves a tensor: all but the running statistics."""
    return not name.endswith(("running_mean", "running_var"))


def metric(outputs: Array, test: Arrays) -> float:
    """Return the share of pictures whose largest logit is their class's."""
    return int((outputs.argmax(1) == test["labels"]).sum()) / len(test["labels"])


def idx(path: Path, dimensions: int) -> Array:
    """Read an idx file of unsigned bytes: 0, 0, 8, dimensions, each extent as 4 bytes big endian, then the bytes."""
    raw = np.fromfile(path, np.uint8)
    header = 4 + 4 * dimensions
    if raw.size < header or bytes(raw[:4]) != bytes((0, 0, 8, dimensions)):
        raise ValueError(f"{path.name} is not an idx file of {dimensions} dimensions")
    shape = tuple(int(n) for n in raw[4:header].view(">u4"))
    if raw.size != header + math.prod(shape):
        raise ValueError(f"{path.name} has {raw.size} bytes, its header promises {header + math.prod(shape)}")
    return raw[header:].reshape(shape)


def normalised(pictures: Array, precision: Precision) -> Array:
    """Map bytes (n, 28, 28) to (x / 255 - mean) / deviation, (n, 28, 28, 1), by table: one rounding, everywhere."""
    table = ((np.arange(256) / 255 - MEAN) / DEVIATION).astype(precision)
    return table[pictures][..., None]


def read(folder: Path, precision: Precision) -> Splits:
    """Read the four files; raise ValueError naming the one that is not Fashion-MNIST's format."""
    splits = []
    for images, labels in (FILES[:2], FILES[2:]):
        pictures, classes = idx(folder / images, 3), idx(folder / labels, 1)
        if pictures.shape[1:] != (SIDE, SIDE) or len(pictures) != len(classes) or classes.max() >= CLASSES:
            raise ValueError(f"{images} and {labels} do not belong together")
        splits.append({"pictures": normalised(pictures, precision), "labels": classes.astype(np.int32)})
    return Splits(*splits)


def synthetic(precision: Precision) -> Splits:
    """Return noise in the shapes of Fashion-MNIST, the same on every call."""
    generator = np.random.Generator(np.random.PCG64(0))
    noise = generator.standard_normal((1000, SIDE, SIDE, 1), np.float32).astype(precision)
    labels = generator.integers(0, CLASSES, 1000, np.int32)
    return Splits(*({"pictures": np.tile(noise, (n, 1, 1, 1)), "labels": np.tile(labels, n)} for n in (60, 10)))
