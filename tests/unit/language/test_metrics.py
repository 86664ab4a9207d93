"""What accuracy runs of the two language workloads report."""

from __future__ import annotations

import math

import numpy as np
import pytest

from suite.workloads.sentence_embedding.serve.task import TOGETHER, groups, pearson, ranks
from suite.workloads.text_generation.serve.task import agreement, perplexity


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranks(np.array([30.0, 10.0, 20.0, 20.0, 20.0])).tolist() == [5.0, 1.0, 3.0, 3.0, 3.0]


def test_pearson_is_that_of_the_textbook() -> None:
    one, other = np.array([1.0, 2.0, 4.0]), np.array([2.0, 1.0, 6.0])
    a, b = one - one.mean(), other - other.mean()
    assert pearson(one, other) == pytest.approx(float(a @ b) / math.sqrt(float(a @ a) * float(b @ b)), rel=1e-12)
    assert pearson(one, -one) == pytest.approx(-1)


@pytest.mark.parametrize("useless", [[0.0, 0.0, 0.0], [math.nan, 1.0, 2.0], [math.inf, 1.0, 2.0]])
def test_answers_that_say_nothing_correlate_with_nothing(useless: list[float]) -> None:
    assert pearson(np.array(useless), np.array([1.0, 2.0, 4.0])) == 0


def test_perplexity_is_that_of_all_tokens_together() -> None:
    likelihoods = [np.log(np.array([0.5, 0.25])), np.log(np.array([0.125]))]
    assert perplexity(likelihoods) == pytest.approx(4)  # the geometric mean of 2, 4 and 8


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ([[1, 2, 3, 4]], 1),
        ([[1, 2, 9, 4]], 2 / 3),  # what follows the 9 is another text
        ([[9, 2, 3, 4]], 0),
        ([[1, 2, 3]], 3 / 4),  # ended early
        ([[1, 2, 3, 4, 5]], 4 / 5),
        ([[]], 0),
    ],
)
def test_agreement_counts_choices_made_in_the_same_place(chosen: list[list[int]], expected: float) -> None:
    assert agreement(chosen, [[1, 2, 3, 4]]) == pytest.approx(expected)


def test_agreement_is_over_all_texts() -> None:
    assert agreement([[1, 2], [9]], [[1, 2], [3]]) == pytest.approx(2 / 3)


def test_groups_hold_every_text_once_and_pad_little() -> None:
    lengths = [3, 64, 200, 8, 9, 65, 33, 3, 256]
    batch = [np.full(length, length, np.int32) for length in lengths]
    seen = []
    for places, ids, sizes in groups(batch):
        assert ids.shape == (len(places), max(sizes))
        assert max(sizes) <= TOGETHER[0] or min(sizes) > max(sizes) / 2
        assert len(places) == 1 or max(sizes) <= TOGETHER[-1]
        for place, row, size in zip(places, ids, sizes, strict=True):
            assert np.array_equal(row[:size], batch[place])
            assert not row[size:].any()
        seen += places.tolist()
    assert sorted(seen) == list(range(len(batch)))
