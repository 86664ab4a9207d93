from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.core.comparison import differences, spread

TIMES = st.lists(st.floats(1, 1e4), min_size=2, max_size=8)


def test_the_interval_is_students_t() -> None:
    # n = 5, s = sqrt(2.5), t(0.975, 4) = 2.776445: half width 1.963243.
    found = spread([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == 3.0
    assert found.low == pytest.approx(3 - 1.963243, abs=1e-6)
    assert found.high == pytest.approx(3 + 1.963243, abs=1e-6)


def test_one_value_has_no_interval_and_none_has_no_mean() -> None:
    assert spread([7.0]).mean == 7.0
    assert spread([7.0]).low is None
    assert spread([]).mean is None


def test_the_interval_of_a_duration_does_not_reach_below_zero() -> None:
    assert spread([1.0, 100.0]).low == 0.0


def test_welch_agrees_with_a_published_example() -> None:
    # Data of R's `sleep`, t.test(extra ~ group): t = -1.8608, df = 17.776, p = 0.07939, interval 0.2055 around 0.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    [pair] = differences([("one", spread(first)), ("two", spread(second))])
    assert (pair.slower, pair.faster) == ("two", "one")
    assert pair.probability == pytest.approx(0.07939, abs=1e-5)
    assert pair.low == pytest.approx(-0.2054832, abs=1e-6)
    assert pair.high == pytest.approx(3.3654832, abs=1e-6)


def test_p_values_are_corrected_for_the_number_of_pairs() -> None:
    one, two, three = [10.0, 10.1, 10.2], [10.3, 10.4, 10.5], [12.0, 12.1, 12.2]
    alone = differences([("a", spread(one)), ("b", spread(two))])[0].probability
    together = differences([("a", spread(one)), ("b", spread(two)), ("c", spread(three))])
    assert next(p for p in together if {p.slower, p.faster} == {"a", "b"}).probability == pytest.approx(alone)
    fastest = together[0]
    single = differences(
        [(n, spread(v)) for n, v in (("a", one), ("c", three)) if {n} < {fastest.slower, fastest.faster}]
    )
    assert fastest.probability == pytest.approx(3 * single[0].probability)


@given(TIMES, TIMES)
def test_a_comparison_does_not_depend_on_the_order(a: list[float], b: list[float]) -> None:
    [one], [other] = (
        differences([("a", spread(a)), ("b", spread(b))]),
        differences([("b", spread(b)), ("a", spread(a))]),
    )
    assert one.seconds == other.seconds >= 0
    assert one.probability == other.probability
    assert 0 <= one.probability <= 1
    assert one.low <= one.seconds <= one.high


def test_runs_without_any_scatter_differ_or_not() -> None:
    assert differences([("a", spread([1.0, 1.0])), ("b", spread([2.0, 2.0]))])[0].probability == 0.0
    assert differences([("a", spread([1.0, 1.0])), ("b", spread([1.0, 1.0]))])[0].probability == 1.0
