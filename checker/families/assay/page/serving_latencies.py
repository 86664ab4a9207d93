"""The page's part on latencies of our own inference results, as LoadGen measured them.

Every figure is computed here from `latencies.bin`, and stands beside what LoadGen printed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from checker.families.assay.inference.compliance import PerformanceTest, ranked
from checker.families.assay.inference.latencies import PERCENTILES, percentile
from checker.families.assay.inference.rules.tokens import token_counts, told
from checker.families.assay.inference.submission import InferenceResult, LoadGenRun, ScenarioResult
from checker.report.page.chart import ChartLine, key, line_chart
from checker.report.page.layout import note, section, side_by_side, table
from checker.report.page.markup import Child, Markup, fragment, tag
from checker.report.page.quantity import fixed, number
from rules.scenarios import scenario_named
from rules.text import printable

DRAWN = 200  # points of a distribution
NS = 1e6  # in a millisecond
COMPARED = ("performance", "TEST01", "TEST04", "seeds")  # runs of a scenario whose latencies are drawn
WITHOUT_TAIL = 1.3  # times the 90th percentile: how far the distribution is drawn
# A percentile's place on the axis of the slow ones: how many nines it has.
NINES = [(-math.log10(1 - p), f"{100 * p:.12g} %") for p in (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)]


@dataclass(frozen=True)
class Times:
    """One kind of time of a scenario: what it is, how LoadGen names its percentiles, its bound, its values by run."""

    what: str
    stated: str
    bound_ms: float | None
    by_run: Mapping[str, Sequence[int]]  # sorted, nanoseconds


def measured_of(run: LoadGenRun | None) -> PerformanceTest | None:
    """Return what a run in performance mode measured; None where its logs cannot be read."""
    if run is None or run.whole is None or run.latencies is None:
        return None
    return run.measured


def called(run: str) -> str:
    """Return a run's name in words."""
    return {"performance": "performance run", "seeds": "other seeds"}.get(run, run)


def latencies_section(result: InferenceResult, title: str, name: str) -> Markup:
    """Return how the latencies of every scenario of a result are distributed, as section `name`."""
    return section(
        name,
        f"Latencies: {title}",
        note(
            "From every latency that LoadGen recorded. First: the share answered within a time, without the slowest. "
            "Then: the time by percentile, on a logarithmic axis and an axis of nines, to the slowest of all; "
            "dotted are the bound and the percentile that counts. MultiStream: of queries of eight samples. "
            "Offline is one query: its samples' latencies say when each was done."
        ),
        [_scenario(result, scenario) for scenario in result.scenarios.values()],
    )


def _scenario(result: InferenceResult, scenario: ScenarioResult) -> Markup:
    runs = {name: run for name in COMPARED if (run := scenario.runs.get(name)) and measured_of(run) is not None}
    title = printable(scenario.name, 60)
    if not runs:
        return fragment(tag("h3", title), tag("p", "No run in performance mode could be read.", class_="missing"))
    kinds = list(_times(result, scenario, runs))
    first = next(iter(runs))
    return fragment(
        tag("h3", title),
        key([(called(name), COMPARED.index(name)) for name in runs]),
        side_by_side([_charts(scenario, times) for times in kinds]),
        [
            table(
                f"{title}, {called(first)}: {len(times.by_run[first]):,} times, {times.what}",
                ("Percentile", "Here, ms", "LoadGen's, ms", "Equal"),
                list(_percentile_rows(times, runs[first], times.by_run[first])),
                words=(3,),
            )
            for times in kinds
            if first in times.by_run
        ],
    )


