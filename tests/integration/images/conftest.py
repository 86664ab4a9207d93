"""A tiny image: the real base, one small real wheel, all the machinery."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from suite.images.matrix import Cell, cell


@pytest.fixture
def tiny(tmp_path: Path) -> Cell:
    """A cell with the one wheel of the jax lock that is pure Python and small."""
    whole = cell("jax", "cpu", "mmdebstrap")
    [block] = re.findall(r"^opt-einsum==.*?\n(?=\S)", whole.wheel_lock.read_text(), re.MULTILINE | re.DOTALL)
    lock = tmp_path / "tiny.txt"
    lock.write_text(block)
    return replace(whole, framework="tiny", requirements=("opt-einsum==3.4.0",), wheel_lock=lock)
