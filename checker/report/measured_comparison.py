"""Two results that each measured a metric, beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from checker.core.findings import InferenceScore
from checker.report.comparison import ComparedPair, Differing, differing, members, wrapped
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
class MeasuredResult:
    """One result with what is compared beside its metric, as safe text."""

    side: MeasuredSide
    model: str
    system: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Model and scenario."""
        return f"{self.model} {self.side.measured.scenario}"

    @property
    def namesake(self) -> str:
        """The system's name."""
        return self.side.system


@dataclass(frozen=True)
class MeasuredComparison(ComparedPair):
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

    def body(self) -> dict[str, Any]:
        """Return all members, and what can be said of chance."""
        return {**asdict(self), "noise": self.noise}

    def lines(self) -> Iterator[str]:
        """Yield the verdict, both sides, and what differs."""
        yield from wrapped("", f"{self.model}, {self.scenario}: {verdict(self)}")
        yield ""
        yield f"    {'':<2}{self.unit:>16}{'per chip':>12}{'p50, ms':>12}{'p99, ms':>12}{'power':>14}"
        yield from _side("A", self.a)
        yield from _side("B", self.b)
        yield from members("system", self.system)
        yield from members("LoadGen's settings", self.settings)


def beside(one: MeasuredResult, other: MeasuredResult) -> MeasuredComparison:
    """Compare two results; a ratio only of two metrics in one unit."""
    mine, theirs = one.side.measured, other.side.measured
    comparable = mine.metric and theirs.metric and mine.unit == theirs.unit
    return MeasuredComparison(
        model=one.model,
        scenario=mine.scenario,
        unit=", ".join(dict.fromkeys((mine.unit, theirs.unit))),
        a=one.side,
        b=other.side,
        ratio=theirs.metric / mine.metric if comparable and mine.metric and theirs.metric else None,
        system=differing(one.system, other.system),
        settings=differing(one.settings, other.settings),
    )


def verdict(one: MeasuredComparison) -> str:
    """Return in words how two metrics stand to each other, and what may be said of chance."""
    if one.ratio is None:
        return "not compared: one of the two has no metric, or in another unit"
    percent = (one.ratio - 1) * 100
    if percent == 0:
        return f"no difference; {one.noise}"
    better = (percent < 0) == one.unit.startswith("Latency")
    judged = "which is better" if better else "which is worse"
    return f"B is {abs(percent):.1f} % {'lower' if percent < 0 else 'higher'}, {judged}; {one.noise}"


def _side(name: str, side: MeasuredSide) -> Iterator[str]:
    found = side.measured
    latencies = found.first_token_ms or found.latency_ms if not scenario_named(found.scenario).is_one_query else {}
    chip = found.metric / side.chips if found.metric and side.chips and not found.unit.startswith("Latency") else None
    power = "-" if found.power is None else f"{significant(found.power)} {found.power_unit}"
    metric = significant(found.metric) + ("" if side.valid else "*")
    figures = "".join(f"{_dash(value):>12}" for value in (chip, latencies.get("50"), latencies.get("99")))
    yield f"    {name:<2}{metric:>16}{figures}{power:>14}"
    accuracy = ", ".join(f"{n} {significant(v)}" for n, v in found.accuracy.items())
    yield from wrapped("      ", f"{side.system}: {accuracy}")
    if not side.valid:
        yield "      * refused by the official checker"


def _dash(value: float | None) -> str:
    return "-" if value is None else significant(value)