def _times(result: InferenceResult, scenario: ScenarioResult, runs: Mapping[str, LoadGenRun]) -> Iterator[Times]:
    """Yield the kinds of time that a scenario has: of a token model in Server the first token's and those after it."""
    rules, workload = scenario.rules, result.compliance.workloads.get(result.workload)
    if scenario_named(scenario.name).is_bounded and result.rules and result.rules.tokens and workload:
        first = {name: sorted(run.latencies.first_token) for name, run in runs.items() if run.latencies}
        yield Times(
            "time to the first token",
            "result_first_token_{}_percentile_latency_ns",
            rules.ttft_ms if rules else None,
            {name: values for name, values in first.items() if values[0]},
        )
        counts = token_counts(scenario, workload.answers)
        each = {name: found.each_ns for name, run in runs.items() if (found := told(run, counts)) and found.each_ns}
        if each:
            bound = rules.tpot_ms if rules else None
            yield Times("time per token after the first", "result_time_per_output_token_{}_percentile_ns", bound, each)
    its, what = scenario_named(scenario.name), "latency"
    if its.asks_many:
        what = "latency of a query" if its.by_query else "time until a sample was done"
    yield Times(
        what,
        its.percentile_form,
        rules.target_latency_ms if rules else None,
        {name: ranked(run.measured) for name, run in runs.items()},
    )


def _charts(scenario: ScenarioResult, times: Times) -> list[Markup]:
    if not times.by_run:
        return []
    name, runs = printable(scenario.name, 60), times.by_run
    asked = "samples" if scenario_named(scenario.name).is_one_query else "queries"
    cut = WITHOUT_TAIL * max(percentile(values, 0.9) for values in runs.values()) / NS
    text = "; ".join(
        f"{called(run)}: median {percentile(values, 0.5) / NS:.4g} ms, 99th percentile "
        f"{percentile(values, 0.99) / NS:.4g} ms"
        for run, values in runs.items()
    )
    charts = [
        line_chart(
            f"{name}: {times.what}, distribution",
            f"Share of {asked} answered within a time, without the slowest. {text}",
            [
                ChartLine(called(run), COMPARED.index(run), [(x, y) for x, y in _distribution(values) if x <= cut])
                for run, values in runs.items()
            ],
            ("ms", None),
            (f"share of {asked}", 0.0),
            most=1.0,
        )
    ]
    if scenario_named(scenario.name).is_one_query:
        return charts  # no percentile of one query counts
    bound, p = times.bound_ms, scenario.rules.percentile if scenario.rules else None
    charts.append(
        line_chart(
            f"{name}: {times.what}, the slow ones",
            f"Time by percentile, to the slowest of all. {text}",
            [ChartLine(called(run), COMPARED.index(run), list(_tail(values))) for run, values in runs.items()],
            (f"percentile of {asked}", 0.0),
            ("ms", None),
            target=(bound, f"bound {bound:g} ms") if bound else None,
            upright=(-math.log10(1 - p), f"{100 * p:.12g} % counts") if p else None,
            log=True,
            named=NINES,
        )
    )
    return charts


def _distribution(values: Sequence[int]) -> Iterator[tuple[float, float]]:
    """Yield (latency in ms, share of queries answered within it), thinned evenly in share."""
    step = max(1, len(values) // DRAWN)
    for place in [*range(0, len(values), step), len(values) - 1]:
        yield values[place] / NS, (place + 1) / len(values)


def _tail(values: Sequence[int]) -> Iterator[tuple[float, float]]:
    """Yield (nines of the percentile, latency in ms), thinned evenly in nines, up to the slowest."""
    most = math.log10(len(values)) if len(values) > 1 else 0.0
    seen = -1
    for at in range(DRAWN + 1):
        nines = most * at / DRAWN
        place = min(int(len(values) * (1 - 10**-nines)), len(values) - 1)
        if place != seen:
            yield nines, values[place] / NS
            seen = place


def _percentile_rows(times: Times, run: LoadGenRun, values: Sequence[int]) -> Iterator[Sequence[Child]]:
    for name in PERCENTILES:
        here, theirs = percentile(values, float(name) / 100), run.detail[times.stated.format(name)]
        plain = number(theirs)
        told_ = "not stated" if plain is None else fixed(plain / NS, 6)
        yield f"{float(name):g} %", fixed(here / NS, 6), told_, "yes" if here == theirs else tag("strong", "no")
