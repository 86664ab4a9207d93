"""A weights file is taken apart without trust: every flaw of its form is named, and none stops the checker."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.core.safetensors import FormError, differences, header, numbers
from checker.machine.use import cpus
from tests.unit.checker.submissions import WORKLOAD, load, weights

SHAPES = load("assay/1.0").workload(WORKLOAD).weights


def read(raw: bytes) -> list[float]:
    """All numbers of a file's tensors."""
    file = io.BytesIO(raw)
    seen: list[float] = []
    for tensor in header(file, len(raw)):
        numbers(file, tensor, seen.extend)
    return seen


def made(entries: Any, body: bytes) -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(begin: int, end: int, shape: Any, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_the_workloads_weights_have_the_size_that_real_runs_have() -> None:
    raw = weights(1)
    assert differences(header(io.BytesIO(raw), len(raw)), SHAPES) == []
    assert len(SHAPES) == 39
    assert len(raw) - 8 - int.from_bytes(raw[:8], "little") == 312_168


def test_numbers_come_out_as_they_went_in() -> None:
    raw = made({"b": entry(4, 12, [2]), "a": entry(0, 4, []), "__metadata__": {"x": "y"}}, struct.pack("<3f", 1, 2, -3))
    assert read(raw) == [1, 2, -3]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 7,
        b"\0" * 8,
        struct.pack("<Q", 1 << 60) + b"{}",
        made(b"{}", b""),
        made(b"[]", b""),
        made(b'{"a": NaN}', b""),
        made(b" " * 100_001, b""),
        made({"a": entry(0, 4, [1])}, b""),
        made({"a": entry(0, 4, [1])}, b"\0" * 5),
        made({"a": entry(0, 4, [2])}, b"\0" * 4),
        made({"a": entry(4, 8, [1])}, b"\0" * 8),
        made({"a": entry(0, 4, [1]), "b": entry(0, 4, [1])}, b"\0" * 4),
        made({"a": entry(0, 4, [1]), "b": entry(8, 12, [1])}, b"\0" * 12),
        made({"a": entry(0, 4, [-1])}, b"\0" * 4),
        made({"a": entry(0, 4, [True])}, b"\0" * 4),
        made({"a": entry(0, 4, [1] * 17)}, b"\0" * 4),
        made({"a": entry(0, 4, [1], "F33")}, b"\0" * 4),
        made({"a": entry(0, 4, [1], ["F32"])}, b"\0" * 4),
        made({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}, b"\0" * 4),
        made({"a": 1}, b""),
    ],
)
def test_a_flaw_of_form_is_refused(raw: bytes) -> None:
    with pytest.raises(FormError):
        read(raw)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(raw: bytes, counted: bool) -> None:
    with contextlib.suppress(FormError):
        read(made(raw, b"") if counted else raw)


@given(st.sets(st.integers(0, 200), min_size=1))
def test_a_list_of_processors_is_read_as_the_kernel_writes_it(processors: set[int]) -> None:
    assert cpus(",".join(map(str, sorted(processors)))) == processors
    assert cpus(f"{min(processors)}-{max(processors)}") == set(range(min(processors), max(processors) + 1))


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "3-1", "1,", "01", "1 ", "99999999", "1\u0661"])
def test_what_is_no_list_of_processors_is_none(text: str) -> None:
    assert cpus(text) is None
