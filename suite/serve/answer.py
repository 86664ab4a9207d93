"""From queries to answers: calls the model, proves that it answered each sample once and whole, tells LoadGen.

What happens once per query costs as little as Python allows, since it lies inside the clock: responses are made once
and point into one buffer, a query changes their ids, and the copy into the buffer is what checks the size. Against a
SUT of bare Python that makes a response per sample, this is no slower (tests/benchmarks/bench_loadgen.py).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from suite.serve.guard import SutError
from suite.serve.protocol import ENDED, Array, Model, Task, TokenModel

TOKEN_BYTES = 4
Answer = Callable[[list[int], list[int]], None]  # LoadGen's response ids, sample indices


def answering(loadgen: Any, task: Task, model: Model, batch: int) -> Answer:
    """Return the function that answers up to `batch` samples. For one thread: its buffer is its own.

    It raises SutError for what the model did wrong, and whatever the model raised.
    """
    size = task.ANSWER_BYTES
    assert size is not None
    room = bytearray(batch * size)
    places = memoryview(room)  # a slice of it takes exactly as many bytes as it has
    address = ctypes.addressof((ctypes.c_char * len(room)).from_buffer(room))
    responses = [loadgen.QuerySampleResponse(0, address + place * size, size) for place in range(batch)]
    first, alone = responses[0], responses[:1]
    inputs, infer, answers, complete = task.inputs, model.infer, task.answers, loadgen.QuerySamplesComplete

    def answer(ids: list[int], indices: list[int]) -> None:
        rows: Any = answers(infer(inputs(indices)))
        count = len(ids)
        try:
            places[: count * size] = memoryview(rows).cast("B")
        except (ValueError, TypeError):
            raise _misfit(rows, count, size) from None
        if count == 1:
            first.id = ids[0]
            complete(alone)
            return
        for response, number in zip(responses, ids):  # noqa: B905 (strict costs time, and they differ at the end)
            response.id = number
        complete(responses if count == batch else responses[:count])

    return answer


def _misfit(rows: Any, count: int, size: int) -> SutError:
    """Say what is wrong with answers that do not fit `count` samples of `size` bytes."""
    if not isinstance(rows, np.ndarray) or rows.ndim == 0:
        return SutError("wrong-size", f"the answers are {type(rows).__name__}, not an array with a row per sample")
    if len(rows) > count:
        return SutError("answered-twice", f"{len(rows)} answers to {count} samples: some would be answered twice")
    if len(rows) < count:
        return SutError("unanswered", f"{len(rows)} answers to {count} samples: the rest would never be answered")
    if not rows.flags.c_contiguous:
        return SutError("wrong-size", "the answers are not contiguous in memory")
    return SutError("wrong-size", f"an answer has {rows.nbytes // count} bytes, not {size}")


def answering_tokens(loadgen: Any, task: Task, model: TokenModel, first: bool) -> Answer:
    """Return the function that answers samples token by token.

    `first`: whether LoadGen wants to be told of the first token, which it does not in Offline.
    """
    response, complete, first_token = (
        loadgen.QuerySampleResponse,
        loadgen.QuerySamplesComplete,
        loadgen.FirstTokenComplete,
    )

    def answer(ids: list[int], indices: list[int]) -> None:
        tokens: list[list[int]] = [[] for _ in ids]
        live = set(range(len(ids)))
        for step, new in enumerate(_steps(model.generate(task.inputs(indices)), len(ids))):
            for place, token in enumerate(new.tolist()):
                if token != ENDED and place not in live:
                    raise SutError("answered-twice", f"sequence {place} of a batch got a token after its end")
                if token != ENDED:
                    tokens[place].append(token)
            if step == 0:
                if any(not one for one in tokens):
                    raise SutError("unanswered", "a sequence ended before its first token")
                if first:
                    with _Pointed(tokens) as at:
                        first_token([response(ids[p], at[p], TOKEN_BYTES, 1) for p in live])
            ended = [place for place in live if new[place] == ENDED]
            live.difference_update(ended)
            finish(ids, tokens, ended)
            if not live:
                return
        finish(ids, tokens, sorted(live))
        if any(not one for one in tokens):
            raise SutError("unanswered", "the model gave no token")

    def finish(ids: list[int], tokens: list[list[int]], places: Sequence[int]) -> None:
        if places and all(tokens[place] for place in places):
            with _Pointed([tokens[place] for place in places]) as at:
                complete(
                    [
                        response(ids[place], address, TOKEN_BYTES * len(tokens[place]), len(tokens[place]))
                        for place, address in zip(places, at, strict=True)
                    ]
                )

    return answer


def _steps(steps: Iterator[Any], count: int) -> Iterator[Array]:
    """Yield a token model's steps, each proven to have one token per sequence."""
    for new in steps:
        if not isinstance(new, np.ndarray) or new.dtype != np.int32 or new.ndim != 1:
            kind = f"{new.dtype} {new.shape}" if isinstance(new, np.ndarray) else type(new).__name__
            raise SutError("wrong-size", f"a step of tokens is {kind}, not int32 with one token per sequence")
        if len(new) > count:
            raise SutError("answered-twice", f"{len(new)} tokens in a step of {count} sequences")
        if len(new) < count:
            raise SutError("unanswered", f"{len(new)} tokens in a step of {count} sequences")
        yield new


class _Pointed:
    """Token lists as int32 in memory, with the address of each for as long as the context lasts."""

    def __init__(self, tokens: Sequence[Sequence[int]]) -> None:
        self._arrays = [np.array(one, np.int32) for one in tokens]

    def __enter__(self) -> list[int]:
        return [array.ctypes.data for array in self._arrays]

    def __exit__(self, *_: object) -> None:
        self._arrays = []
