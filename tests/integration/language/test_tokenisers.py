"""Every text of the two data sets becomes the tokens that Hugging Face's `tokenizers` 0.23.3 makes of it.

Recorded with that package from the tokenizer.json of all-MiniLM-L6-v2 (cut off at 256), and from SmolLM2's vocabulary
and merges with its two pre-tokenisers, Digits (each alone) and ByteLevel.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from suite.workloads.sentence_embedding.serve.task import LONGEST, VOCABULARY
from suite.workloads.sentence_embedding.serve.task import Task as Sentences
from suite.workloads.sentence_embedding.serve.wordpiece import WordPiece
from suite.workloads.text_generation.serve.task import TEXTS, tokeniser
from tests.integration.language.conftest import obtained

WORDPIECE = "3d4012c025b38f0c66c4d8718ae7082122b4f40733c46828b1634618379d7771"
BPE = "6b30ee41a5d829ed35568a2436a9090e02af4ade9da2de717257c5fe374a98ec"
BEHIND = [15486, 46494, 5549, 223, 863, 1321, 45682]  # from the i of naïve on
TRICKY = {  # text: WordPiece's tokens, BPE's
    "Don't 12,345.67 ½ x² Ⅷ naïve Ångström": (
        [101, 2123, 1005, 1056, 2260, 1010, 23785, 1012, 6163, 1092, 1060, 10701, 100, 15743, 17076, 15687, 102],
        [8084, 982, 216, 33, 34, 28, 35, 36, 37, 30, 38, 39, 216, 16738, 1792, 19133, 216, 173, 223, 117, *BEHIND],
    ),
    "日本語 and 한국어": (
        [101, 1864, 1876, 1950, 1998, 1469, 30006, 30021, 29991, 30014, 30020, 29999, 30008, 102],
        [23274, 115, 40993, 179, 120, 248, 284, 216, 33085, 246, 181, 130, 251, 183, 240, 129],
    ),
    "tabs\tand\nlines \r\n  end ": (
        [101, 21628, 2015, 1998, 3210, 2203, 102],
        [100, 7366, 197, 397, 198, 5110, 216, 23799, 1112, 216],
    ),
    "zero\u200bwidth, soft\u00adhyphen, nbsp\u00a0here": (
        [101, 5717, 9148, 11927, 2232, 1010, 3730, 10536, 8458, 2368, 1010, 1050, 5910, 2361, 2182, 102],
        [13723, 321, 229, 6930, 28, 2375, 141, 251, 1724, 18861, 28, 304, 32093, 15442, 1531],
    ),
    "$5~6^7`8|9=<10>": (
        [101, 1002, 1019, 1066, 1020, 1034, 1021, 1036, 1022, 1064, 1023, 1027, 1026, 2184, 1028, 102],
        [20, 37, 110, 38, 78, 39, 80, 40, 108, 41, 45, 44, 33, 32, 46],
    ),
    "🤗 emoji e\u0301 ß ſ İ": (  # noqa: RUF001
        [101, 100, 7861, 29147, 2072, 1041, 1096, 100, 1045, 102],
        [10813, 114, 241, 649, 33777, 297, 151, 219, 5549, 249, 18811, 140, 24488, 125],
    ),
    "WE'LL _under_ __init__ 3rd": (
        [101, 2057, 1005, 2222, 1035, 2104, 1035, 1035, 1035, 1999, 4183, 1035, 1035, 3822, 102],
        [23342, 23, 16421, 2483, 5941, 79, 2758, 2563, 890, 216, 35, 7212],
    ),
}


@pytest.fixture(scope="module")
def sentences() -> Path:
    """The folder with the data of sentence-embedding."""
    return obtained("sentence-embedding")[VOCABULARY].parent


@pytest.fixture(scope="module")
def texts() -> Path:
    """The folder with the data of text-generation."""
    return obtained("text-generation")[TEXTS].parent


def digest(rows: list[list[int]]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def test_wordpiece_gives_the_tokens_of_every_sample(sentences: Path) -> None:
    task = Sentences(sentences)
    everything = range(task.SAMPLES)
    task.load(everything)
    assert digest([ids.tolist() for ids in task.inputs(everything)]) == WORDPIECE


def test_bpe_gives_the_tokens_of_every_text(texts: Path) -> None:
    lines = [line for line in (texts / TEXTS).read_text().split("\n") if line.strip()]
    encode = tokeniser(texts).encode
    assert digest([encode(line) for line in lines]) == BPE


def test_tricky_texts_too(sentences: Path, texts: Path) -> None:
    wordpiece, bpe = WordPiece(sentences / VOCABULARY), tokeniser(texts)
    for text, (pieces, pairs) in TRICKY.items():
        assert wordpiece.encode(text, LONGEST) == pieces, text
        assert bpe.encode(text) == pairs, text
