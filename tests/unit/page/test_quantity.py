from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.report.page.quantity import count, day, fixed, mebibytes, number, percentile, scientific

NO_FIGURES = [None, math.nan, math.inf, -math.inf, 10**400, -(10**400), 1e300, "7", True, [], {}]


@pytest.mark.parametrize("value", NO_FIGURES)
def test_what_is_no_figure_is_words_and_never_a_zero(value: Any) -> None:
    assert number(value) is None
    for shown in (fixed(value, 2), count(value), scientific(value), mebibytes(value)):
        assert not any(c.isdigit() for c in shown)


@pytest.mark.parametrize("value", [*NO_FIGURES, -1.0, 1e12])
def test_a_time_outside_any_calendar_is_not_stated(value: Any) -> None:
    assert day(value) == "not stated"


def test_figures_have_fixed_decimals_and_separated_thousands() -> None:
    assert fixed(1234.5, 2) == "1,234.50"
    assert count(119808) == "119,808"
    assert mebibytes(1 << 30) == "1,024"
    assert scientific(0.0) == "0"
    assert day(1_790_000_000.0) == "2026-09-21 14:13 UTC"


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_lies_between_the_extremes(values: list[float], share: float) -> None:
    ordered = sorted(values)
    assert ordered[0] - 1e-6 <= percentile(ordered, share) <= ordered[-1] + 1e-6


def test_percentiles_are_linear_between_neighbours() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.9) == pytest.approx(3.7)
