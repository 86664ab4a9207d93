"""What an inference workload is to LoadGen's harness: a framework-neutral task, and one thin model per framework.

The harness owns everything two frameworks could differ in by accident: which sample is asked when, how queries are
batched and queued, what LoadGen is told and when, the failures it tells apart. A model owns only what its framework
does well: the forward pass. Every module `serve/task.py` has a class `Task`, every `serve/<framework>.py` a class
`Model`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from suite.serve.job import Sut as Sut

Array = np.ndarray
Batch = Any  # arrays of numpy in whatever form the task and its models agree on
ENDED = -1  # in a step of a token model: this sequence had ended before


class Task(Protocol):
    """The framework-neutral side of a workload. Constructed once per process; `folder` holds the verified data files.

    Samples are numbered from 0 in the order of the data set.
    """

    SAMPLES: ClassVar[int]  # in the data set; an accuracy run asks each once
    PERFORMANCE_SAMPLES: ClassVar[int]  # how many LoadGen may have loaded at a time
    ANSWER_BYTES: ClassVar[int | None]  # of every answer; None: answers differ in length (token models)

    def __init__(self, folder: Path) -> None:
        """Read what is needed to find samples; raise ValueError naming the file that is not in its format."""

    def load(self, indices: Sequence[int]) -> None:
        """Bring samples into memory, ready for `inputs`; LoadGen calls it outside the clock."""

    def unload(self, indices: Sequence[int]) -> None:
        """Forget samples again."""

    def inputs(self, indices: Sequence[int]) -> Batch:
        """Return loaded samples as the model takes them, in this order; inside the clock."""

    def answers(self, outputs: Array) -> Array:
        """Turn a model's outputs, (n, …), to the answers LoadGen logs: C-contiguous, one row per sample.

        Row i's bytes are sample i's answer, ANSWER_BYTES of them. Inside the clock. Not called for token models, whose
        answer is the generated tokens, int32.
        """

    def accuracy(self, answers: Mapping[int, bytes], model: Any) -> dict[str, float]:
        """Return every metric of the rule set by name, from all answers of an accuracy run by sample index.

        Outside the clock. `model` is the one that gave the answers, for metrics that answers cannot hold (perplexity).
        """


class Model(Protocol):
    """A workload's model in one framework. All calls return when the work is done."""

    def __init__(self, folder: Path, sut: Sut) -> None:
        """Load the weights from `folder` and compile; raise ValueError for a precision it does not offer.

        Outside the clock. The process has `sut.threads` cores already.
        """

    def warm_up(self) -> None:
        """Run every shape the clock will see on made-up inputs; outside the clock."""

    def infer(self, batch: Batch) -> Array:
        """Return the outputs, (n, …), of a batch of 1 to `sut.batch` samples; called from up to `sut.workers` threads.

        These are also what frameworks are compared by before anything is timed, so give what the answer is made from
        (logits, embeddings), not the answer.
        """


class TokenModel(Model, Protocol):
    """A model that answers token by token; `infer` gives e.g. logits of the first token."""

    def generate(self, batch: Batch) -> Iterator[Array]:
        """Yield once per step the token each sequence got, (n,) int32, ENDED where a sequence had ended before.

        A sequence's first token comes with the first step: its time is LoadGen's time to first token.
        """
