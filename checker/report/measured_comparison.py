"""Two submissions whose results each measured a metric, beside each other: for a person, and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from checker.core.findings import InferenceScore
from checker.report.comparison import Differing, members, wrapped
from checker.report.page.quantity import significant
from rules.scenarios import scenario_named


@dataclass(frozen=True)
class MeasuredSide:
    """One result of one of the two."""

    path: str
    submitter: str
    system: str
    benchmark: str
    valid: bool  # by the official checker
    measured: InferenceScore
    chips: float | None
    repeated_percent: tuple[float, ...]  # how far its compliance runs came out from it


@dataclass(frozen=True)
class MeasuredComparison:
    """One model and scenario on a system of each side."""

    model: str
    scenario: str
    unit: str
    a: MeasuredSide
    b: MeasuredSide
    ratio: float | None  # B's metric over A's
    system: tuple[Differing, ...]
    settings: tuple[Differing, ...]

    @property
    def noise(self) -> str:
        """What can be said of chance."""
        scatter = [abs(percent) for side in (self.a, self.b) for percent in side.repeated_percent]
        if not scatter:
            return "one run each: whether they differ by more than chance cannot be told"
        return f"one run each; repeated runs came out up to {max(scatter):.2g} % off"


@dataclass(frozen=True)
class MeasuredComparisons:
    """All that both submissions have results of, and what only one has."""

    ruleset: str
    a: str
    b: str
    method: str
    results: tuple[MeasuredComparison, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def as_json(compared: MeasuredComparisons) -> str:
    """Return the comparison as indented JSON that ends with a newline."""
    body = asdict(compared)
    for one, comparison in zip(body["results"], compared.results, strict=True):
        one["noise"] = comparison.noise
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def as_text(compared: MeasuredComparisons) -> str:
    """Return the comparison as text of 80 columns that ends with a newline."""
    lines = [*wrapped("A  ", compared.a), *wrapped("B  ", compared.b), ""]
    for comparison in compared.results:
        lines += [*_comparison(comparison), ""]
    for name, only in (("A", compared.only_a), ("B", compared.only_b)):
        lines += wrapped(f"Only in {name}: ", ", ".join(only)) if only else []
    lines += wrapped("Method: ", compared.method)
    return "\n".join(lines) + "\n"


def verdict(one: MeasuredComparison) -> str:
    """Return in words how two metrics stand to each other, and what may be said of chance."""
    if one.ratio is None:
        return "not compared: one of the two has no metric, or in another unit"
    percent = (one.ratio - 1) * 100
    lower_is_better = one.unit.startswith("Latency")
    if percent == 0:
        return f"no difference; {one.noise}"
    better = (percent < 0) == lower_is_better
    return f"B is {abs(percent):.1f} % {'lower' if percent < 0 else 'higher'}, {_judged(better)}; {one.noise}"


def _judged(better: bool) -> str:
    return "which is better" if better else "which is worse"


def _comparison(one: MeasuredComparison) -> Iterator[str]:
    yield from wrapped("", f"{one.model}, {one.scenario}: {verdict(one)}")
    yield ""
    yield f"    {'':<2}{one.unit:>16}{'per chip':>12}{'p50, ms':>12}{'p99, ms':>12}{'power':>14}"
    yield from _side("A", one.a)
    yield from _side("B", one.b)
    yield from members("system", one.system)
    yield from members("LoadGen's settings", one.settings)


def _side(name: str, side: MeasuredSide) -> Iterator[str]:
    found = side.measured
    latencies = found.first_token_ms or found.latency_ms if not scenario_named(found.scenario).is_one_query else {}
    chip = found.metric / side.chips if found.metric and side.chips and not found.unit.startswith("Latency") else None
    power = "-" if found.power is None else f"{significant(found.power)} {found.power_unit}"
    figures = [significant(found.metric) + ("" if side.valid else "*"), _dash(chip)]
    figures += [_dash(latencies.get("50")), _dash(latencies.get("99"))]
    row = f"{figures[0]:>16}" + "".join(f"{figure:>12}" for figure in figures[1:]) + f"{power:>14}"
    yield f"    {name:<2}{row}"
    yield from wrapped(
        "      ", f"{side.system}: " + ", ".join(f"{n} {significant(v)}" for n, v in found.accuracy.items())
    )
    if not side.valid:
        yield "      * refused by the official checker"


def _dash(value: float | None) -> str:
    return "-" if value is None else significant(value)
