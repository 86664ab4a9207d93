"""How latencies of inference results are distributed: percentiles as LoadGen logs them, and the bound they must keep.

The detail logs hold percentiles only, so a line joins eight points; nothing between them was published.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from checker.core.findings import Score
from checker.report.page.chart import BOTTOM, HEIGHT, LEFT, RIGHT, STYLES, TOP, WIDTH, key, mark, nothing, picture
from checker.report.page.layout import note, section, side_by_side
from checker.report.page.markup import Markup, tag
from checker.report.page.measured_results import ResultGroup, grouped, label_of
from checker.report.page.quantity import number
from rules.inference import ModelRules, inference_rules
from rules.scenarios import scenario_named

PLACES = ("min", "50", "90", "95", "97", "99", "99.9", "max")
SHOWN = STYLES  # results of one chart: as many as lines can be told apart
CHARTS = 80
KINDS = (("first_token_ms", "Time to first token"), ("output_token_ms", "Time per output token"))


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis in ms from bottom to top, between two of 1, 2 and 5 of a decade."""

    low: float
    high: float

    @staticmethod
    def over(low: float, high: float) -> Scale:
        """Return the shortest that holds both."""
        power = math.floor(math.log10(low))
        first = max(s for s in _steps(power, power + 1) if s <= low * 1.0001)
        last = min(s for s in _steps(power, math.floor(math.log10(high)) + 1) if s >= high * 0.9999 and s > first)
        return Scale(first, last)

    def at(self, value: float) -> float:
        """Return the picture coordinate of a time."""
        share = math.log10(value / self.low) / math.log10(self.high / self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)

    def ticks(self) -> list[float]:
        """Return the times to name: all steps, or decades only where those would be too many."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        all_steps = [s for s in _steps(first, last) if self.low * 0.9999 <= s <= self.high * 1.0001]
        if len(all_steps) <= 8:
            return all_steps
        decades = [s for s in all_steps if abs(math.log10(s) - round(math.log10(s))) < 1e-9]
        return decades[:: max(1, math.ceil(len(decades) / 8))]


def _steps(first: int, last: int) -> list[float]:
    return [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)] + [10.0 ** (last + 1)]


@dataclass(frozen=True)
class Curve:
    """One result's percentiles, in ms."""

    name: str
    percentiles: Mapping[str, float]


def latency_section(round_name: str, scores: Sequence[Score]) -> Markup | None:
    """Return a chart for every benchmark and scenario with latencies; None where no log has any."""
    models = inference_rules(round_name).models
    parts: list[Markup] = []
    more = 0
    for group in grouped(scores):
        charts = list(_charts(group, models.get(group.model)))
        if len(parts) >= CHARTS:
            more += 1
        elif charts:
            body = (tag("h3", group.name), key(_names(group)), side_by_side(charts))
            parts.append(tag("div", *body, class_="double" if len(charts) > 1 else None))
    if not parts:
        return None
    return section(
        "latency",
        "Latency",
        note(
            "Percentiles as LoadGen logged them, or an endpoint reported: of a query, or for token models of the first "
            f"token and of each later one. Of each benchmark and scenario the {SHOWN} best that were measured, not "
            "inferred, are drawn. Dotted: the bound of the 99th percentile. Times are on a logarithmic axis."
        ),
        tag("div", parts, class_="groups"),
        note(f"{more:,} further benchmarks and scenarios are not drawn.") if more else None,
    )


def _drawn(group: ResultGroup) -> list[Score]:
    """Return the results of a group that were measured, a run once, the best first."""
    seen: set[tuple[float, ...]] = set()
    kept = []
    for score in group.scores:
        found = score.inference
        if found is None or found.inferred or not found.latency_ms:
            continue
        course = tuple(found.latency_ms.values())
        if course not in seen:
            seen.add(course)
            kept.append(score)
    return kept[:SHOWN]


def _names(group: ResultGroup) -> list[tuple[str, int]]:
    return [(label_of(score), style) for style, score in enumerate(_drawn(group))]


def _charts(group: ResultGroup, rules: ModelRules | None) -> Sequence[Markup]:
    if scenario_named(group.scenario).is_one_query:
        return []  # one query: its latency is the run's duration
    drawn = _drawn(group)
    found = [(score, score.inference) for score in drawn if score.inference is not None]
    if not found:
        return []
    strict = group.division != "open"
    limits = rules.token_latency_ns.get(group.scenario) if rules is not None and strict else None  # type: ignore[call-overload]
    if any(one.first_token_ms for _, one in found) and (rules is None or rules.tokens):
        bounds = (limits.ttft, limits.tpot) if limits is not None else (None, None)
        return [
            _chart(title, [Curve(label_of(score), getattr(one, member)) for score, one in found], bound)
            for (member, title), bound in zip(KINDS, bounds, strict=True)
        ]
    bound = rules.latency_ns.get(group.scenario) if rules is not None and strict else None  # type: ignore[call-overload]
    return [_chart("Latency of a query", [Curve(label_of(score), one.latency_ms) for score, one in found], bound)]


def _chart(title: str, curves: Sequence[Curve], bound_ns: int | None) -> Markup:
    values = [v for curve in curves for v in curve.percentiles.values() if (number(v) or 0) > 0]
    if not values:
        return nothing(title, "no log has these percentiles")
    bound = None if bound_ns is None else bound_ns / 1e6
    ends = [*values, *([bound] if bound is not None else [])]
    scale = Scale.over(min(ends), max(ends))
    body = [_axes(scale)]
    if bound is not None:
        height = scale.at(bound)
        body.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=height, y2=height, class_="target"))
        body.append(tag("text", f"bound of p99: {bound:,g} ms", x=LEFT + 4, y=height - 5, class_="target-name"))
    for style, curve in enumerate(curves):
        points = [(_across(place), scale.at(value)) for place, value in _ordered(curve.percentiles)]
        path = " ".join(f"{x},{y}" for x, y in points)
        said = f"{curve.name}: " + ", ".join(f"{_word(place)} {v:,.4g} ms" for place, v in _ordered(curve.percentiles))
        marks = [mark(style, x, y) for x, y in points]
        line = tag("polyline", points=path, class_="line")
        body.append(tag("g", tag("title", said), line, marks, class_=f"series s{style % STYLES}"))
    return picture(title, f"{len(curves)} results by percentile.", HEIGHT, body)


def _ordered(percentiles: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(place, percentiles[place]) for place in PLACES if (number(percentiles.get(place)) or 0) > 0]


def _across(place: str) -> float:
    step = (WIDTH - RIGHT - LEFT - 20) / (len(PLACES) - 1)
    return round(LEFT + 10 + PLACES.index(place) * step, 1)


def _word(place: str) -> str:
    return place if place in ("min", "max") else f"p{place}"


def _axes(scale: Scale) -> Markup:
    parts, bottom = [], HEIGHT - BOTTOM
    for value in scale.ticks():
        y = scale.at(value)
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", f"{value:,.10g}", x=LEFT - 6, y=y + 4, text_anchor="end", class_="tick"))
    for place in PLACES:
        x = _across(place)
        parts.append(tag("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="grid"))
        parts.append(tag("text", _word(place), x=x, y=bottom + 17, text_anchor="middle", class_="tick"))
    half = round((TOP + bottom) / 2, 1)
    turned = f"translate(11 {half}) rotate(-90)"
    parts.append(tag("text", "milliseconds", transform=turned, text_anchor="middle", class_="axis"))
    return tag("g", parts, aria_hidden="true")
