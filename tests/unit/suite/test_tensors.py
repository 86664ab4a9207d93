"""Safetensors without numpy: exact on good files, a sentence on bad ones."""

from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.errors import JudgedError
from suite.training.tensors import largest_differences, read_float64


def file(tensors: dict[str, list[float]], **changes: object) -> bytes:
    header, data = {}, b""
    for name, values in tensors.items():
        packed = struct.pack(f"<{len(values)}d", *values)
        header[name] = {"dtype": "F64", "shape": [len(values)], "data_offsets": [len(data), len(data) + len(packed)]}
        header[name].update(changes)
        data += packed
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@given(st.dictionaries(st.text(min_size=1), st.lists(st.floats(allow_nan=False)), min_size=1, max_size=4).map(dict))
def test_what_was_written_is_read(tensors: dict[str, list[float]]) -> None:
    assume("__metadata__" not in tensors)
    assert {name: list(values) for name, values in read_float64(file(tensors)).items()} == tensors


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        (1 << 62).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"nope",
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        file({"a": [1.0]}, dtype="F32"),
        file({"a": [1.0]}, shape=[2]),
        file({"a": [1.0]}, shape=[-1, -1]),
        file({"a": [1.0]}, data_offsets=[0, 16]),
        file({"a": [1.0]}, data_offsets=[8, 0]),
        file({"a": [1.0]}, data_offsets=[0]),
    ],
)
def test_a_malformed_file_is_a_sentence(content: bytes) -> None:
    with pytest.raises(JudgedError, match="not a safetensors file"):
        read_float64(content)


def test_differences_are_relative_to_the_tensors_largest_element() -> None:
    files = [read_float64(file({"a": values})) for values in ([1.0, -4.0], [1.0, -4.0], [2.0, -4.0])]
    assert largest_differences(files) == {"a": 0.25}


@pytest.mark.parametrize("other", [{"b": [1.0]}, {"a": [1.0, 2.0]}, {"a": [1.0], "b": []}])
def test_other_names_or_sizes_are_another_model(other: dict[str, list[float]]) -> None:
    with pytest.raises(JudgedError, match="not the same model"):
        largest_differences([read_float64(file({"a": [1.0]})), read_float64(file(other))])


def test_a_value_that_is_not_finite_hides_nothing() -> None:
    with pytest.raises(JudgedError, match="not finite"):
        largest_differences([read_float64(file({"a": [math.nan]})), read_float64(file({"a": [1.0]}))])
