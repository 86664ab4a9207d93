"""Byte-level BPE as GPT-2's, with every digit a word of its own: the tokeniser of SmolLM2, from its GGUF file.

Gives what Hugging Face's `tokenizers` gives for ordinary text. A special token written out in a text is text here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

# GPT-2's words (Radford et al. 2019), in a text without numbers: there `\w` is letters and the underscore.
WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W_]+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def _alphabet() -> list[str]:
    """Return the character that stands for each byte: itself where it can be seen, else one from 256 on."""
    seen = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    unseen = iter(range(256, 512))
    return [chr(byte) if byte in seen else chr(next(unseen)) for byte in range(256)]


ALPHABET = _alphabet()


class Bpe:
    """Tokens by id, and pairs of them in the order in which they are merged ("Ġ t")."""

    def __init__(self, tokens: Sequence[str], merges: Sequence[str], unknown: int) -> None:
        """Index both; `unknown` is for bytes without a token. Raise ValueError where a merge makes no token."""
        self._unknown = unknown
        self._ids = {token: number for number, token in enumerate(tokens)}
        pairs = [tuple(merge.split(" ")) for merge in merges]
        if not all(len(pair) == 2 and "".join(pair) in self._ids for pair in pairs):
            raise ValueError("a merge makes something that is not a token")
        self._rank = {pair: rank for rank, pair in enumerate(pairs)}
        self._known: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Return the ids of the text's tokens."""
        return [token for word in _words(text) for token in self._word(word)]

    def _word(self, word: str) -> list[int]:
        found = self._known.get(word)
        if found is None:
            parts = self._merged([ALPHABET[byte] for byte in word.encode()])
            found = self._known[word] = [self._ids.get(part, self._unknown) for part in parts]
        return found

    def _merged(self, parts: list[str]) -> list[str]:
        """Merge the pair that comes first in the list of merges, everywhere, until none is left."""
        while len(parts) > 1:
            ranks = [self._rank.get(pair, len(self._rank)) for pair in pairwise(parts)]
            least = min(ranks)
            if least == len(self._rank):
                break
            merged, place = [], 0
            while place < len(parts):
                both = place < len(ranks) and ranks[place] == least
                merged.append(parts[place] + parts[place + 1] if both else parts[place])
                place += 2 if both else 1
            parts = merged
        return parts


def _words(text: str) -> Iterator[str]:
    """Yield GPT-2's words of what stands between numbers, and each character of a number."""
    start = 0
    for place, character in enumerate(text):
        if unicodedata.category(character).startswith("N"):
            yield from WORD.findall(text[start:place])
            yield character
            start = place + 1
    yield from WORD.findall(text[start:])
