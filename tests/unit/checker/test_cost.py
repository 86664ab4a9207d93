"""Cost follows from time, energy and a price list; places by time and by cost; what is unknown has a reason."""

from __future__ import annotations

from typing import Any

import pytest

from checker.cost import as_json, as_text, costs
from checker.findings import Energy, Measured, Score
from rules.prices import Prices

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
        "runs": 3, "converged": 3, "score_s": seconds, "fastest_s": None, "slowest_s": None, "verdict": "pass",
        "energy": Energy(joules, reason="" if joules else "no meter"),
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
    measured = Measured("Offline", metric, unit)
    energy = Energy(0.36, per="inference")
    [one] = costs([score("a", None, measured=measured, energy=energy)], listed(("a", 3.6, False), energy=TARIFF))
    assert one.what == "per million inferences, Offline"
    assert one.seconds == seconds
    if seconds is not None:
        assert one.joules == pytest.approx(360_000)
        assert one.cost == pytest.approx(2.0 + 0.036)


def test_our_own_inference_results_are_priced_too() -> None:
    row = {"Scenario": "SingleStream", "Result": 2.0, "Units": "Latency (ms)"}
    [one] = costs([score("a", None, official=row)], listed(("a", 3.6, True)))
    assert one.what == "per million inferences, SingleStream"
    assert one.cost == pytest.approx(2.0)


def test_both_forms_say_prices_sources_and_dates() -> None:
    prices = listed(("a", 3.6, True), energy=TARIFF)
    found = costs([score("a", 1000)], prices)
    text = as_text(found, prices)
    assert "1.000000 EUR" in text
    assert "a list, 2026-01-01" in text
    assert "a tariff, 2026-01-01" in text
    assert "not measured" in text
    assert as_json(found, prices)["costs"] != []
