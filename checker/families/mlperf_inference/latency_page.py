"""How latencies of inference results are distributed: percentiles as LoadGen logs them, and the bound they must keep.

The detail logs hold percentiles only, so a line joins eight points; nothing between them was published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from checker.core.findings import Score
from checker.report.page.chart import STYLES, ChartLine, key, line_chart
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
            _chart(title, [(label_of(score), getattr(one, member)) for score, one in found], bound)
            for (member, title), bound in zip(KINDS, bounds, strict=True)
        ]
    bound = rules.latency_ns.get(group.scenario) if rules is not None and strict else None  # type: ignore[call-overload]
    return [_chart("Latency of a query", [(label_of(score), one.latency_ms) for score, one in found], bound)]


def _chart(title: str, results: Sequence[tuple[str, Mapping[str, float]]], bound_ns: int | None) -> Markup:
    lines = []
    for style, (name, percentiles) in enumerate(results):
        known = [(place, percentiles[place]) for place in PLACES if (number(percentiles.get(place)) or 0) > 0]
        said = f"{name}: " + ", ".join(f"{_word(place)} {value:,.4g} ms" for place, value in known)
        lines.append(ChartLine(said, style, [(PLACES.index(place), value) for place, value in known]))
    bound = None if bound_ns is None else (bound_ns / 1e6, f"bound of p99: {bound_ns / 1e6:,g} ms")
    text, axes = f"{len(lines)} results by percentile.", (("", None), ("milliseconds", None))
    named = [(position, _word(place)) for position, place in enumerate(PLACES)]
    return line_chart(title, text, lines, *axes, target=bound, log=True, named=named)


def _word(place: str) -> str:
    return place if place in ("min", "max") else f"p{place}"
