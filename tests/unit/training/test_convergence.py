from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.core.statistics import t_cdf, t_quantile
from checker.families.mlperf_training.convergence import deviation_of, mean_of, olympic, reference_set
from rules.training import package_rules

ROUNDS = [f"mlperf-training/{v}" for v in ("3.0", "3.1", "4.0", "4.1", "5.0", "5.1", "6.0", "6.1")]
ROUNDS += [f"mlperf-hpc/{v}" for v in ("1.0", "2.0", "3.0")]
CASES = [(name, benchmark) for name in ROUNDS for benchmark in package_rules(name).references]


@pytest.mark.parametrize(
    ("probability", "freedom", "t"),
    # Student's t table, Abramowitz & Stegun 26.10
    [(0.95, 1, 6.314), (0.95, 10, 1.812), (0.95, 26, 1.706), (0.975, 5, 2.571), (0.99, 120, 2.358)],
)
def test_quantiles_are_those_of_the_printed_table(probability: float, freedom: int, t: float) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(t, abs=5e-4)


@given(st.floats(0.6, 0.999), st.integers(1, 400))
def test_a_quantile_undoes_the_distribution(probability: float, freedom: int) -> None:
    assert t_cdf(t_quantile(probability, freedom), freedom) == pytest.approx(probability, abs=1e-11)


@given(st.floats(0, 50), st.integers(1, 200))
def test_the_distribution_is_symmetric(t: float, freedom: int) -> None:
    assert t_cdf(-t, freedom) + t_cdf(t, freedom) == pytest.approx(1, abs=1e-12)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_sums_in_numpys_order_are_numpys(values: list[float]) -> None:
    numpy = pytest.importorskip("numpy")
    assert mean_of(values) == float(numpy.mean(values))
    assert deviation_of(values) == float(numpy.std(values))


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=50), st.floats(1e6, 1e9))
def test_one_run_that_never_ends_does_not_change_an_olympic_mean_it_is_trimmed_from(
    values: list[float], late: float
) -> None:
    slowest = max(values)
    assert olympic([*values, slowest], 1) == pytest.approx(olympic([*values, late], 1))


def test_too_few_runs_have_no_olympic_mean() -> None:
    assert math.isnan(olympic([1.0, 2.0], 1))


@pytest.mark.parametrize(("name", "benchmark"), CASES)
def test_reference_points_and_their_thresholds_are_the_official_ones_to_the_last_digit(
    name: str, benchmark: str
) -> None:
    official = pytest.importorskip("mlperf_logging.rcp_checker.rcp_checker", reason="needs scipy")
    tool = package_rules(name).tool
    theirs = official.RCP_Checker(tool.usage, tool.ruleset, benchmark, False)
    ours = reference_set(name, benchmark)
    assert ours is not None
    by_size = {record["BS"]: record for record in theirs.rcp_data.values()}
    assert [point.batch_size for point in ours.points] == sorted(by_size)
    for point in ours.points:
        record = by_size[point.batch_size]
        found = (point.mean, point.deviation, point.least)
        assert found == (record["RCP Mean"], record["RCP Stdev"], record["Min Epochs"])
    assert [point.batch_size for point in ours.counted] == [r["BS"] for r in theirs.pruned_rcp_data.values()]


@pytest.mark.parametrize(("name", "benchmark"), CASES)
def test_converging_like_the_reference_passes_and_at_once_fails(name: str, benchmark: str) -> None:
    points = reference_set(name, benchmark)
    assert points is not None
    for point in points.counted:
        assert points.decide(point.batch_size, [point.mean] * points.runs).passed
        assert not points.decide(point.batch_size, [0.0] * points.runs).passed


@given(st.floats(0.2, 2), st.floats(0.2, 2))
def test_slower_convergence_never_turns_a_pass_into_a_fail(one: float, other: float) -> None:
    points = reference_set("mlperf-training/5.1", "llama31_8b")
    assert points is not None
    faster, slower = sorted((one, other))
    for size in (16, 40, 64, 128, 8):
        if points.decide(size, [faster * 180_000] * 10).passed:
            assert points.decide(size, [slower * 180_000] * 10).passed


def test_a_batch_larger_than_any_reference_needs_reference_runs() -> None:
    points = reference_set("mlperf-training/5.1", "llama31_8b")
    assert points is not None
    decision = points.decide(4096, [1e9] * 10)
    assert not decision.passed
    assert "please submit RCP" in decision.message
    assert points.decide(4096, [1e9] * 10, bypass=True).passed
