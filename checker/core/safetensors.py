"""The form of a safetensors file, and whether its numbers are numbers; nothing of it is trusted.

Eight bytes, little endian, give the length of a JSON header: tensor name -> dtype, shape, data_offsets; the tensors'
bytes follow without gap, little endian (safetensors format, Hugging Face).
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from checker.core.strict_json import JsonError, loads

HEADER_BYTES = 100_000
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
CODES = {"F64": "d", "F32": "f"}
CHUNK = 1 << 20


class FormError(Exception):
    """A file that is no sound safetensors file; the message says why."""


@dataclass(frozen=True)
class TensorEntry:
    """One tensor; `begin` and `end` are byte offsets behind the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def header(file: BinaryIO, size: int) -> list[TensorEntry]:
    """Return the tensors of `file`, which has `size` bytes, in the order of their bytes; FormError for any flaw."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(HEADER_BYTES, size - 8):
        raise FormError(f"it does not begin with the length of a header of at most {HEADER_BYTES:,} bytes")
    try:
        raw = loads(file.read(length))
    except JsonError as error:
        raise FormError(f"its header is not usable JSON: {error}") from None
    if not isinstance(raw, dict):
        raise FormError("its header is not an object")
    tensors = [_tensor(name, entry) for name, entry in raw.items() if name != "__metadata__"]
    tensors.sort(key=lambda tensor: (tensor.begin, tensor.end))
    at = 0
    for tensor in tensors:
        if tensor.begin != at:
            raise FormError(f"the bytes of tensor {tensor.name[:100]!r} do not follow those before it")
        at = tensor.end
    if at != size - 8 - length:
        raise FormError("its tensors do not end where the file does")
    if not tensors:
        raise FormError("it holds no tensor")
    return tensors


def _tensor(name: str, entry: Any) -> TensorEntry:
    said: dict[str, Any] = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = said.get("dtype"), _counts(said.get("shape")), _counts(said.get("data_offsets"))
    if not isinstance(dtype, str) or dtype not in BYTES or shape is None or offsets is None or len(offsets) != 2:
        raise FormError(f"tensor {name[:100]!r} has no known dtype, shape and data_offsets")
    if offsets[1] - offsets[0] != math.prod(shape) * BYTES[dtype]:
        raise FormError(f"tensor {name[:100]!r} has other bytes than its shape needs")
    return TensorEntry(name, dtype, tuple(shape), offsets[0], offsets[1])


def _counts(value: Any) -> list[int] | None:
    """Return `value` where it is a short list of counts that no file exceeds, else None."""
    small = isinstance(value, list) and len(value) <= 16
    return value if small and all(type(one) is int and 0 <= one < 1 << 40 for one in value) else None


def numbers(file: BinaryIO, tensor: TensorEntry, see: Callable[[Sequence[float]], None]) -> None:
    """Read the next tensor of `file` and give its numbers to `see`, in pieces; none of a dtype Python cannot read."""
    left = tensor.end - tensor.begin
    while left > 0:
        piece = file.read(min(left, CHUNK))
        if not piece:
            raise FormError("it ended while it was read")
        left -= len(piece)
        if code := CODES.get(tensor.dtype):
            values = array(code)
            values.frombytes(piece[: len(piece) - len(piece) % values.itemsize])
            if sys.byteorder == "big":
                values.byteswap()
            see(values)


def differences(tensors: Sequence[TensorEntry], shapes: Mapping[str, Sequence[int]]) -> list[tuple[str, str, str]]:
    """Return (tensor, expected, found) where names, shapes or the dtype float32 are not those wanted."""
    found = {tensor.name: f"{tensor.dtype} {list(tensor.shape)}" for tensor in tensors}
    wanted = {name: f"F32 {list(shape)}" for name, shape in shapes.items()}
    names = sorted({*found, *wanted})
    return [
        (name, wanted.get(name, "no such tensor"), found.get(name, "nothing"))
        for name in names
        if wanted.get(name) != found.get(name)
    ]
