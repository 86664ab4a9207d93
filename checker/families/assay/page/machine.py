"""The machine while it was measured: energy, memory, load, and what was sampled over time; and what results cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checker.core.findings import Report, Score
from checker.families.assay.page.evidence import ResultEvidence
from checker.families.assay.page.serving import ServedResult
from checker.families.assay.page.traces import SHOWN, Seen, seen
from checker.machine.cost import Cost, costs
from checker.report.page.chart import ChartLine, line_chart, thinned
from checker.report.page.layout import facts, folded, note, section, side_by_side, table
from checker.report.page.markup import Child, Markup, fragment, tag
from checker.report.page.quantity import NOT_MEASURED, fixed, mebibytes
from checker.report.render.text import energy
from rules.observation import UNITS
from rules.prices import Prices
from rules.text import printable

POINTS = 150  # of a line
LISTED = 60  # channels of a run
DRIFTING = ("temperature", "frequency")  # how they change is what matters, not how far from nothing they are


@dataclass(frozen=True)
class Machine:
    """One result's machine: what the checker says of it, and what was sampled in each run, or why nothing was."""

    name: str
    score: Score | None
    runs: tuple[tuple[str, Seen | None, str], ...]


def machine_section(results: Sequence[ResultEvidence], served: Sequence[ServedResult]) -> Markup:
    """Return, for every result, what it took of its machine and what was sampled of it over time."""
    return section(
        "machine",
        "Machine",
        note(
            "Sampled beside the runs; time is counted from the start of the clock, and two seconds on either side are "
            "drawn. Energy is a meter's word or missing: nothing is estimated. Idle power is taken off only where a "
            "baseline was measured, and then both energies are shown."
        ),
        [_one(machine) for machine in _machines(results, served)],
    )


def _machines(results: Sequence[ResultEvidence], served: Sequence[ServedResult]) -> Iterator[Machine]:
    for result in results:
        runs = tuple((f"run {run.index}", run.seen, run.unobserved) for run in result.runs)
        yield Machine(result.name, result.score, runs)
    for one in served:
        for name, scenario in one.found.scenarios.items():
            run = scenario.performance
            watched = (("performance run", seen(run), run.unobserved),) if run is not None else ()
            yield Machine(f"{one.name}, {printable(name, 60)}", one.scores.get(f"{one.path}/{name}"), watched)


def _one(machine: Machine) -> Markup:
    score, found = machine.score, [(label, one) for label, one, _ in machine.runs if one is not None]
    why = {f"{label}: {printable(reason, 400) or 'no reason given'}" for label, one, reason in machine.runs if not one}
    return fragment(
        tag("h3", machine.name),
        facts(list(_facts(score))),
        tag("p", f"Not observed: {'; '.join(sorted(why))}.", class_="missing") if why else None,
        side_by_side([chart for quantity in SHOWN if (chart := _chart(quantity, found))]) if found else None,
        folded("What was sampled", _channels(*found[0])) if found else None,
    )


def _facts(score: Score | None) -> Iterator[tuple[str, Child]]:
    if score is None:
        return
    yield "Energy", energy(score.energy) if score.energy else NOT_MEASURED
    if score.energy and score.energy.joules is not None:
        rate = f"{fixed(score.energy.rate_hz, 1)} samples a second"
        yield "Meter", f"{score.energy.source}; {rate}; {fixed((score.energy.coverage or 0) * 100, 1)} % covered"
    use = score.use
    if use is None:
        return
    yield "Peak memory", f"{mebibytes(use.memory_bytes)} MiB" if use.memory_bytes is not None else NOT_MEASURED
    if use.accelerator_memory_bytes is not None:
        yield "Peak memory of an accelerator", f"{mebibytes(use.accelerator_memory_bytes)} MiB, as sampled"
    busy = f"{use.utilised}, {use.utilisation:.0%} busy" if use.utilisation is not None else NOT_MEASURED
    yield "Utilisation", busy
    yield "Disturbed", f"{use.disturbed} of {use.runs} runs (see Findings)"


def _chart(quantity: str, found: Sequence[tuple[str, Seen]]) -> Markup | None:
    """Return a quantity of all runs over time; None where no run has it."""
    title, unit, _ = SHOWN[quantity]
    lines = [
        ChartLine(f"{label}, {trace.channel.name}", position, thinned(trace.points, POINTS))
        for position, (label, one) in enumerate(found)
        for trace in one.traces
        if trace.quantity == quantity
    ]
    if not lines:
        return None
    text = f"{title} in {unit}, one line per run and channel."
    lowest = None if quantity in DRIFTING else 0.0
    return line_chart(title, text, lines, ("seconds since run start", None), (unit, lowest))


def _channels(label: str, one: Seen) -> list[Child]:
    rows = [
        (
            channel.name,
            printable(channel.source, 200),
            UNITS[channel.quantity],
            fixed(rate, 1),
            f"{channel.uncertainty:.2%}" if channel.uncertainty else "not stated",
        )
        for channel, rate in list(zip(one.channels, one.rates_hz, strict=True))[:LISTED]
    ]
    missing = [f"{printable(each.source, 100)}: {printable(each.reason, 400)}" for each in one.unavailable[:LISTED]]
    heads = ("Channel", "Source", "Unit", "Samples a second", "Meter's own uncertainty")
    return [
        table(f"Channels of {label}", heads, rows, words=(1, 2, 4)),
        note(f"Not there: {'; '.join(missing)}.") if missing else None,
    ]


def cost_section(report: Report, prices: Prices) -> Markup:
    """Return what each result costs, by a price list, and its places by time and by cost."""
    found = costs(report.scores, prices)
    heads = (
        "System", "Nodes", "Workload", "What", "Time, s", "Energy, J", f"Cost, {prices.currency}", "Place by time",
        "Place by cost", "Remark",
    )  # fmt: skip
    rows = [_cost(one) for one in found]
    return section(
        "cost",
        "Cost",
        table("Cost by the price list; results that failed are not ranked", heads, rows, words=(2, 3, 9)),
        note("Prices: ", "; ".join(_quoted(prices)), "."),
    )


def _cost(one: Cost) -> tuple[Child, ...]:
    places = ("" if place is None else str(place) for place in (one.by_time, one.by_cost))
    cost = "" if one.cost is None else f"{one.cost:,.6f}"
    return (
        one.system,
        "" if one.nodes is None else str(one.nodes),
        f"{one.workload} ({one.division})",
        one.what,
        fixed(one.seconds, 2),
        f"{fixed(one.joules, 1)}{' (official)' if one.official_energy else ''}",
        cost,
        *places,
        one.reason,
    )


def _quoted(prices: Prices) -> Iterator[str]:
    for machine in prices.machines:
        by = f"{printable(machine.source, 200)}, {machine.date}"
        of = "and node" if machine.per == "node" else "for the whole system"
        yield f"{printable(machine.system, 100)} {machine.per_hour:g} an hour {of} ({by})"
    if prices.energy:
        yield f"{prices.energy.per_kwh:g} a kWh ({printable(prices.energy.source, 200)}, {prices.energy.date})"
