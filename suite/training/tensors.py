"""Float64 tensors of a safetensors file, read without numpy, and how far those of several files differ.

Format: 8 bytes little endian header length, a JSON header {name: {dtype, shape, data_offsets}}, then the data.
"""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from itertools import combinations

from rules.errors import JudgedError

MAX_HEADER = 1 << 20
Tensors = dict[str, "array[float]"]


def read_float64(content: bytes) -> Tensors:
    """Return every tensor of a safetensors file, flat; raise JudgedError for anything but well-formed float64."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(MAX_HEADER, len(content) - 8):
        raise JudgedError("not a safetensors file: its header does not fit")
    data = memoryview(content)[8 + length :]
    try:
        header = json.loads(content[8 : 8 + length])
        return {name: _tensor(entry, data) for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise JudgedError(f"not a safetensors file of float64 tensors: {error}") from None


def _tensor(entry: Mapping[str, object], data: memoryview) -> array[float]:
    """Return one tensor; raise ValueError where type, shape and place do not fit together."""
    shape, offsets = entry["shape"], entry["data_offsets"]
    if entry["dtype"] != "F64" or not isinstance(shape, list) or not isinstance(offsets, list):
        raise ValueError("a tensor is not float64")
    if not all(type(n) is int and n >= 0 for n in (*shape, *offsets)):
        raise ValueError("a shape or an offset is not a count")
    start, stop = offsets
    if not start <= stop <= len(data) or stop - start != 8 * math.prod(shape):
        raise ValueError("a tensor's bytes do not match its shape")
    values = array("d")
    values.frombytes(data[start:stop])
    if sys.byteorder == "big":
        values.byteswap()
    return values


def largest_differences(files: Sequence[Tensors]) -> dict[str, float]:
    """Return for each tensor the largest |a - b| / max(|a|, |b|) over all pairs of `files`, norms over the tensor.

    Raises JudgedError where the files hold different tensors or a value is not finite.
    """
    first = files[0]
    for other in files[1:]:
        if {n: len(t) for n, t in first.items()} != {n: len(t) for n, t in other.items()}:
            raise JudgedError("the frameworks' tensors have different names or sizes: these are not the same model")
    found = {}
    for name in sorted(first):
        sides = [tensors[name] for tensors in files]
        if not all(math.isfinite(value) for side in sides for value in side):
            raise JudgedError(f"tensor {name} holds a value that is not finite")
        found[name] = max((_difference(a, b) for a, b in combinations(sides, 2)), default=0.0)
    return found


def _difference(a: array[float], b: array[float]) -> float:
    apart = max((abs(x - y) for x, y in zip(a, b, strict=True)), default=0.0)
    largest = max((abs(x) for x in (*a, *b)), default=0.0)
    return apart / largest if apart else 0.0
