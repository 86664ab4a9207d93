"""A GGUF file is read as ggml describes it, and nothing it says of itself is believed before it fits."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.workloads.text_generation.serve.gguf import F16, F32, Q4_1, Q8_0, Gguf

U32, STRING, ARRAY = 4, 8, 9


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def number(name: str, value: int) -> bytes:
    return text(name) + struct.pack("<II", U32, value)


def described(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    """A tensor's entry; GGUF has the contiguous dimension first."""
    sizes = b"".join(struct.pack("<Q", size) for size in reversed(shape))
    return text(name) + struct.pack("<I", len(shape)) + sizes + struct.pack("<IQ", kind, offset)


def file(entries: list[bytes], tensors: list[bytes], data: bytes, alignment: int = 32) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries + tensors)
    return head + bytes(-len(head) % alignment) + data


def read(folder: Path, content: bytes) -> Gguf:
    path = folder / "model.gguf"
    path.write_bytes(content)
    return Gguf(path)


WORDS = text("words") + struct.pack("<IIQ", ARRAY, STRING, 2) + text("Ġthe") + text("cat")
ENTRIES = [number("layers", 3), text("name") + struct.pack("<I", STRING) + text("näme"), WORDS]
PLAIN = np.arange(6, dtype="<f4").tobytes()
SMALL = file(ENTRIES, [described("a", (2, 3), F32, 0)], PLAIN)


def test_metadata_and_weights_are_what_was_written(tmp_path: Path) -> None:
    found = read(tmp_path, SMALL)
    assert found.metadata == {"layers": 3, "name": "näme", "words": ["Ġthe", "cat"]}
    assert np.array_equal(found.weights("a"), [[0, 1, 2], [3, 4, 5]])


def test_quantised_weights_are_scale_times_number_plus_minimum(tmp_path: Path) -> None:
    nibbles = bytes(range(0, 256, 16))  # low halves 0, high halves 0 to 15
    q4_1 = struct.pack("<ee", 0.5, -1.0) + nibbles
    signed = struct.pack("<e32b", 0.25, *range(-16, 16))
    half = struct.pack("<2e", 1.5, -2.0)
    data = q4_1.ljust(32, b"\0") + signed.ljust(64, b"\0") + half
    kinds = [described("q4", (1, 32), Q4_1, 0), described("q8", (32,), Q8_0, 32), described("f16", (2,), F16, 96)]
    found = read(tmp_path, file([], kinds, data))
    assert found.weights("q4").tolist() == [[-1.0] * 16 + [0.5 * n - 1 for n in range(16)]]
    assert found.weights("q8").tolist() == [0.25 * n for n in range(-16, 16)]
    assert found.weights("f16").tolist() == [1.5, -2.0]


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    for length in range(len(SMALL)):
        with pytest.raises(ValueError, match=r"model\.gguf: byte \d+: "):
            read(tmp_path, SMALL[:length])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"GGML" + SMALL[4:], "not GGUF"),
        (b"GGUF" + struct.pack("<I", 4) + SMALL[8:], "not GGUF version"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "announced, with no room"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 63), "announced, with no room"),
        (file([number("a", 1), number("a", 2)], [], b""), "'a' is there twice"),
        (file([number("general.alignment", 3)], [], b""), "alignment 3 is not a power of two"),
        (file([number("general.alignment", 0)], [], b""), "alignment 0 is not a power of two"),
        (file([text("a") + struct.pack("<I", 77)], [], b""), "type 77 is not known"),
        (file([text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 0)], [], b""), "array of type 9 is not known"),
        (file([struct.pack("<Q", 1) + b"\xff" + struct.pack("<II", U32, 1)], [], b""), "not UTF-8"),
        (file([], [described("a", (2, 3), F32, 0)], PLAIN[:-1]), "does not lie inside the file"),
        (file([], [described("a", (2, 3), F32, 1 << 62)], PLAIN), "does not lie inside the file"),
        (file([], [described("a", (1 << 40, 1 << 40), F32, 0)], PLAIN), "does not lie inside the file"),
        (file([], [described("a", (6,), F32, 8)], bytes(64)), "does not lie inside the file"),
        (file([], [described("a", (0,), F32, 0)], b""), "cannot store"),
        (file([], [described("a", (2, 16), Q8_0, 0)], bytes(64)), "cannot store"),
        (file([], [described("a", (1,) * 5, F32, 0)], bytes(64)), "5 dimensions"),
        (file([], [described("a", (1,), 12, 0)], bytes(64)), "type 12, which is not known"),
        (file([], [described("a", (1,), F32, 0)] * 2, bytes(64)), "'a' is there twice"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_the_place(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=rf"model\.gguf: byte \d+: .*{why}"):
        read(tmp_path, content)


def test_a_tensor_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no tensor 'b'"):
        read(tmp_path, SMALL).weights("b")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(SMALL) - 1), value=st.integers(0, 255), more=st.binary(max_size=40))
def test_whatever_a_byte_is_changed_to_the_file_is_read_or_refused(
    tmp_path: Path, at: int, value: int, more: bytes
) -> None:
    changed = SMALL[:at] + bytes([value]) + more + SMALL[at + 1 :]
    try:
        found = read(tmp_path, changed)
        for name in found.tensors:
            assert found.weights(name).shape == found.tensors[name].shape
    except ValueError as error:
        assert str(error).startswith("model.gguf: byte ")  # noqa: PT017 (it may also be read)
