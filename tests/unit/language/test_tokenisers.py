"""Texts become tokens as the two tokenisers' inventors have it; what whole data sets become is tested with the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.workloads.sentence_embedding.serve.wordpiece import WordPiece
from suite.workloads.text_generation.serve.bpe import ALPHABET, Bpe

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "naive", "$", "5", "日", "本", "a", "##a", "-"]
UNKNOWN, FIRST, LAST = 1, 2, 3


@pytest.fixture
def wordpiece(tmp_path: Path) -> WordPiece:
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return WordPiece(tmp_path / "vocab.txt")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Unaffable", ["un", "##aff", "##able"]),
        ("NAÏVE nai\u0308ve", ["naive", "naive"]),
        ("naive\t\n\u00a0naive", ["naive", "naive"]),
        ("na\u200bi\x00ve", ["naive"]),  # control and format characters are nothing
        ("$5-a", ["$", "5", "-", "a"]),
        ("日本", ["日", "本"]),
        ("unknown a", ["[UNK]", "a"]),
        ("a" * 100, ["a", *["##a"] * 99]),
        ("a" * 101, ["[UNK]"]),
        ("[SEP]", ["[UNK]"] * 3),  # written out, it is text: [, sep, ]
    ],
)
def test_words_are_the_longest_pieces_from_the_left(wordpiece: WordPiece, text: str, pieces: list[str]) -> None:
    assert wordpiece.encode(text, 256) == [FIRST, *(PIECES.index(piece) for piece in pieces), LAST]


def test_a_text_is_cut_off_before_its_end_mark(wordpiece: WordPiece) -> None:
    assert wordpiece.encode("a " * 50, 8) == [FIRST, *[PIECES.index("a")] * 6, LAST]


def test_a_vocabulary_without_the_marks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[UNK]\n[CLS]\na\n")
    with pytest.raises(ValueError, match=r"vocab\.txt has no token '\[SEP\]'"):
        WordPiece(tmp_path / "vocab.txt")


TOKENS = [*ALPHABET, "ab", "abc", "bc", "Ġa"]


def bpe(*merges: str) -> Bpe:
    return Bpe(TOKENS, merges, unknown=7)


def tokens(found: list[int]) -> list[str]:
    return [TOKENS[number] for number in found]


def test_the_first_merge_in_the_list_is_made_first() -> None:
    assert tokens(bpe("a b", "b c", "ab c").encode("abc")) == ["abc"]
    assert tokens(bpe("b c", "a b", "ab c").encode("abc")) == ["a", "bc"]


def test_a_merge_is_made_everywhere_in_a_word() -> None:
    assert tokens(bpe("a b").encode("ababa")) == ["ab", "ab", "a"]


def test_every_digit_is_a_word_and_so_is_the_space_before_it() -> None:
    assert tokens(bpe("Ġ a").encode("12 a 3")) == ["1", "2", "Ġa", "Ġ", "3"]


def test_bytes_stand_for_characters_outside_ascii() -> None:
    assert [ALPHABET.index(token) for token in tokens(bpe().encode("é½"))] == list("é½".encode())


def test_a_byte_without_a_token_is_unknown() -> None:
    assert Bpe(["a"], [], unknown=7).encode("ab") == [0, 7]


def test_a_merge_that_makes_no_token_is_refused() -> None:
    with pytest.raises(ValueError, match="makes something that is not a token"):
        bpe("a c")
