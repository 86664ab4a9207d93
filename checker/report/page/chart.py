"""Charts as SVG, drawn here: lines over two axes, intervals as bars, a histogram. Every chart has a title and a text.

Colours, dashes and fonts come from page.css by class, so that light, dark and print each get their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from checker.report.page.markup import Markup, tag
from checker.report.page.quantity import number

WIDTH, HEIGHT = 400, 270
LEFT, RIGHT, TOP, BOTTOM = 60, 14, 14, 44
POINTS = 300  # of one line; more than the picture has pixels says nothing
LINES = 60
MARKS = 40  # points of a line up to which each is marked, and not only the last
EDGE = 32  # half of a named tick
FEW = 2  # decades of a logarithmic axis up to which it has ticks between them
STYLES = 6  # colours and dashes that page.css knows; further series repeat them

Point = tuple[float, float]


@dataclass(frozen=True)
class ChartLine:
    """One line: its points in order, the style of its series, and its name."""

    name: str
    style: int
    points: Sequence[Point]


@dataclass(frozen=True)
class Interval:
    """One bar of a comparison: its value, the interval around it, and the single measurements, in one unit."""

    name: str
    style: int
    value: float | None
    low: float | None
    high: float | None
    single: Sequence[float]
    missing: str = ""  # why there is no value


@dataclass(frozen=True)
class Axis:
    """A linear or logarithmic axis over `low`..`high`, and where it lies on the picture."""

    label: str
    low: float
    high: float
    start: float  # picture coordinate of `low`
    end: float
    log: bool = False
    named: Sequence[tuple[float, str]] = ()  # the ticks, where they are not round values

    def at(self, value: float) -> float:
        """Return the picture coordinate of `value`."""
        low, high, here = self.low, self.high, value
        if self.log:
            low, high, here = math.log10(low), math.log10(high), math.log10(max(value, self.low))
        return self.start + (here - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round values inside the axis, about five; of a logarithmic one 1, 2 and 5 where decades are few."""
        if self.named:
            return [value for value, _ in self.named if self.low <= value <= self.high]
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            if last - first < FEW:
                return [step for step in _steps(first - 1, last) if self.low * 0.999 <= step <= self.high * 1.001]
            return [10.0**e for e in range(first, last + 1, max(1, math.ceil((last - first) / 5)))]
        raw = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def word(self, value: float) -> str:
        """Return a tick's text."""
        if self.named:
            return dict(self.named)[value]
        if self.log:
            is_plain = self.low >= 0.9e-3 and self.high <= 1.1e5
            power = math.floor(math.log10(value) + 1e-9)
            return f"{value:,.12g}" if is_plain else f"{round(value / 10.0**power)}e{power}"
        ticks = self.ticks()
        step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        decimals += round(step * 10**decimals, 6) % 1 != 0
        return f"{value:,.{decimals}f}"


def _steps(first: int, last: int) -> list[float]:
    """Return 1, 2 and 5 of every decade from 10^first to 10^last."""
    return [step * 10.0**power for power in range(first, last + 1) for step in (1, 2, 5)]


def x_axis(label: str, low: float, high: float) -> Axis:
    """Return the horizontal axis of a chart."""
    return _axis(label, low, high, LEFT, WIDTH - RIGHT)


def y_axis(label: str, low: float, high: float) -> Axis:
    """Return the vertical axis of a chart."""
    return _axis(label, low, high, HEIGHT - BOTTOM, TOP)


def log_axis(label: str, low: float, high: float) -> Axis:
    """Return the vertical axis of a chart over powers of ten, from the step of 1, 2 and 5 below to the one above."""
    low, high = max(low, 1e-18), max(high, 1e-18)
    steps = _steps(math.floor(math.log10(low)) - 1, math.floor(math.log10(high)) + 1)
    below, above = max(s for s in steps if s <= low), min(s for s in steps if s > high)
    return Axis(label, below, above, HEIGHT - BOTTOM, TOP, log=True)


def _axis(label: str, low: float, high: float, start: float, end: float) -> Axis:
    """Return an axis that is never empty: equal ends are moved apart."""
    if high - low < 1e-9 * max(1.0, abs(low), abs(high)):
        gap = max(0.5, abs(low) * 0.05)
        low, high = low - gap, high + gap
    return Axis(label, low, high, start, end)


def drawable(points: Sequence[tuple[object, object]]) -> list[Point]:
    """Return the points both of whose values are numbers of sensible size."""
    kept = ((number(x), number(y)) for x, y in points)
    return [(x, y) for x, y in kept if x is not None and y is not None]


