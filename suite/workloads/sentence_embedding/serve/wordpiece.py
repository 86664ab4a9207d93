"""BERT's uncased WordPiece tokeniser: text to token ids (Devlin et al. 2019).

Gives what Hugging Face's `tokenizers` gives for ordinary text; that package would bring a client of a model hub along.
A special token written out in a text ("[SEP]") is text here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

LONGEST_WORD = 100  # characters; a longer word is unknown as a whole
UNKNOWN, FIRST, LAST = "[UNK]", "[CLS]", "[SEP]"
# Where Chinese characters stand in Unicode: each becomes a word.
CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """A vocabulary, one token a line, its line number its id."""

    def __init__(self, vocabulary: Path) -> None:
        """Read the vocabulary; raise ValueError where it lacks one of the three special tokens."""
        tokens = vocabulary.read_text("utf-8").split("\n")
        self._ids = {token: number for number, token in enumerate(tokens) if token}
        try:
            self._unknown, self._first, self._last = (self._ids[token] for token in (UNKNOWN, FIRST, LAST))
        except KeyError as error:
            raise ValueError(f"{vocabulary.name} has no token {error}") from None

    def encode(self, text: str, longest: int) -> list[int]:
        """Return [CLS], the text's tokens and [SEP], `longest` ids at most: the rest of the text is cut off."""
        ids = [piece for word in _words(text) for piece in self._pieces(word)]
        return [self._first, *ids[: longest - 2], self._last]

    def _pieces(self, word: str) -> list[int]:
        """Return the word in the longest pieces the vocabulary has, from the left; [UNK] where there are none."""
        if len(word) > LONGEST_WORD:
            return [self._unknown]
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for stop in range(len(word), start, -1):
                piece = self._ids.get(prefix + word[start:stop])
                if piece is not None:
                    break
            else:
                return [self._unknown]
            found.append(piece)
            start = stop
        return found


def _words(text: str) -> Iterator[str]:
    """Yield words and single punctuation marks: in lower case, without accents and control characters."""
    spaced = "".join(_spaced(character) for character in text)
    bare = "".join(c for c in unicodedata.normalize("NFD", spaced) if unicodedata.category(c) != "Mn").lower()
    for word in bare.split():
        start = 0
        for place, character in enumerate(word):
            if _punctuation(character):
                if start < place:
                    yield word[start:place]
                yield character
                start = place + 1
        if start < len(word):
            yield word[start:]


def _spaced(character: str) -> str:
    if character.isspace():
        return " "
    code = ord(character)
    if code in (0, 0xFFFD) or unicodedata.category(character).startswith("C"):
        return ""
    return f" {character} " if any(first <= code <= last for first, last in CHINESE) else character


def _punctuation(character: str) -> bool:
    """Say whether BERT takes a character for punctuation: every ASCII symbol is, $ and ~ too."""
    code = ord(character)
    symbol = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return symbol or unicodedata.category(character).startswith("P")
