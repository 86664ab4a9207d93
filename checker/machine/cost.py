"""What results cost: time and energy by a price list, and where each stands by time and by cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace

from checker.core.findings import Score
from rules.prices import MachinePrice, Prices, Quoted
from rules.scenarios import scenario_named
from rules.text import printable

MILLION = 1_000_000
JOULES_PER_KWH = 3_600_000
LARGEST = 1e60  # seconds or joules of any result; beyond it no product is a number
HOUR_S = 3600
NO_NODES = "how many nodes the system has is not known (a price of the whole system: `per: system`)"


@dataclass(frozen=True)
class Cost:
    """One result's cost: of a run to the target, or of a million inferences; None with the reason where unknown."""

    path: str
    system: str
    workload: str
    framework: str
    division: str
    what: str  # "to target", or per million inferences or tokens
    nodes: int | None  # of the system
    seconds: float | None  # that it takes
    joules: float | None
    official_energy: bool  # whether `joules` follow from the official result table, not from meters that Assay read
    cost: float | None
    energy_cost: float | None  # the part of `cost` that is energy; None: not in it
    reason: str = ""
    by_time: int | None = None  # place among results of the same workload, division and kind, from 1
    by_cost: int | None = None


def costs(scores: Iterable[Score], prices: Prices) -> list[Cost]:
    """Return the cost of every result, with its places; results that failed by Assay's verdict have none."""
    found = [_cost(score, prices) for score in scores if score.verdict == "pass"]
    groups = sorted({_group(one) for one in found})
    return [placed for group in groups for placed in _placed([one for one in found if _group(one) == group])]


def _cost(score: Score, prices: Prices) -> Cost:
    what, seconds, metered = _amount(score)
    joules = metered if metered is not None else _official_joules(score, seconds)
    official = metered is None and joules is not None
    names = (score.path, score.system, score.workload, score.framework, score.division)
    cost = Cost(*names, what, score.nodes, seconds, joules, official, None, None)
    machine = prices.machine(score.system)
    if seconds is None:
        return replace(cost, reason="it has no time")
    if machine is None:
        return replace(cost, reason="the price list has no such system")
    priced = 1 if machine.per == "system" else score.nodes  # how many times a result's hour costs the price
    if priced is None:
        return replace(cost, reason=NO_NODES)
    price = machine.per_hour * priced * seconds / HOUR_S
    if machine.includes_energy:
        return replace(cost, cost=price)
    if prices.energy is None:
        return replace(cost, reason="the machine's price is without energy, and the list has no price of energy")
    if joules is None:
        return replace(cost, reason="the machine's price is without energy, and its energy was not measured")
    energy = prices.energy.per_kwh * joules / JOULES_PER_KWH
    return replace(cost, cost=price + energy, energy_cost=energy)


def _official_joules(score: Score, seconds: float | None) -> float | None:
    """Return the energy of what is paid for by the official table: of Training, or power of Inference, times its time.

    Power of a single stream is energy: millijoules of one query. A result inferred from another has none of its own.
    """
    found = score.inference
    if found is None:
        return _number((score.official or {}).get(f"{score.workload}:Energy"))
    if found.power is not None and not found.inferred:
        if found.power_unit == "W" and seconds is not None:
            return _number(found.power * seconds)
        if found.power_unit == "mJ" and not scenario_named(found.scenario).by_query:
            return _number(found.power * MILLION / 1000)
    return None


def _number(value: object) -> float | None:
    """Return a positive number that sums and products may hold; None for anything else."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < LARGEST
    return float(value) if good and isinstance(value, int | float) else None


def _amount(score: Score) -> tuple[str, float | None, float | None]:
    """Return what is paid for, and the seconds and joules it takes."""
    joules = score.energy.joules if score.energy else None
    if score.training is not None or score.inference is None:
        return "to target", _number(score.training.score_s if score.training is not None else None), joules
    scenario, metric, unit = score.inference.scenario, score.inference.metric, score.inference.unit
    unit = unit.casefold()
    what = f"per million {'tokens' if 'token' in unit else 'inferences'}, {scenario}"
    of_one = score.energy is not None and score.energy.per == "inference" and "token" not in unit
    energy = joules * MILLION if joules is not None and of_one else None
    if (metric := _number(metric)) is None:
        return what, None, energy
    if unit.endswith("/s"):
        return what, _number(MILLION / metric), energy
    # A latency of MultiStream is that of a query of several inferences.
    if unit in ("ms", "latency (ms)") and not scenario_named(scenario).by_query:
        return what, _number(MILLION * metric / 1000), energy
    return what, None, energy


def _group(cost: Cost) -> tuple[str, str, str]:
    return cost.workload, cost.division, cost.what


def _placed(group: list[Cost]) -> Iterator[Cost]:
    """Yield a group's results with their places, the cheapest first; equals share a place."""
    times = sorted(one.seconds for one in group if one.seconds is not None)
    prices = sorted(one.cost for one in group if one.cost is not None)
    for one in sorted(group, key=lambda one: (one.cost is None, one.cost or 0.0, one.seconds or 0.0, one.path)):
        yield replace(
            one,
            by_time=None if one.seconds is None else times.index(one.seconds) + 1,
            by_cost=None if one.cost is None else prices.index(one.cost) + 1,
        )


def as_json(found: list[Cost], prices: Prices) -> dict[str, object]:
    """Return costs and the prices they follow from, for programs."""
    return {"prices": prices.model_dump(mode="json"), "costs": [asdict(one) for one in found]}


def as_text(found: list[Cost], prices: Prices) -> str:
    """Return costs as a table for a terminal, with the prices they follow from."""
    lines: list[str] = []
    group: tuple[str, str, str] | None = None
    for one in found:
        if _group(one) != group:
            group = _group(one)
            lines += [
                "",
                f"{one.workload} ({one.division}), {one.what}",
                _row("", "nodes", "time", "energy", "cost", "by time", "by cost"),
            ]
        energy = "not measured" if one.joules is None else _joules(one.joules) + " official" * one.official_energy
        nodes = "-" if one.nodes is None else str(one.nodes)
        time = "-" if one.seconds is None else f"{one.seconds:,.2f} s"
        cost = "-" if one.cost is None else f"{one.cost:,.6f} {prices.currency}"
        places = (str(place) if place else "-" for place in (one.by_time, one.by_cost))
        lines.append(_row(one.system, nodes, time, energy, cost, *places))
        lines += [f"  {one.reason}"] if one.reason else []
    used = {machine.system: machine for one in found if (machine := prices.machine(one.system))}
    lines += ["", *(f"prices: {_price(p, prices.currency)}, {_source(p)}" for p in used.values())]
    if prices.energy:
        price = prices.energy
        lines.append(f"prices: {price.per_kwh:g} {prices.currency} a kWh, {_source(price)}")
    return "\n".join(lines).lstrip("\n") + "\n"


def _row(system: str, nodes: str, time: str, energy: str, cost: str, by_time: str, by_cost: str) -> str:
    return f"{system:30} {nodes:>5} {time:>14} {energy:>19} {cost:>18} {by_time:>7} {by_cost:>7}".rstrip()


def _price(machine: MachinePrice, currency: str) -> str:
    return f"{machine.per_hour:g} {currency} an hour {'and node' if machine.per == 'node' else 'for the whole system'}"


def _source(price: Quoted) -> str:
    return f"{printable(price.source, 200)}, {price.date}"


def _joules(joules: float) -> str:
    return f"{joules:,.1f} J" if joules < JOULES_PER_KWH / 10 else f"{joules / JOULES_PER_KWH:,.3f} kWh"
