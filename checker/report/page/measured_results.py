"""The results that measured a metric as tables, one for each benchmark, division and scenario, best first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from checker.core.findings import InferenceScore, Report, Score
from checker.report.page.layout import ROWS, searchable, section, table, verdict_mark
from checker.report.page.markup import Child, Markup, tag
from checker.report.page.quantity import NONE, count, number, significant
from checker.report.page.round_results import naming
from rules.scenarios import SCENARIOS, scenario_named

DIVISIONS = ("closed", "network", "open")
ORDER = sorted(SCENARIOS, key=lambda name: (SCENARIOS[name].is_latency, not SCENARIOS[name].is_one_query))


@dataclass(frozen=True)
class ResultGroup:
    """Results that may be compared: a model in one division, scenario and unit; best first."""

    model: str
    division: str
    scenario: str
    scores: tuple[Score, ...]

    @property
    def name(self) -> str:
        """The group's heading."""
        return f"{self.model}, {self.scenario}, {self.division} division"


def grouped(scores: Sequence[Score]) -> list[ResultGroup]:
    """Return results in groups: by division, model, scenario and unit."""
    found: dict[tuple[str, str, str, str], list[Score]] = {}
    for score in scores:
        if (its := score.inference) is not None:
            found.setdefault((score.division, model_of(score), its.scenario, its.unit), []).append(score)

    def rank(names: tuple[str, str, str, str]) -> tuple[int, str, int, str]:
        division, model, scenario, unit = names
        return _place(division, DIVISIONS), model, _place(scenario, ORDER), unit

    return [
        ResultGroup(names[1], names[0], names[2], tuple(sorted(found[names], key=_rank)))
        for names in sorted(found, key=rank)
    ]


def _place(name: str, known: Sequence[str]) -> int:
    return known.index(name) if name in known else len(known)


def model_of(score: Score) -> str:
    """Return the official model that a result's own benchmark name stands for, as far as the official table says."""
    return str((score.official or {}).get("MlperfModel") or score.workload)


def label_of(score: Score) -> str:
    """Return what tells a result from others of its group."""
    own = f" · {score.workload}" if score.workload != model_of(score) else ""
    return f"{score.submitter} · {score.system}{own}"


def _rank(score: Score) -> tuple[float, str]:
    found = score.inference
    metric = number(found.metric) if found is not None else None
    if found is None or metric is None:
        return math.inf, score.path
    return (metric if found.unit.startswith("Latency") else -metric), score.path


def measured_results(report: Report) -> Markup:
    """Return every result: what it measured, both verdicts."""
    of = naming(report)
    groups = grouped(report.scores)
    if not groups:
        return section("results", "Results", tag("p", "No result was judged."))
    left, tables = ROWS, []
    for group in groups:
        shown = group.scores[: max(0, left)]
        left -= len(shown)
        if shown:
            tables.append(_table(group, shown, of))
    note = (
        "Result: the official metric; lower is better where it is a latency. Per chip: a throughput over all "
        "accelerators. Accuracy: as accuracy.txt states it; in the open division any is allowed. p99: of a "
        "query's latency, for token models of the first token's (TTFT) and of each later one's (TPOT). Inferred: "
        "taken from a run of another scenario."
    )
    return searchable(len(report.scores), "organisation, system, benchmark or scenario", tables, note, "measured")


def _table(group: ResultGroup, scores: Sequence[Score], of: Callable[[str], str]) -> Markup:
    unit = next((s.inference.unit for s in scores if s.inference is not None), "")
    tokens = any(s.inference is not None and s.inference.first_token_ms for s in scores)
    power = any(s.inference is not None and s.inference.power is not None for s in scores)
    own = any(score.workload != group.model for score in scores)
    rate = not unit.startswith("Latency")
    result = f"Result, {unit}" if rate else f"Latency, {unit.partition('(')[2].rstrip(')')}"
    of_one = scenario_named(group.scenario).is_one_query
    late = ["TTFT p99, ms", "TPOT p99, ms"] if tokens else [] if of_one else ["p99, ms"]
    heads = ["Organisation", "System", "Official", "Assay", result]
    heads += [*(["Per chip"] if rate else []), *late, *([f"Power, {_power_unit(scores)}"] if power else [])]
    heads += ["Chips", "Type", "Accuracy"]
    rows: list[Sequence[Child]] = []
    for score in scores:
        found = score.inference
        if found is None:
            continue
        stated = score.official or {}
        kind = str(stated.get("SystemType") or "")
        chips = number(stated.get("total_accelerators"))
        system: list[Child] = [tag("span", score.system, title=str(stated.get("SystemName") or ""))]
        if own:
            system.append(tag("span", f" {score.workload}", class_="count"))
        rows.append(
            (
                of(score.path),
                system,
                verdict_mark(score.official_verdict or "fail"),
                verdict_mark(score.verdict),
                tag("strong", significant(found.metric)),
                *([significant(found.metric / chips) if chips and found.metric else NONE] if rate else []),
                *_percentiles(found, tokens, group.scenario),
                *([significant(found.power)] if power else []),
                tag("span", count(chips, NONE), title=str(stated.get("accelerator_model_name") or "")),
                [tag("span", kind, class_="whole"), " inferred"]
                if found.inferred
                else tag("span", kind, class_="whole"),
                _accuracy(found),
            )
        )
    words = [1, 2, 3, *range(heads.index("Type"), len(heads))]
    return table(f"{group.name}: {len(group.scores):,}", heads, rows, words=words)


def _power_unit(scores: Sequence[Score]) -> str:
    units = [s.inference.power_unit for s in scores if s.inference is not None and s.inference.power_unit]
    return "mJ per query" if units[:1] == ["mJ"] else units[0] if units else "W"


def _percentiles(found: InferenceScore, tokens: bool, scenario: str) -> Iterator[Child]:
    if tokens:
        yield significant(found.first_token_ms.get("99"))
        yield significant(found.output_token_ms.get("99"))
    elif not scenario_named(scenario).is_one_query:
        yield significant(found.latency_ms.get("99"))


def _accuracy(found: InferenceScore) -> Child:
    return tag(
        "span",
        "; ".join(f"{name} {significant(value)}" for name, value in found.accuracy.items()) or NONE,
        class_="fine",
    )
