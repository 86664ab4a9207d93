"""Cost follows from time, energy and a price list; places by time and by cost; what is unknown has a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from checker.core.findings import Energy, InferenceScore, Score, TimeToTarget
from checker.families.mlperf_training.review import review
from checker.machine.cost import as_json, as_text, costs
from rules.prices import Prices
from rules.systems import node_count
from tests.differential import passing

TARIFF = {"per_kwh": 0.36, "source": "a tariff", "date": "2026-01-01"}


def listed(*machines: tuple[str, float, bool], energy: dict[str, Any] | None = None) -> Prices:
    return Prices.model_validate(
        {
            "currency": "EUR",
            "machines": [
                {"system": s, "per_hour": p, "includes_energy": i, "source": "a list", "date": "2026-01-01"}
                for s, p, i in machines
            ],
            "energy": energy,
        }
    )


def score(system: str, seconds: float | None, joules: float | None = None, **more: Any) -> Score:
    given: dict[str, Any] = {
        "path": system, "submitter": "acme", "system": system, "workload": "w", "division": "open", "framework": "f",
        "training": TimeToTarget(3, 3, seconds, None, None), "verdict": "pass",
        "energy": Energy(joules, reason="" if joules else "no meter"), "nodes": 1,
    }  # fmt: skip
    return Score(**given | more)


def test_time_at_a_price_and_energy_at_its_own() -> None:
    [one] = costs([score("a", 1800, 1_000_000)], listed(("a", 2.0, False), energy=TARIFF))
    assert one.cost == pytest.approx(1.0 + 0.1)
    assert one.energy_cost == pytest.approx(0.1)


def test_energy_that_the_price_includes_is_not_paid_twice() -> None:
    [one] = costs([score("a", 1800, 1_000_000)], listed(("a", 2.0, True), energy=TARIFF))
    assert one.cost == pytest.approx(1.0)
    assert one.energy_cost is None


@pytest.mark.parametrize(
    ("scored", "prices", "why"),
    [
        (score("a", None), listed(("a", 2.0, True)), "no time"),
        (score("a", 10), listed(("b", 2.0, True)), "no such system"),
        (score("a", 10, 5.0), listed(("a", 2.0, False)), "no price of energy"),
        (score("a", 10), listed(("a", 2.0, False), energy=TARIFF), "not measured"),
    ],
)
def test_what_cannot_be_known_is_no_zero_but_a_reason(scored: Score, prices: Prices, why: str) -> None:
    [one] = costs([scored], prices)
    assert one.cost is None
    assert one.by_cost is None
    assert why in one.reason


def test_places_by_time_and_by_cost_are_shared_by_equals_and_differ_from_each_other() -> None:
    prices = listed(("fast", 10.0, True), ("*", 1.0, True))
    found = {one.system: one for one in costs([score("slow", 30), score("fast", 10), score("same", 30)], prices)}
    assert {name: (one.by_time, one.by_cost) for name, one in found.items()} == {
        "fast": (1, 3),
        "slow": (2, 1),
        "same": (2, 1),
    }


def test_results_that_failed_and_other_workloads_are_not_ranked_together() -> None:
    prices = listed(("*", 1.0, True))
    found = costs([score("a", 1), score("b", 2, workload="x"), score("c", 1, verdict="fail")], prices)
    assert [(one.system, one.by_time) for one in found] == [("a", 1), ("b", 1)]


@pytest.mark.parametrize(
    ("metric", "unit", "seconds"), [(500.0, "samples/s", 2000.0), (2.0, "ms", 2000.0), (0.0, "samples/s", None)]
)
def test_inference_is_priced_by_the_million(metric: float, unit: str, seconds: float | None) -> None:
    measured = InferenceScore("Offline", metric, unit)
    energy = Energy(0.36, per="inference")
    served = score("a", None, training=None, inference=measured, energy=energy)
    [one] = costs([served], listed(("a", 3.6, False), energy=TARIFF))
    assert one.what == "per million inferences, Offline"
    assert one.seconds == seconds
    if seconds is not None:
        assert one.joules == pytest.approx(360_000)
        assert one.cost == pytest.approx(2.0 + 0.036)


def test_our_own_inference_results_are_priced_too() -> None:
    measured = InferenceScore("SingleStream", 2.0, "Latency (ms)")
    [one] = costs([score("a", None, training=None, inference=measured)], listed(("a", 3.6, True)))
    assert one.what == "per million inferences, SingleStream"
    assert one.cost == pytest.approx(2.0)


def test_a_price_is_of_a_node_unless_the_list_says_that_it_is_of_the_system() -> None:
    prices = listed(("*", 10.0, True))
    found = costs([score("small", 7200, nodes=64), score("large", 3960, nodes=128)], prices)
    assert [(one.system, one.nodes, one.cost, one.by_cost) for one in found] == [
        ("small", 64, pytest.approx(1280), 1),
        ("large", 128, pytest.approx(1408), 2),
    ]
    whole = prices.machines[0].model_copy(update={"per": "system"})
    found = costs([score("large", 3960, nodes=128)], prices.model_copy(update={"machines": [whole]}))
    assert found[0].cost == pytest.approx(11)
    assert "128" in as_text(found, prices)


def test_a_system_of_unknown_size_has_no_cost_but_by_a_price_of_the_whole() -> None:
    prices = listed(("*", 10.0, True))
    [one] = costs([score("a", 3600, nodes=None)], prices)
    assert (one.cost, one.by_cost) == (None, None)
    assert "nodes" in one.reason
    whole = prices.machines[0].model_copy(update={"per": "system"})
    [one] = costs([score("a", 3600, nodes=None)], prices.model_copy(update={"machines": [whole]}))
    assert one.cost == pytest.approx(10)


@pytest.mark.parametrize(
    ("stated", "nodes"),
    [("128", 128), (128, 128), (" 2 ", 2), (2.0, 2)]
    + [
        (bad, None) for bad in ("many", "-1", "", 0, -1, True, 1e400, float("nan"), 1.5, "9" * 5000, None, [1], 10**400)
    ],
)
def test_a_number_of_nodes_is_a_count_however_it_is_written(stated: object, nodes: int | None) -> None:
    assert node_count(stated) == nodes


def test_the_official_tables_energy_is_paid_and_marked_where_no_meter_was_read() -> None:
    prices = listed(("*", 1.0, False), energy=TARIFF)
    trained = score("a", 3600, energy=None, official={"w:Energy": 3_600_000.0, "x:Energy": 1.0})
    [one] = costs([trained], prices)
    assert (one.joules, one.official_energy, one.energy_cost) == (3_600_000, True, pytest.approx(0.36))
    assert "official" in as_text([one], prices)
    [own] = costs([score("a", 3600, 7.2, official={"w:Energy": 3_600_000.0})], prices)
    assert (own.joules, own.official_energy) == (7.2, False)


@pytest.mark.parametrize(
    ("measured", "joules"),
    [
        (InferenceScore("Offline", 500.0, "Samples/s", power=400.0, power_unit="W"), 800_000),
        (InferenceScore("SingleStream", 2.0, "ms", power=700.0, power_unit="mJ"), 700_000),
        (InferenceScore("MultiStream", 2.0, "ms", power=700.0, power_unit="mJ"), None),
        (InferenceScore("Offline", 500.0, "Samples/s", power=400.0, power_unit="W", inferred=True), None),
        (InferenceScore("Offline", 500.0, "Samples/s", power=float("nan"), power_unit="W"), None),
    ],
)
def test_power_of_inference_times_its_time_is_energy(measured: InferenceScore, joules: float | None) -> None:
    [one] = costs([score("a", None, energy=None, training=None, inference=measured)], listed(("*", 1.0, True)))
    assert (one.joules, one.official_energy) == (joules, joules is not None)


@pytest.mark.parametrize("seconds", [1e308, float("inf")])
def test_no_number_from_a_submission_overflows_a_cost(seconds: float) -> None:
    prices = listed(("*", 1e12, True))
    [one] = costs([score("a", seconds, nodes=10**9)], prices)
    assert one.cost is None
    json.dumps(as_json([one], prices), allow_nan=False)


def test_two_prices_of_one_source_are_both_shown() -> None:
    prices = listed(("a", 1.0, True), ("b", 2.0, True))
    text = as_text(costs([score("a", 10), score("b", 10)], prices), prices)
    assert "1 EUR an hour and node, a list" in text
    assert "2 EUR an hour and node, a list" in text


def test_no_word_of_a_price_list_reaches_the_terminal_unescaped() -> None:
    hostile = {"source": "\x1b[2J", "date": "2026-01-01"}
    machines = [{"system": "a", "per_hour": 1.0, **hostile}]
    prices = Prices.model_validate({"currency": "EUR", "machines": machines, "energy": {"per_kwh": 1.0, **hostile}})
    assert "\x1b" not in as_text(costs([score("a", 3600)], prices), prices)


def test_a_result_that_only_the_official_checker_accepts_is_not_ranked() -> None:
    prices = listed(("*", 2.0, True))
    assert costs([score("a", 10, verdict="fail", official_verdict="pass")], prices) == []


def test_both_forms_say_prices_sources_and_dates() -> None:
    prices = listed(("a", 3.6, True), energy=TARIFF)
    found = costs([score("a", 1000)], prices)
    text = as_text(found, prices)
    assert "1.000000 EUR" in text
    assert "a list, 2026-01-01" in text
    assert "a tariff, 2026-01-01" in text
    assert "not measured" in text
    assert as_json(found, prices)["costs"] != []


def power_of(log: Path, watts: float) -> None:
    """Put the power of two nodes beside a run's log: the same at every second."""
    records = [
        json.loads(line.partition(" ")[2]) for line in log.read_text().splitlines() if line.startswith(":::MLLOG")
    ]
    start = next(record["time_ms"] for record in records if record["key"] == "run_start")

    def line(key: str, value: float | None, at_s: float) -> dict[str, Any]:
        at = start + int(1000 * at_s)
        return {"namespace": "", "time_ms": at, "event_type": "", "key": key, "value": value, "metadata": {}}

    readings = [line("power_reading", watts, second) for second in range(1, 91)]
    folder = log.parent / "power" / log.stem
    folder.mkdir(parents=True)
    ends = line("power_measurement_start", None, 0), line("power_measurement_stop", None, 90)
    for node in range(2):
        (folder / f"node_{node}.txt").write_text(passing.text([ends[0], *readings, ends[1]]))
    (folder / "sw_0.txt").write_text(passing.text([line("interconnect_power_est", 0, 0)]))


def test_a_training_rounds_nodes_and_power_logs_are_in_its_cost(tmp_path: Path) -> None:
    passing.organisation(tmp_path / "Example", "mlperf-training/5.1")
    system = tmp_path / "Example/systems/box.json"
    system.write_text(system.read_text().replace('"number_of_nodes": "1"', '"number_of_nodes": "4"'))
    for log in (tmp_path / "Example/results/box").glob("*/result_*.txt"):
        power_of(log, 1800.0)
    [found] = review(tmp_path / "Example", "mlperf-training/5.1").scores
    [one] = costs([found], listed(("*", 10.0, False), energy=TARIFF))
    assert (one.nodes, one.official_energy) == (4, True)
    assert one.seconds is not None
    assert one.joules == pytest.approx(2 * 1800 * one.seconds)
    assert one.cost == pytest.approx(4 * 10 * one.seconds / 3600 + 0.36 * one.joules / 3_600_000)
