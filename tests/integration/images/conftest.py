"""A tiny image: the real base, one small real wheel, all the machinery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from suite.images.matrix import Cell, cell


@pytest.fixture(scope="session")
def tidy(client: docker.DockerClient) -> Iterator[None]:
    """Remove the tiny images of all tests at the end, and what builds left without a name."""
    nameless = {image.id for image in client.images.list(filters={"dangling": True})}
    yield
    for image in client.images.list("assay/tiny-cpu"):
        client.images.remove(str(image.id), force=True)
    for image in client.images.list(filters={"dangling": True}):
        if image.id not in nameless:
            client.images.remove(str(image.id))


@pytest.fixture
def tiny(tmp_path: Path, tidy: None) -> Cell:
    """A cell with the one wheel of the jax lock that is pure Python and small."""
    whole = cell("jax", "cpu", "mmdebstrap")
    [block] = re.findall(r"^opt-einsum==.*?\n(?=\S)", whole.wheel_lock.read_text(), re.MULTILINE | re.DOTALL)
    lock = tmp_path / "tiny.txt"
    lock.write_text(block)
    return replace(whole, framework="tiny", requirements=("opt-einsum==3.4.0",), wheel_lock=lock)
