"""Reads GGUF, the file of llama.cpp that holds a model's weights, its sizes and its tokeniser, in one.

Format (ggml's docs/gguf.md), little endian: "GGUF", version, number of tensors, number of metadata entries; the entries
(name, type, value); the tensors (name, dimensions, type, offset); then, aligned, their data. Nothing a file says of
itself is believed before it is seen to fit: every mistake is a ValueError with the place.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite.serve.protocol import Array

MAGIC, VERSIONS = b"GGUF", (2, 3)
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
ALIGNMENT = 32  # bytes, unless the file says otherwise
DIMENSIONS = 4  # at most
ENTRY = 9  # bytes that the shortest entry or tensor takes: no file holds more of them than that allows


class Kind(NamedTuple):
    """How a type of tensor stores its weights: so many in a block of so many bytes."""

    weights: int
    stored: int


F32, F16, Q4_1, Q8_0 = 0, 1, 3, 8
KINDS = {F32: Kind(1, 4), F16: Kind(1, 2), Q4_1: Kind(32, 20), Q8_0: Kind(32, 34)}


class Tensor(NamedTuple):
    """Where a tensor is; `shape` in numpy's order, the last dimension contiguous."""

    shape: tuple[int, ...]
    kind: int
    start: int
    stop: int


class Gguf:
    """A GGUF file: `metadata` by name, tensors read on demand."""

    def __init__(self, path: Path) -> None:
        """Read everything but the weights; raise ValueError with the place of the first thing that does not fit."""
        self._name = path.name
        self._bytes: Array = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
        self._at = 0
        if self._take(4).tobytes() != MAGIC or self._scalar("I") not in VERSIONS:
            raise self._broken("this is not GGUF version 2 or 3")
        tensors, entries = self._count(ENTRY), self._count(ENTRY)
        self.metadata: dict[str, object] = {}
        for _ in range(entries):
            name = self._string()
            if name in self.metadata:
                raise self._broken(f"metadata entry {name!r} is there twice")
            self.metadata[name] = self._value(self._scalar("I"))
        described = [self._described() for _ in range(tensors)]
        alignment = self.metadata.get("general.alignment", ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            raise self._broken(f"the alignment {alignment!r} is not a power of two")
        data = -(-self._at // alignment) * alignment
        self.tensors: dict[str, Tensor] = {}
        for name, shape, kind, offset in described:
            if name in self.tensors:
                raise self._broken(f"tensor {name!r} is there twice")
            start = data + offset
            stop = start + math.prod(shape) // KINDS[kind].weights * KINDS[kind].stored
            if offset % alignment or stop > len(self._bytes):
                raise self._broken(f"tensor {name!r} does not lie inside the file")
            self.tensors[name] = Tensor(shape, kind, start, stop)

    def weights(self, name: str) -> Array:
        """Return a tensor as float32; raise ValueError where there is none of this name."""
        if name not in self.tensors:
            raise ValueError(f"{self._name}: no tensor {name!r}")
        shape, kind, start, stop = self.tensors[name]
        raw = self._bytes[start:stop]
        if kind == F32:
            return raw.view("<f4").astype(np.float32).reshape(shape)
        if kind == F16:
            return raw.view("<f2").astype(np.float32).reshape(shape)
        blocks = raw.reshape(-1, KINDS[kind].stored)
        scale: Array = blocks[:, :2].copy().view("<f2").astype(np.float32)
        if kind == Q8_0:  # a scale, 32 signed bytes
            return (blocks[:, 2:].copy().view(np.int8) * scale).reshape(shape)
        # Q4_1: a scale, a minimum, 16 bytes of two weights each
        least: Array = blocks[:, 2:4].copy().view("<f2").astype(np.float32)
        halves = blocks[:, 4:]
        return (np.concatenate([halves & 15, halves >> 4], axis=1) * scale + least).reshape(shape)

    def _broken(self, why: str) -> ValueError:
        return ValueError(f"{self._name}: byte {self._at}: {why}")

    def _take(self, size: int) -> Array:
        if size > len(self._bytes) - self._at:
            raise self._broken("the file ends too early")
        self._at += size
        return self._bytes[self._at - size : self._at]

    def _scalar(self, code: str) -> int:
        [value] = struct.unpack(f"<{code}", self._take(struct.calcsize(f"<{code}")).tobytes())
        return value

    def _count(self, size: int) -> int:
        """Read how many things of at least `size` bytes follow: not more than the file has room for."""
        count = self._scalar("Q")
        if count * size > len(self._bytes) - self._at:
            raise self._broken(f"{count} things announced, with no room for them")
        return count

    def _string(self) -> str:
        try:
            return self._take(self._count(1)).tobytes().decode()
        except UnicodeDecodeError:
            raise self._broken("a string is not UTF-8") from None

    def _value(self, kind: int) -> object:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            of = self._scalar("I")
            if of == STRING:
                return [self._string() for _ in range(self._count(8))]
            if of in SCALARS:
                size = struct.calcsize(f"<{SCALARS[of]}")
                return np.frombuffer(self._take(self._count(size) * size).tobytes(), f"<{SCALARS[of]}").tolist()
            raise self._broken(f"an array of type {of} is not known")
        if kind not in SCALARS:
            raise self._broken(f"a value of type {kind} is not known")
        return self._scalar(SCALARS[kind])

    def _described(self) -> tuple[str, tuple[int, ...], int, int]:
        name, dimensions = self._string(), self._scalar("I")
        if not 1 <= dimensions <= DIMENSIONS:
            raise self._broken(f"tensor {name!r} has {dimensions} dimensions")
        shape = tuple(reversed([self._scalar("Q") for _ in range(dimensions)]))
        kind, offset = self._scalar("I"), self._scalar("Q")
        if kind not in KINDS:
            raise self._broken(f"tensor {name!r} is of type {kind}, which is not known")
        if shape[-1] % KINDS[kind].weights or not all(shape):
            raise self._broken(f"tensor {name!r} has shape {shape}, which its type cannot store")
        return name, shape, kind, offset
