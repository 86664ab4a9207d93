"""LoadGen's accuracy log: which sample was answered with which bytes, and with how many tokens."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from math import isfinite

import msgspec

from checker.core.tree import RefusedError, Tree
from rules.compliance import AnswerComparison

CODES = {"int32": "i", "int64": "q", "float32": "f"}


class Answer(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One entry of `mlperf_log_accuracy.json`; the last two members only where tokens are timed."""

    seq_id: int
    qsl_idx: int
    data: str  # hexadecimal
    token_data: str | None = None  # what the first token was said to be, where it was said
    token_count: int | None = None

    @property
    def bytes(self) -> bytes:
        """The answer; ValueError where it is not hexadecimal."""
        return bytes.fromhex(self.data)


def read_answers(tree: Tree, path: str) -> list[Answer]:
    """Read an accuracy log; RefusedError where it cannot be read or is none."""
    raw = tree.read(path, tree.limits.log_bytes)
    try:
        return msgspec.json.decode(raw, type=list[Answer]) if raw.strip() else []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"is no accuracy log of LoadGen's: {error}") from None


def numbers(answer: bytes, kind: AnswerComparison) -> array[int] | array[float] | None:
    """Return the elements of an answer; None where its length is no whole number of them."""
    found: array[int] | array[float] = array(CODES[kind.dtype])
    if len(answer) % found.itemsize:
        return None
    found.frombytes(answer)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def alike(one: bytes, other: bytes, kind: AnswerComparison) -> bool:
    """Return whether two answers to one sample are the same, within what the round allows."""
    if one == other:
        return True
    if not kind.relative or len(one) != len(other):
        return False
    left, right = numbers(one, kind), numbers(other, kind)
    if not left or not right:
        return False
    bound = kind.relative * max(map(abs, left))
    # Neither NaN nor an infinity is like anything: the bound would be one, or the difference is.
    return isfinite(bound) and all(abs(a - b) <= bound for a, b in zip(left, right, strict=True))


def by_sample(answers: Iterable[Answer]) -> dict[int, str]:
    """Return the first answer to each sample."""
    found: dict[int, str] = {}
    for answer in answers:
        found.setdefault(answer.qsl_idx, answer.data)
    return found
