"""The statistics against scipy, which only the tests have."""

from __future__ import annotations

from statistics import fmean, pstdev, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from checker.core.statistics import fastest_mean, incomplete_beta, olympic_mean, t_cdf, t_quantile


@given(st.floats(0.1, 200), st.floats(0.1, 200), st.floats(0, 1))
def test_the_incomplete_beta_function_is_scipys(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(float(special.betainc(a, b, x)), rel=1e-9, abs=1e-12)


@given(st.floats(-30, 30), st.integers(1, 200))
def test_students_t_is_scipys(t: float, freedom: int) -> None:
    assert t_cdf(t, freedom) == pytest.approx(float(stats.t.cdf(t, freedom)), rel=1e-9, abs=1e-12)


@given(st.floats(0.001, 0.999), st.integers(1, 200))
def test_the_quantile_of_students_t_is_scipys(p: float, freedom: int) -> None:
    assert t_quantile(p, freedom) == pytest.approx(float(stats.t.ppf(p, freedom)), rel=1e-8, abs=1e-9)


@given(st.lists(st.floats(1e3, 1e6), min_size=20, max_size=40), st.integers(2, 10))
def test_the_bound_is_where_the_t_test_says_five_percent(reference: list[float], runs: int) -> None:
    """Both samples vary as the reference does; MLCommons' bisection solves the same equation."""
    n, deviation = len(reference), stdev(reference)
    bound = fastest_mean(reference, runs, 0.05)
    if deviation < 1:
        assert bound <= fmean(reference)
        return
    # ttest_ind_from_stats pools ((n - 1) s² + (runs - 1) s²) / (n + runs - 2) = s².
    found = stats.ttest_ind_from_stats(
        fmean(reference), deviation, n, bound, deviation, runs, equal_var=True, alternative="greater"
    )
    assert float(found.pvalue) == pytest.approx(0.05, rel=1e-6)


def test_reference_runs_that_never_vary_bound_at_their_mean() -> None:
    assert fastest_mean([936.0] * 20, 5, 0.05) == 936.0


@given(st.lists(st.floats(1, 1000), min_size=5, max_size=5))
def test_the_olympic_mean_drops_the_fastest_and_the_slowest(times: list[float]) -> None:
    assert olympic_mean(times) == pytest.approx(fmean(sorted(times)[1:4]))
    assert min(times) <= olympic_mean(times) * (1 + 1e-12)
    assert pstdev(times) >= 0


def test_two_runs_have_nothing_to_drop() -> None:
    assert olympic_mean([1.0, 3.0]) == 2.0