def thinned(points: Sequence[Point], most: int = POINTS) -> list[Point]:
    """Return at most about `most` points that draw the same line: of each stretch its lowest and highest."""
    if len(points) <= most:
        return list(points)
    kept = [points[0]]
    stretches = max(1, (most - 2) // 2)
    inner = len(points) - 2
    for s in range(stretches):
        part = range(1 + inner * s // stretches, 1 + inner * (s + 1) // stretches)
        ends = {min(part, key=lambda i: points[i][1]), max(part, key=lambda i: points[i][1])}
        kept.extend(points[i] for i in sorted(ends))
    return [*kept, points[-1]]


def line_chart(
    title: str,
    text: str,
    lines: Sequence[ChartLine],
    x: tuple[str, float | None],
    y: tuple[str, float | None],
    *,
    target: tuple[float, str] | None = None,
    upright: tuple[float, str] | None = None,
    log: bool = False,
    most: float | None = None,
    named: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Return lines over (label, fixed lower end or None) axes.

    `target` is a horizontal line with its name, `upright` a vertical one; `most` is the fixed upper end of the vertical
    axis, `named` are the ticks of the horizontal one.
    """
    shown = [ChartLine(line.name, line.style, drawable(line.points)) for line in lines[:LINES]]
    points = [p for line in shown for p in line.points if not log or p[1] > 0]
    if not points:
        return nothing(title, "no point of this chart was measured")
    heights = [p[1] for p in points] + ([target[0]] if target else [])
    across_ = [p[0] for line in shown for p in line.points]
    first, last = min(across_), max(across_)
    room = (last - first) * 0.04
    # What is named stands in the middle of its tick, also at the right end.
    across = x_axis(x[0], first - room if x[1] is None else x[1], last + room if named else last)
    across = replace(across, named=named)
    if log:
        up = log_axis(y[0], min(heights), max(heights))
    else:
        room = (max(heights) - min(heights)) * 0.06
        up = y_axis(y[0], min(heights) - room if y[1] is None else y[1], most or max(heights) + room)
    body = [_grid(across, up)]
    if upright and across.low <= upright[0] <= across.high:
        place = round(across.at(upright[0]), 1)
        body.append(tag("line", x1=place, x2=place, y1=TOP, y2=HEIGHT - BOTTOM, class_="target"))
        body.append(tag("text", upright[1], x=place + 4, y=HEIGHT - BOTTOM - 6, class_="target-name"))
    if target:
        height = round(up.at(target[0]), 1)
        body.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=height, y2=height, class_="target"))
        body.append(tag("text", target[1], x=LEFT + 4, y=height - 5, class_="target-name"))
    for line in shown:
        places = [(across.at(a), up.at(b)) for a, b in thinned(line.points)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        body.append(
            tag(
                "g",
                tag("title", line.name),
                tag("polyline", points=path, class_="line"),
                [mark(line.style, a, b) for a, b in (places if len(places) <= MARKS else places[-1:])],
                class_=f"series s{line.style % STYLES}",
            )
        )
    return picture(title, text, HEIGHT, body)


def interval_chart(title: str, text: str, bars: Sequence[Interval], label: str) -> Markup:
    """Return horizontal bars from zero, each with its interval as a whisker and every measurement as a dot."""
    bars = bars[:LINES]
    values = [v for bar in bars for v in (bar.value, bar.high, *bar.single) if v is not None and number(v) is not None]
    if not values:
        return nothing(title, "nothing to compare was measured")
    row, top = 50, 6
    height = top + row * len(bars) + BOTTOM
    across = _axis(label, 0.0, max(max(values) * 1.04, 1e-9), 12, WIDTH - 16)
    body = [_columns(across, top, height - BOTTOM)]
    for position, bar in enumerate(bars):
        y = top + row * position
        body.append(tag("text", bar.name, x=12, y=y + 14, class_="bar-name"))
        if bar.value is None:
            body.append(tag("text", bar.missing or "not measured", x=16, y=y + 34, class_="missing"))
            continue
        parts = [tag("rect", x=12, y=y + 20, width=round(across.at(bar.value) - 12, 1), height=20, class_="bar")]
        singles = [v for v in bar.single if number(v) is not None and v >= 0][:POINTS]
        parts += [tag("circle", cx=round(across.at(v), 1), cy=y + 35, r=2.4, class_="dot") for v in singles]
        if bar.low is not None and bar.high is not None:
            a, b = round(across.at(max(bar.low, 0.0)), 1), round(across.at(bar.high), 1)
            ends = [tag("line", x1=x, x2=x, y1=y + 22, y2=y + 31, class_="whisker") for x in (a, b)]
            parts += [tag("line", x1=a, x2=b, y1=y + 26.5, y2=y + 26.5, class_="whisker"), *ends]
        body.append(tag("g", tag("title", bar.name), *parts, class_=f"series s{bar.style % STYLES}"))
    return picture(title, text, height, body)


def histogram(title: str, text: str, values: Sequence[float], label: str, style: int, *, cut: float) -> Markup:
    """Return counts of `values` up to `cut`; the last bin holds everything above and says so."""
    finite = [v for v in values if number(v) is not None]
    if not finite:
        return nothing(title, "no step time was recorded")
    low, bins = min(finite), 36
    across = x_axis(label, low, max(number(cut) or low, low))
    low, high = across.low, across.high
    counts = [0] * bins
    for value in finite:
        counts[min(bins - 1, max(0, int((value - low) / (high - low) * bins)))] += 1
    up = y_axis("steps", 0.0, max(counts) * 1.05)
    width = (across.end - across.start) / bins
    bars = []
    for i, many in enumerate(counts):
        if many:
            y = round(up.at(many), 1)
            x = round(across.start + i * width + 0.5, 1)
            tall = round(up.start - y, 1)
            bars.append(tag("rect", x=x, y=y, width=round(width - 1, 1), height=tall, class_="bin"))
    above = sum(v > high for v in finite)
    if above:
        words = f"last bin: {above:,} slower"
        bars.append(tag("text", words, x=WIDTH - RIGHT, y=TOP + 8, class_="note", text_anchor="end"))
    return picture(title, text, HEIGHT, [_grid(across, up), tag("g", bars, class_=f"series s{style % STYLES}")])


def key(names: Sequence[tuple[str, int]]) -> Markup:
    """Return the legend: each name with its series' line and mark."""
    swatch = [
        tag(
            "li",
            tag(
                "svg",
                tag(
                    "g",
                    tag("line", x1=1, x2=31, y1=7, y2=7, class_="line"),
                    mark(style, 16, 7),
                    class_=f"series s{style % STYLES}",
                ),
                viewBox="0 0 32 14",
                width=32,
                height=14,
                aria_hidden="true",
            ),
            name,
        )
        for name, style in names[:LINES]
    ]
    return tag("ul", swatch, class_="key")


def nothing(title: str, why: str) -> Markup:
    """Return what stands where a chart would, had anything been measured."""
    return tag("figure", tag("figcaption", title), tag("p", f"Not shown: {why}.", class_="missing"), class_="chart")


def picture(title: str, text: str, height: int, body: Sequence[Markup]) -> Markup:
    """Return a drawing as a figure: its title is the caption, `text` is for those who do not see it."""
    drawing = tag("svg", tag("title", title), tag("desc", text), body, viewBox=f"0 0 {WIDTH} {height}", role="img")
    return tag("figure", tag("figcaption", title), drawing, class_="chart")


def mark(style: int, x: float, y: float) -> Markup:
    """Return a series' mark; its shape differs as well as its colour."""
    x, y = round(x, 1), round(y, 1)
    match style % STYLES:
        case 0:
            return tag("circle", cx=x, cy=y, r=3, class_="mark")
        case 1:
            return tag("rect", x=round(x - 2.7, 1), y=round(y - 2.7, 1), width=5.4, height=5.4, class_="mark")
        case 2:
            return tag("path", d=f"M{x} {y - 3.8:.1f}l3.6 6.4h-7.2z", class_="mark")
        case 3:
            return tag("path", d=f"M{x} {y - 4:.1f}l4 4l-4 4l-4 -4z", class_="mark")
        case 4:
            return tag("path", d=f"M{x} {y + 3.8:.1f}l3.6 -6.4h-7.2z", class_="mark")
        case _:
            return tag("path", d=f"M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6", class_="mark cross")


def _columns(across: Axis, top: float, bottom: float) -> Markup:
    parts = []
    for value in across.ticks():
        x = round(across.at(value), 1)
        parts.append(tag("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"))
        inside = min(x, WIDTH - EDGE) if across.named else x  # names are longer than figures
        parts.append(tag("text", across.word(value), x=inside, y=bottom + 16, text_anchor="middle", class_="tick"))
    middle = round((across.start + across.end) / 2, 1)
    parts.append(tag("text", across.label, x=middle, y=bottom + 36, text_anchor="middle", class_="axis"))
    return tag("g", parts, aria_hidden="true")


def _grid(across: Axis, up: Axis) -> Markup:
    return tag("g", _columns(across, TOP, HEIGHT - BOTTOM), levels(up), aria_hidden="true")


def levels(up: Axis) -> list[Markup]:
    """Return the lines and names of an upright axis."""
    parts = []
    for value in up.ticks():
        y = round(up.at(value), 1)
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", up.word(value), x=LEFT - 6, y=y + 4, text_anchor="end", class_="tick"))
    middle = round((TOP + HEIGHT - BOTTOM) / 2, 1)
    turned = f"translate(11 {middle}) rotate(-90)"
    return [*parts, tag("text", up.label, transform=turned, text_anchor="middle", class_="axis")]
