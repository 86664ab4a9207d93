"""What every framework is given: weights and pictures, the same to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from suite.workloads.image_classification import task


def trained(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: value for name, value in weights.items() if "running" not in name}


def test_resnet_8_has_77_562_trained_weights() -> None:
    weights = task.initial_weights(Path(), 1)
    assert sum(value.size for value in trained(weights).values()) == 77_562
    assert all(value.dtype == np.float32 for value in weights.values())


def test_the_seed_alone_decides_the_weights() -> None:
    one, again, other = (task.initial_weights(Path(), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["head.weight"], other["head.weight"])


def test_weights_are_drawn_in_forward_order_from_one_stream() -> None:
    draw = np.random.Generator(np.random.PCG64(5)).standard_normal
    weights = task.initial_weights(Path(), 5)
    assert np.array_equal(weights["stem.conv.weight"], (draw((16, 1, 3, 3)) * np.sqrt(2 / 9)).astype(np.float32))
    assert np.array_equal(weights["block1.conv1.weight"], (draw((16, 16, 3, 3)) * np.sqrt(2 / 144)).astype(np.float32))


def test_pictures_are_normalised_by_the_published_mean_and_deviation(tmp_path: Path) -> None:
    write(tmp_path)
    train, test = task.read(tmp_path, "float64")
    assert train["pictures"].shape == (3, 28, 28, 1)
    assert test["labels"].dtype == np.int32
    assert train["pictures"][0, 0, 0, 0] == (255 / 255 - 0.2860) / 0.3530
    assert train["pictures"][0, 0, 1, 0] == (0 - 0.2860) / 0.3530


def test_synthetic_data_has_the_shapes_of_the_real() -> None:
    train, test = task.synthetic("float32")
    assert train["pictures"].shape == (60_000, 28, 28, 1)
    assert test["pictures"].shape == (10_000, 28, 28, 1)
    assert train["labels"].dtype == np.int32


@pytest.mark.parametrize(
    "spoil", [b"", b"\0\0\x08\x03\0\0", b"\0\0\x0d\x03" + bytes(20), b"\0\0\x08\x03" + b"\xff" * 12]
)
def test_a_file_that_is_not_idx_is_named(tmp_path: Path, spoil: bytes) -> None:
    write(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(spoil)
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte"):
        task.read(tmp_path, "float32")


def write(folder: Path) -> None:
    """Write three training and two test pictures; the first pixel is white, the rest black."""
    for split, count in (("train", 3), ("t10k", 2)):
        size = count.to_bytes(4, "big")
        side = (28).to_bytes(4, "big")
        pixels = (b"\xff" + bytes(783)) * count
        (folder / f"{split}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + size + side * 2 + pixels)
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + size + bytes(range(count)))
