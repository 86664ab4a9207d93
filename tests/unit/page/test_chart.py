from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.report.page.chart import (
    HEIGHT,
    WIDTH,
    ChartLine,
    Interval,
    histogram,
    interval_chart,
    line_chart,
    log_axis,
    thinned,
    x_axis,
)
from checker.report.page.markup import Markup

WILD: Any = st.one_of(st.floats(), st.floats(0, 1e-300), st.just(10**400), st.none(), st.just("x"))
POINTS: Any = st.lists(st.tuples(WILD, WILD), max_size=30)


def drawing(chart: Markup) -> ET.Element:
    return ET.fromstring(chart.source)


def coordinates(chart: Markup) -> list[float]:
    found = []
    for element in drawing(chart).iter():
        for name, value in element.attrib.items():
            if name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "points", "width", "height", "d"):
                found += [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|nan|inf", value)]
    return found


@given(st.lists(POINTS, max_size=4), st.booleans())
def test_whatever_the_points_a_line_chart_is_well_formed_and_inside_its_picture(points: Any, log: bool) -> None:
    lines = [ChartLine(f"run {i}", i, some) for i, some in enumerate(points)]
    chart = line_chart("T", "text", lines, ("x", None), ("y", None), target=(0.9, "target"), log=log)
    assert all(-20 <= c <= max(WIDTH, HEIGHT) + 20 for c in coordinates(chart))


@given(st.lists(WILD, max_size=50), WILD)
def test_whatever_the_values_bars_and_histograms_are_well_formed(values: Any, cut: Any) -> None:
    bars = [Interval("a", 0, 3.0, 2.0, 4.0, values), Interval("b", 1, None, None, None, [], "none ran")]
    assert all(-20 <= c <= 1000 for c in coordinates(interval_chart("T", "text", bars, "s")))
    usable = [v for v in values if isinstance(v, float)]
    top = cut if isinstance(cut, float) else 1.0
    assert all(-20 <= c <= 1000 for c in coordinates(histogram("T", "text", usable, "ms", 0, cut=top)))


def test_bars_begin_at_zero_and_have_the_length_of_their_value() -> None:
    bars = [Interval("a", 0, 10.0, 9.0, 11.0, [10.0]), Interval("b", 1, 20.0, 18.0, 22.0, [20.0])]
    rectangles = [r for r in drawing(interval_chart("T", "text", bars, "s")).iter("rect") if r.get("class") == "bar"]
    assert rectangles[0].get("x") == rectangles[1].get("x")
    assert float(rectangles[1].attrib["width"]) == pytest.approx(2 * float(rectangles[0].attrib["width"]), abs=0.2)


def test_a_chart_without_points_says_why_instead_of_drawing_zero() -> None:
    chart = line_chart("Accuracy", "text", [ChartLine("a", 0, [])], ("x", None), ("y", None))
    assert "Not shown" in chart.source
    assert "<svg" not in chart.source


def test_a_picture_has_a_title_and_a_description_for_those_who_do_not_see_it() -> None:
    svg = drawing(
        line_chart("Accuracy", "what it shows", [ChartLine("a", 0, [(0, 1)])], ("x", None), ("y", None))
    ).find("svg")
    assert svg is not None
    assert svg.attrib["role"] == "img"
    assert svg.findtext("title") == "Accuracy"
    assert svg.findtext("desc") == "what it shows"


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=2, max_size=3000))
def test_thinning_keeps_ends_and_extremes(points: list[tuple[float, float]]) -> None:
    kept = thinned(points, 100)
    assert len(kept) <= 102
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert min(p[1] for p in kept) == min(p[1] for p in points)
    assert max(p[1] for p in kept) == max(p[1] for p in points)


@given(st.floats(-1e14, 1e14), st.floats(0, 1e14))
def test_an_axis_is_never_empty_and_its_ticks_lie_on_it(low: float, length: float) -> None:
    axis = x_axis("x", low, low + length)
    assert axis.high > axis.low
    ticks = axis.ticks()
    assert len(ticks) <= 12
    slack = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - slack <= tick <= axis.high + slack for tick in ticks)


def test_logarithmic_ticks_are_powers_of_ten() -> None:
    axis = log_axis("y", 1e-8, 1e-2)
    assert [axis.word(tick) for tick in axis.ticks()] == ["1e-8", "1e-6", "1e-4", "1e-2"]


def test_names_of_ticks_stand_apart_also_at_the_right_end() -> None:
    named = [(n, name) for n, name in enumerate(("min", "p50", "p90", "p95", "p97", "p99", "p99.9", "max"))]
    line = ChartLine("a", 0, [(n, n + 1.0) for n, _ in named])
    drawn = str(line_chart("t", "said", [line], ("percentile", None), ("milliseconds", None), named=named))
    found = re.findall(r'<text x="([0-9.]+)"[^>]*>([^<]+)</text>', drawn)
    places = [float(x) for x, word in found if word in dict(named).values()]
    assert len(places) == len(named)
    assert min(b - a for a, b in itertools.pairwise(places)) > 35  # half of "p99.9" and half of "max"
