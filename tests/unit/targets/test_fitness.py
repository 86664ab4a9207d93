"""A machine's facts against a target's demands: numbers, versions, choices, and facts nobody can read."""

from __future__ import annotations

import pytest

from suite.images.matrix import matrix, minimums
from suite.targets.data import FactDemand
from suite.targets.fitness import judge


def verdict(check: dict[str, object], value: str | None, least: dict[str, str] | None = None):
    """Return the one verdict on `value`."""
    asked = FactDemand.model_validate({"fact": "thing", "fix": "mend it", **check})
    [found] = judge((asked,), {} if value is None else {"thing": value}, least or {})
    return found


@pytest.mark.parametrize(
    ("check", "value", "good"),
    [
        ({"at_least": 4}, "23.5", True),
        ({"at_least": 4}, "3.9", False),
        ({"at_least": 4}, "10", True),
        ({"at_most": 64}, "0", True),
        ({"at_most": 64}, "64", True),
        ({"at_most": 64}, "65", False),
        ({"at_least": "525.60.13"}, "525.60.13", True),
        ({"at_least": "525.60.13"}, "525.60.9", False),
        ({"at_least": "525.60.13"}, "535.129", True),
        ({"at_least": "525.60.13"}, "470.256.02", False),
        ({"at_least": "36.0"}, "36.4.3", True),
        ({"at_least": "36.0"}, "35.6.1", False),
        ({"one_of": ["on"]}, "on", True),
        ({"one_of": ["on"]}, "off", False),
        ({"at_least": 4}, "[N/A]", False),
    ],
)
def test_a_fact_meets_its_demand_or_not(check: dict[str, object], value: str, good: bool) -> None:
    found = verdict(check, value)
    assert (found.good, found.known) == (good, True)
    assert found.said.startswith(f"thing: {value}")


def test_a_fact_the_machine_does_not_expose_is_not_met_and_said_so() -> None:
    found = verdict({"at_least": 4}, None)
    assert (found.good, found.known) == (False, False)
    assert found.said == "thing: not exposed by this machine"


def test_a_frameworks_own_minimum_counts_where_it_is_higher() -> None:
    check = {"at_least": "525.60.13"}
    assert not verdict(check, "550.54.14", {"thing": "580.65.06"}).good
    assert verdict(check, "550.54.14", {"thing": "450.80.02"}).good
    assert not verdict(check, "450.80.02", {"thing": "450.80.02"}).good


def test_a_driver_for_cuda_12_is_too_old_for_pytorchs_cuda_13_and_the_sentence_says_so() -> None:
    checks = tuple(check for check in matrix().targets["cuda"].checks if check.fact == "driver")
    [old] = judge(checks, {"driver": "550.54.14"}, minimums("pytorch", "cuda"))
    assert old.said == "driver: 550.54.14, at least 580.65.06 is needed"
    assert old.check.otherwise == "fail"
    [fine] = judge(checks, {"driver": "550.54.14"}, minimums("jax", "cuda"))
    assert fine.good


def test_a_busy_gpu_and_a_full_board_are_refused() -> None:
    targets = matrix().targets
    facts = {"driver": "580.95.05", "gpu_memory_used_mib": "41210", "gpu_utilisation_percent": "97"}
    bad = {v.check.fact for v in judge(targets["cuda"].checks, facts, {}) if v.known and not v.good}
    assert bad == {"gpu_memory_used_mib", "gpu_utilisation_percent"}
    facts = {"l4t": "36.4.3", "disk_free_gib": "0.7", "nvpmodel": "2", "jetson_clocks": "off", "memory_gib": "7.4"}
    found = {v.check.fact: v for v in judge(targets["jetson"].checks, facts, {}) if v.known and not v.good}
    assert set(found) == {"disk_free_gib", "nvpmodel", "jetson_clocks"}
    assert found["disk_free_gib"].check.otherwise == "fail"
    assert found["jetson_clocks"].check.fix == "sudo jetson_clocks"
