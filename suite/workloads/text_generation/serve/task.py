"""Beginnings of 64 news texts to go on from, tokenised; how well the model knows such texts, and chooses its words.

The texts are Lee's background documents (Lee, Pincombe and Welsh 2005), each once. The first eight, up to 256 tokens
each, are for perplexity; the first 64 tokens of each of the next 64 are the prompts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.serve.protocol import Array
from suite.workloads.text_generation.serve.bpe import Bpe
from suite.workloads.text_generation.serve.gguf import Gguf
from suite.workloads.text_generation.serve.llama import WEIGHTS

TEXTS = "lee_background.cor"
REFERENCE = "text-generation-tokens.json"  # what the float64 reference goes on with, greedily
SCORED, SCORED_TOKENS = 8, 256  # texts for perplexity, and how much of each
PROMPT_TOKENS, NEW_TOKENS = 64, 32
END = 2  # <|im_end|>, the token with which the model ends a text; it is part of the answer

Tokens = list[Array]  # a batch: the ids of each text, int32


class Task:
    """The prompts; see `suite.serve.protocol.Task`. They are tokenised before a run, as in MLPerf's language models."""

    SAMPLES = 64
    PERFORMANCE_SAMPLES = 64
    ANSWER_BYTES = None

    def __init__(self, folder: Path) -> None:
        """Read and tokenise the texts; raise ValueError naming the file that is not in its format."""
        encode = tokeniser(folder).encode
        texts = list(dict.fromkeys(line for line in (folder / TEXTS).read_text("utf-8").split("\n") if line.strip()))
        ids = [np.array(encode(text), np.int32) for text in texts[: SCORED + self.SAMPLES]]
        self._scored = [text[:SCORED_TOKENS] for text in ids[:SCORED]]
        self._prompts = [text[:PROMPT_TOKENS] for text in ids[SCORED:]]
        if len(self._prompts) != self.SAMPLES or any(len(prompt) != PROMPT_TOKENS for prompt in self._prompts):
            raise ValueError(f"{TEXTS} has too few texts, or too short ones")
        self._reference: list[list[int]] = json.loads((folder / REFERENCE).read_bytes())["tokens"]

    def load(self, indices: Sequence[int]) -> None:
        """Do nothing: 64 prompts are in memory anyway."""

    def unload(self, indices: Sequence[int]) -> None:
        """Do nothing."""

    def inputs(self, indices: Sequence[int]) -> Tokens:
        """Return the prompts' token ids, all of the same length."""
        return [self._prompts[index] for index in indices]

    def answers(self, outputs: Array) -> Array:
        """Never called: the answer of a token model is its tokens."""
        raise NotImplementedError

    def accuracy(self, answers: Mapping[int, bytes], model: Any) -> dict[str, float]:
        """Return the perplexity of the scored texts, by `model` after the run, and how often answers chose right."""
        chosen = [np.frombuffer(answers[index], "<i4").tolist() for index in range(self.SAMPLES)]
        return {
            "perplexity": perplexity([model.infer([text])[0] for text in self._scored]),
            "greedy_agreement": agreement(chosen, self._reference),
        }


def tokeniser(folder: Path) -> Bpe:
    """Return the tokeniser that the weights file holds; raise ValueError where it holds none."""
    metadata = Gguf(folder / WEIGHTS).metadata
    tokens, merges = metadata.get("tokenizer.ggml.tokens"), metadata.get("tokenizer.ggml.merges")
    unknown = metadata.get("tokenizer.ggml.unknown_token_id")
    if not isinstance(tokens, list) or not isinstance(merges, list) or not isinstance(unknown, int):
        raise ValueError(f"{WEIGHTS} holds no byte-level BPE")
    return Bpe(tokens, merges, unknown)


def perplexity(likelihoods: Sequence[Array]) -> float:
    """Return exp of the mean negative log-likelihood of all tokens but each text's first."""
    return math.exp(-float(np.mean(np.concatenate(likelihoods), dtype=np.float64)))


def agreement(chosen: Sequence[Sequence[int]], reference: Sequence[Sequence[int]]) -> float:
    """Return how often the next token was the reference's, where all tokens before it were.

    Behind the first other token two texts have nothing in common any more, however good both are: only choices made in
    the same place are compared. A text that ends early or late has chosen otherwise there.
    """
    same = choices = 0
    for ours, theirs in zip(chosen, reference, strict=True):
        together = next(
            (place for place, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
            min(len(ours), len(theirs)),
        )
        same += together
        choices += together + (list(ours) != list(theirs))
    return same / choices
