"""Float64 tensors of a safetensors file, read without numpy, and how far those of several files differ."""

from __future__ import annotations

import io
import math
from array import array
from collections.abc import Sequence
from itertools import combinations

from checker.core.safetensors import FormError, header, numbers
from rules.errors import JudgedError

Tensors = dict[str, "array[float]"]


def read_float64(content: bytes) -> Tensors:
    """Return every tensor of a safetensors file, flat; raise JudgedError for anything but well-formed float64."""
    file, found = io.BytesIO(content), Tensors()
    try:
        for entry in header(file, len(content)):
            if entry.dtype != "F64":
                raise FormError("a tensor is not float64")
            found[entry.name] = array("d")
            numbers(file, entry, found[entry.name].extend)
    except FormError as error:
        raise JudgedError(f"not a safetensors file of float64 tensors: {error}") from None
    return found


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
