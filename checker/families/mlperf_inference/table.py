"""What a result measured, and the row that the official result table has of it.

The official table lists valid results only, with a second row for power; here power stands in the same row.
"""

from __future__ import annotations

import json
import re
from typing import Any

from checker.core.findings import InferenceScore, Score
from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.endpoints.logs import EndpointFiles, number_at
from checker.families.mlperf_inference.modular.case import ResultReview
from checker.loadgen.log import DetailLog, finite
from rules.scenarios import scenario_named
from rules.systems import node_count
from rules.text import printable

PERCENTILES = ("50.00", "90.00", "95.00", "97.00", "99.00", "99.90")
TOKENS = "Tokens/s"
POWER_UNITS = {"W": "Watts", "mJ": "millijoules"}
DESCRIBED = (
    "number_of_nodes", "host_processor_model_name", "host_processors_per_node", "host_processor_core_count",
    "accelerator_model_name", "accelerators_per_node",
)  # fmt: skip


def measured(case: ResultCase, review: ResultReview) -> InferenceScore:
    """Return what a result measured, as far as its logs say."""
    scenario = case.asked or case.facts.place.scenario
    log = case.log
    spread = _logged(log) if case.endpoint is None else _summarised(case.endpoint, case.model_rules.tokens)
    return InferenceScore(
        scenario=printable(scenario, 40),
        metric=finite(review.metric),
        unit=own_unit(case, scenario),
        accuracy={printable(name, 40): value for name, value in case.accuracy.items() if finite(value) is not None},
        power=finite(review.power_metric),
        power_unit=("mJ" if scenario_named(scenario).is_latency else "W") if review.has_power else "",
        inferred=review.inferred,
        latency_ms=spread.get("latency_ms", {}),
        first_token_ms=spread.get("first_token_ms", {}),
        output_token_ms=spread.get("output_token_ms", {}),
    )


def _logged(log: DetailLog | None) -> dict[str, dict[str, float]]:
    """Return the latencies that LoadGen logged, by member of `InferenceScore`."""
    if log is None:
        return {}
    ends = f"result_{{}}_{'query_' if log.scenario.by_query else ''}latency_ns"
    first, later = "result_first_token_{}", "result_time_{}_output_token_{}"
    return {
        "latency_ms": _percentiles(log, ends, log.scenario.percentile_form),
        "first_token_ms": _percentiles(log, f"{first}_latency_ns", f"{first}_percentile_latency_ns"),
        "output_token_ms": _percentiles(log, later.format("to", "{}"), f"{later.format('per', '{}')}_percentile_ns"),
    }


def _percentiles(log: DetailLog, ends: str, form: str) -> dict[str, float]:
    """Return percentiles in ms, from the least to the greatest; nothing where they are not logged."""
    keys = {"min": ends.format("min")} | {_short(p): form.format(p) for p in PERCENTILES} | {"max": ends.format("max")}
    return {name: value / 1e6 for name, key in keys.items() if (value := log.number(key)) is not None}


def _summarised(files: EndpointFiles, tokens: bool) -> dict[str, dict[str, float]]:
    """Return the same of an endpoint's summary; it times tokens whatever the model, LoadGen for models of tokens."""
    names = {"latency_ms": "latency", "first_token_ms": "ttft", "output_token_ms": "tpot"}
    wanted = names if tokens else {"latency_ms": "latency"}
    return {member: _spread(files, name) for member, name in wanted.items()}


def unit_of(scenario: str) -> str:
    """Return the official table's unit of a scenario; an unknown one has Server's."""
    return scenario_named(scenario).unit or scenario_named("Server").unit


def unit(case: ResultCase, scenario: str) -> str:
    """Return the unit of a metric as the official table has it."""
    for named, own in case.reviewed.units.get(case.model or "", {}).items():
        if named == scenario:
            return own
    if case.model_rules.tokens and scenario_named(scenario).tokens_score:
        return TOKENS
    return unit_of(scenario)


def own_unit(case: ResultCase, scenario: str) -> str:
    """Return the unit of what was measured; the official table calls some rates of requests Tokens/s."""
    official = unit(case, scenario)
    if case.endpoint is not None and official == TOKENS and case.metric_key and "tokens" not in case.metric_key:
        return unit_of(scenario)
    return official


def _spread(files: EndpointFiles, name: str) -> dict[str, float]:
    """Return a distribution of an endpoint's summary in ms, as `_percentiles` does."""
    places = {"min": "min"} | {_short(p): f"percentiles.{float(p)}" for p in PERCENTILES} | {"max": "max"}
    stated = {at: number_at(files.summary.value, f"{name}.{place}") for at, place in places.items()}
    return {at: value / 1e6 for at, value in stated.items() if value is not None}


def _short(percentile: str) -> str:
    return percentile.rstrip("0").rstrip(".")


def score(case: ResultCase, review: ResultReview, path: str) -> Score:
    """Return a result for the report's table."""
    place, found = case.facts.place, measured(case, review)
    return Score(
        path=path,
        submitter=printable(place.submitter, 100),
        system=printable(place.system, 200),
        workload=printable(place.benchmark, 100),
        division=place.division,
        framework=printable(str(case.system.get("framework", "")), 200),
        official=row(case, review, found) if review.valid else None,
        inference=found,
        nodes=node_count(case.system.get("number_of_nodes")),
    )


def row(case: ResultCase, review: ResultReview, found: InferenceScore) -> dict[str, Any]:
    """Return the official row of a valid result, by the table's column names; private identifiers left out."""
    place, system = case.facts.place, case.system
    description = case.facts.measurements
    stated = description.value if description is not None and isinstance(description.value, dict) else {}
    accuracies = json.dumps(review.accuracies).replace(",", " ") if isinstance(review.accuracies, dict) else ""
    notes = [str(system[member]) for member in ("hw_notes", "sw_notes") if system.get(member)]
    official = {
        "Organization": place.submitter,
        "Availability": system.get("status"),
        "Division": place.division,
        "SystemType": system.get("system_type"),
        "SystemName": system.get("system_name"),
        "Platform": place.system,
        "Model": place.benchmark,
        "MlperfModel": review.model,
        "Scenario": place.scenario,
        "Result": found.metric,
        "Accuracy": re.sub(r'["{}]', "", accuracies).strip(),
        **{member: system.get(member) for member in DESCRIBED},
        "total_accelerators": _accelerators(system),
        "Location": f"{place.division}/{place.submitter}/{place.path}/performance/run_1",
        "framework": system.get("framework"),
        "operating_system": system.get("operating_system"),
        "notes": ". ".join(notes),
        "compliance": place.division,
        "errors": 0,
        "version": case.fixed.package.tool.version,
        "inferred": int(found.inferred),
        "has_power": review.has_power,
        "Units": unit(case, found.scenario),
        "weight_data_types": stated.get("weight_data_types"),
        "design_power_watts": review.design_power if review.design_power is not None else "",
    }
    if review.has_power:
        official |= {"Power": found.power, "PowerUnits": POWER_UNITS.get(found.power_unit, "")}
        official["PowerEfficiency"] = finite(review.power_efficiency)
    return {name: _plain(value) for name, value in official.items()}


def _accelerators(system: dict[str, Any]) -> int | None:
    try:
        return int(system["number_of_nodes"]) * int(system["accelerators_per_node"])
    except (KeyError, TypeError, ValueError):
        return None


def _plain(value: Any) -> Any:
    """Return a value of a description as the table may show it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and finite(value) is not None:
        return value
    return printable(str(value) if not isinstance(value, int) else "a huge integer", 500)
