"""343 news texts and 437 words, tokenised; how well their embeddings agree with what people said of them.

Samples are, in this order and each text once: the 50 documents of Lee, Pincombe and Welsh (2005), whose likeness people
judged, the 300 background documents that go with them, and the words of WordSim-353 (Finkelstein et al. 2002). Nobody
judged the background: it is there because 50 documents among 437 words would put the 90th percentile of latency on
the very border between the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.serve.protocol import Array
from suite.workloads.sentence_embedding.serve.wordpiece import WordPiece

DOCUMENTS, BACKGROUND, JUDGED = "lee.cor", "lee_background.cor", "similarities0-1.txt"
WORDS = "wordsim353.tsv"
WEIGHTS, VOCABULARY = "model.safetensors", "vocab.txt"
WIDTH, LAYERS, HEADS = 384, 6, 12
EPSILON = 1e-12  # of layer normalisation
LONGEST = 256  # tokens, as the model was trained: sentence_bert_config.json of its package
TOGETHER = (8, 16, 32, 64)  # tokens; see `groups`

Tokens = list[Array]  # a batch: the ids of each text, int32


class Group(NamedTuple):
    """Texts of a batch that are about as long: where in the batch, ids (n, length) padded with 0, lengths (n,)."""

    places: Array
    ids: Array
    lengths: Array


def groups(batch: Tokens) -> Iterator[Group]:
    """Split a batch so that little is padded: texts of up to 8, 16, 32 and 64 tokens together, longer ones alone.

    One long text keeps a core's vector units busy; together they would only be padded.
    """
    lengths = np.array([len(ids) for ids in batch])
    longest = 0
    for limit in TOGETHER:
        places = np.flatnonzero((lengths > longest) & (lengths <= limit))
        longest = limit
        if len(places):
            ids = np.zeros((len(places), lengths[places].max()), np.int32)
            for row, place in enumerate(places):
                ids[row, : lengths[place]] = batch[place]
            yield Group(places, ids, lengths[places])
    for place in np.flatnonzero(lengths > longest):
        yield Group(np.array([place]), batch[place][None], lengths[[place]])


def made_up(batch: int) -> Iterator[Tokens]:
    """Yield a text of every length, and a whole batch of those that are embedded together: every shape there can be."""
    texts: dict[int, Array] = {length: np.full(length, 1000, np.int32) for length in range(3, LONGEST + 1)}
    yield from ([text] for text in texts.values())
    yield from ([texts[length]] * batch for length in TOGETHER)


class Task:
    """The texts; see `suite.serve.protocol.Task`. Tokens are ready when a sample is loaded, as in MLPerf's BERT."""

    SAMPLES = 780
    PERFORMANCE_SAMPLES = 780
    ANSWER_BYTES = 4 * WIDTH

    def __init__(self, folder: Path) -> None:
        """Read the texts and judgements; raise ValueError naming the file that is not in its format."""
        documents = _lines(folder / DOCUMENTS, "latin-1")
        self.judged = _judgements(folder / JUDGED, len(documents))
        self.pairs = _word_pairs(folder / WORDS)
        words = [word for one, other, _ in self.pairs for word in (one, other)]
        self._texts = list(dict.fromkeys([*documents, *_lines(folder / BACKGROUND, "utf-8"), *words]))
        if len(self._texts) != self.SAMPLES:
            raise ValueError(f"{BACKGROUND}: {len(self._texts)} different texts, expected {self.SAMPLES}")
        self.place = {text: index for index, text in enumerate(self._texts)}
        self.documents = [self.place[text] for text in documents]
        self._tokeniser = WordPiece(folder / VOCABULARY)
        self._loaded: dict[int, Array] = {}

    def load(self, indices: Sequence[int]) -> None:
        """Tokenise samples."""
        for index in indices:
            self._loaded[index] = np.array(self._tokeniser.encode(self._texts[index], LONGEST), np.int32)

    def unload(self, indices: Sequence[int]) -> None:
        """Forget samples' tokens."""
        for index in indices:
            self._loaded.pop(index, None)

    def inputs(self, indices: Sequence[int]) -> Tokens:
        """Return the token ids of loaded samples."""
        return [self._loaded[index] for index in indices]

    def answers(self, outputs: Array) -> Array:
        """Return the embeddings as float32 little endian."""
        return np.ascontiguousarray(outputs, "<f4")

    def accuracy(self, answers: Mapping[int, bytes], model: Any) -> dict[str, float]:  # noqa: ARG002
        """Return how cosines correlate with judgements: Pearson's r on the documents, Spearman's rho on the words."""
        vectors = np.array([np.frombuffer(answers[index], "<f4") for index in range(self.SAMPLES)], np.float64)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float64).tiny)
        documents = vectors[self.documents]
        pairs = np.triu_indices(len(documents), 1)
        cosines = [vectors[self.place[one]] @ vectors[self.place[other]] for one, other, _ in self.pairs]
        said = [value for *_, value in self.pairs]
        return {
            "lee_pearson": pearson((documents @ documents.T)[pairs], self.judged[pairs]),
            "wordsim353_spearman": pearson(ranks(np.array(cosines)), ranks(np.array(said))),
        }


def pearson(one: Array, other: Array) -> float:
    """Return Pearson's correlation coefficient of two vectors; 0 where there is none: all equal, or not finite."""
    with np.errstate(all="ignore"):
        found = float(np.corrcoef(one, other)[0, 1])
    return found if np.isfinite(found) else 0.0


def ranks(values: Array) -> Array:
    """Return the rank of each value, from 1; equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def _lines(path: Path, encoding: str) -> list[str]:
    """Return the lines of a text that hold anything."""
    return [line for line in path.read_text(encoding).split("\n") if line.strip()]


def _judgements(path: Path, documents: int) -> Array:
    """Return the (documents, documents) matrix of people's judgements, 0 to 1; its upper triangle counts."""
    try:
        table = np.array([[float(cell) for cell in line.split("\t")] for line in _lines(path, "ascii")])
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
    if table.shape != (documents, documents):
        raise ValueError(f"{path.name} holds {table.shape} judgements of {documents} documents")
    return table


def _word_pairs(path: Path) -> list[tuple[str, str, float]]:
    """Return (word, word, mean judgement from 0 to 10)."""
    rows = [line.split("\t") for line in _lines(path, "ascii") if not line.startswith("#")]
    try:
        return [(one, other, float(value)) for one, other, value in rows]
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
