"""Early stopping is LoadGen's: its least numbers of queries, its estimates, and what they rest on."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.loadgen.early_stopping import at_most, least_queries, met, place


@pytest.mark.parametrize(("p", "queries"), [(0.9, 64), (0.99, 662), (0.999, 6636)])
def test_as_many_queries_are_needed_as_mlperf_says(p: float, queries: int) -> None:
    assert least_queries(p) == queries
    assert place(queries, p) == 1
    assert place(queries - 1, p) is None


@pytest.mark.parametrize(("queries", "discarded"), [(1846, 153), (1733, 143)])
def test_as_many_of_the_slowest_are_discarded_as_loadgen_did(queries: int, discarded: int) -> None:
    """Logs of LoadGen 6.0.17 say so: 'Would discard 153 highest latency queries.'"""
    assert place(queries, 0.9) == discarded + 1


def test_server_needs_459_queries_where_none_is_late() -> None:
    assert met(0, 459, 0.99)
    assert not met(0, 458, 0.99)


@given(st.integers(0, 200), st.integers(1, 200), st.sampled_from([0.5, 0.9, 0.99]))
def test_the_tail_is_the_binomial_sum(failures: int, trials: int, p: float) -> None:
    terms = (comb(trials, k) * (1 - p) ** k * p ** (trials - k) for k in range(min(failures, trials) + 1))
    assert at_most(failures, trials, p) == pytest.approx(sum(terms), rel=1e-9, abs=1e-15)


@settings(deadline=None)  # sums of many terms, on whatever machine
@given(st.integers(64, 10**6))
def test_more_queries_never_vouch_for_less(queries: int) -> None:
    at = place(queries, 0.9)
    assert at is not None
    assert met(at, queries, 0.9)
    assert not met(at + 1, queries, 0.9)
