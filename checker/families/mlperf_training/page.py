"""Where a round's results converged, against the reference points: one chart per benchmark.

A result must not lie below the lower line: the least mean that the official test accepts at its batch size. Between
reference points both lines are the official interpolation; points that the official tool prunes are hollow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from checker.core.findings import Score
from checker.families.mlperf_training.convergence import ReferenceSet, reference_set
from checker.report.page.chart import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    Axis,
    Point,
    key,
    levels,
    mark,
    nothing,
    picture,
    y_axis,
)
from checker.report.page.layout import note, section, side_by_side
from checker.report.page.markup import Markup, tag
from checker.report.page.quantity import number
from rules.training import package_rules

STEPS = 12  # points of a line between two reference points
DOTS = 400  # results of one chart
REFERENCE, LEAST, ACCEPTED, REFUSED = 5, 2, 0, 1  # styles of page.css
CHARACTER = 7.5  # width of a label's character in the picture, at most


def convergence_section(round_name: str, scores: Sequence[Score]) -> Markup | None:
    """Return a chart for every benchmark with results and reference points; None where there is none."""
    charts = []
    for benchmark in sorted({score.workload for score in scores}):
        points = reference_set(round_name, benchmark) if benchmark in package_rules(round_name).references else None
        mine = [score for score in scores if score.workload == benchmark and score.division == "closed"]
        if points is not None and mine:
            charts.append(_chart(round_name, benchmark, points, mine))
    if not charts:
        return None
    legend = [
        ("mean of the reference runs", REFERENCE),
        ("least mean that is accepted", LEAST),
        ("a result that is accepted", ACCEPTED),
        ("a result that is not", REFUSED),
    ]
    return section(
        "convergence",
        "Convergence against the reference points",
        key(legend),
        side_by_side(charts),
        note(
            "Each mark is a result of the closed division: the olympic mean of where its runs converged, at its global "
            "batch size; its name shows when pointed at. Batch sizes are on a logarithmic axis. Hollow: reference "
            "points that the official tool prunes. Left of the first reference point a result is held against it."
        ),
    )


def _chart(round_name: str, benchmark: str, points: ReferenceSet, scores: Sequence[Score]) -> Markup:
    samples = benchmark in package_rules(round_name).counted_in_samples
    placed = [dot for score in scores[:DOTS] if (dot := _dot(score, benchmark)) is not None]
    text = f"{len(placed)} results and {len(points.points)} reference points."
    if not placed:
        return nothing(benchmark, "no result states batch size and convergence")
    mean, least = _lines(points)
    scale, unit = _unit(samples, max(y for _, y in mean))
    sizes = [x for x, _ in mean] + [x for x, _, _ in placed]
    heights = [y for _, y in mean] + [y for _, y in least] + [y for _, y, _ in placed]
    low, high = math.log2(min(sizes)), math.log2(max(sizes))
    low, high = low - 0.05 * max(high - low, 1), high + 0.05 * max(high - low, 1)
    room = (max(heights) - min(heights)) * 0.08
    up = y_axis(f"{unit} to converge", (min(heights) - room) / scale, (max(heights) + room) / scale)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log2(x) - low) / (high - low)
        return round(LEFT + across * (WIDTH - RIGHT - LEFT), 1), round(up.at(y / scale), 1)

    body = [_axes([point.batch_size for point in points.points] + [x for x, _, _ in placed], at, up)]
    for line, style, name in ((mean, REFERENCE, "mean of the reference runs"), (least, LEAST, "least accepted mean")):
        path = " ".join(f"{a},{b}" for a, b in (at(x, y) for x, y in line))
        body.append(
            tag("g", tag("title", name), tag("polyline", points=path, class_="line"), class_=f"series s{style}")
        )
    for point in points.points:
        a, b = at(point.batch_size, point.mean)
        title = tag("title", f"reference, batch size {point.batch_size:,.0f}: {point.mean:,.2f}")
        drawn = mark(REFERENCE, a, b) if point in points.counted else tag("circle", cx=a, cy=b, r=3.2, class_="dot")
        body.append(tag("g", title, drawn, class_=f"series s{REFERENCE}"))
    for x, y, score in placed:
        a, b = at(x, y)
        style = ACCEPTED if _accepted(score, benchmark) else REFUSED
        organisation = score.path.partition("/")[0]
        title = tag("title", f"{organisation} · {score.system}: {y:,.2f} at batch size {x:,.0f}")
        body.append(tag("g", title, mark(style, a, b), class_=f"series result s{style}"))
    return picture(benchmark, text, HEIGHT, body)


def _unit(samples: bool, most: float) -> tuple[float, str]:
    """Return what values are divided by and what they then are, so that ticks have few digits."""
    if not samples:
        return 1.0, "epochs"
    return next(
        unit for unit in ((1e6, "million samples"), (1e3, "thousand samples"), (1.0, "samples")) if most >= unit[0]
    )


def _lines(points: ReferenceSet) -> tuple[list[Point], list[Point]]:
    """Return the reference mean and the least accepted mean over batch size, as the official tool interpolates."""
    line = [points.counted[0]]
    for low, high in pairwise(points.counted):
        for step in range(1, STEPS):
            size = low.batch_size * (high.batch_size / low.batch_size) ** (step / STEPS)
            line.append(points.between(size, low, high))
        line.append(high)
    mean = [(point.batch_size, point.mean) for point in line]
    return mean, [(point.batch_size, point.least - points.leniency) for point in line]


def _dot(score: Score, benchmark: str) -> tuple[float, float, Score] | None:
    stated = score.official or {}
    x, y = number(stated.get(f"{benchmark}:GBS")), number(stated.get(f"{benchmark}:samples_to_converge"))
    return (x, y, score) if x is not None and y is not None and x >= 1 and 0 <= y < 1e9 else None


def _accepted(score: Score, benchmark: str) -> bool:
    return (score.official or {}).get(f"{benchmark}:RCP") == "Pass"


def _axes(sizes: Sequence[float], at: Callable[[float, float], tuple[float, float]], up: Axis) -> Markup:
    """Return the grid: a line at every batch size there is, named where names do not overlap."""
    parts, free = [], -math.inf
    bottom = HEIGHT - BOTTOM
    for size in sorted(set(sizes)):
        x = at(size, up.low)[0]
        parts.append(tag("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="grid"))
        label = _short(size)
        half_width = CHARACTER * len(label) / 2
        if x - half_width >= free:
            parts.append(tag("text", label, x=x, y=bottom + 16, text_anchor="middle", class_="tick"))
            free = x + half_width + CHARACTER
    middle = round((LEFT + WIDTH - RIGHT) / 2, 1)
    name = tag("text", "global batch size", x=middle, y=bottom + 36, text_anchor="middle", class_="axis")
    return tag("g", parts, name, levels(up), aria_hidden="true")


def _short(size: float) -> str:
    """Return a batch size as an axis shows it: 135168 is 132Ki."""
    return f"{size / 1024:,.0f}Ki" if size >= 10_240 and size % 1024 == 0 else f"{size:,.0f}"
