"""Energy, gaps and disturbances from raw samples: nothing filled in, wraps undone, parts not added to their whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from checker.machine.metering import NotMeasured, Reading, difference, energy, gauge, region, total, unwrapped
from checker.machine.steadiness import disturbances
from rules.observation import Observation
from rules.ruleset import load

BEARS = load("assay/1.0").steadiness
assert BEARS is not None


def seen(*channels: tuple[dict[str, Any], list[float | None]], period_s: float = 1.0) -> Observation:
    times = [position * period_s for position in range(len(channels[0][1]))]
    return Observation.model_validate(
        {
            "schema": "assay/observation/1",
            "period_s": period_s,
            "clocks": [{"monotonic_s": at, "wall_s": at + 1e9} for at in (times[0], times[-1])],
            "channels": [{"source": "test", "kind": "counter", "quantity": "energy"} | c for c, _ in channels],
            "unavailable": [{"source": "nvml", "reason": "no GPU"}],
            "times_s": times,
            "values": [row for _, row in channels],
        }
    )


def test_a_counter_that_wraps_twice_is_read_as_if_it_had_not() -> None:
    true = [float(100 * second) for second in range(30)]
    observation = seen(({"name": "rapl/0-package-0", "wraps_at": 1000.0}, [value % 1000 for value in true]))
    found = energy(observation, 0.5, 28.5)[0]
    assert isinstance(found, Reading)
    assert found.value == pytest.approx(2800)


@given(st.lists(st.floats(0.1, 40), min_size=3, max_size=60), st.floats(100, 1e6))
def test_unwrapping_undoes_any_wrapping(steps: list[float], wraps_at: float) -> None:
    true = [sum(steps[:position]) for position in range(len(steps))]
    points = [(float(position), value % wraps_at) for position, value in enumerate(true)]
    assert [value for _, value in unwrapped(points, wraps_at)] == pytest.approx(true)


def test_a_counter_that_was_reset_is_not_taken_for_one_that_wrapped() -> None:
    observation = seen(({"name": "rapl/0-package-0", "wraps_at": 1000.0}, [100.0, 200.0, 300.0, 10.0, 110.0, 210.0]))
    found = energy(observation, 0.5, 4.5)[0]
    assert isinstance(found, NotMeasured)


def test_parts_are_not_added_to_their_whole_and_a_meter_at_the_wall_is_the_total() -> None:
    rising = [float(10 * second) for second in range(11)]
    package = ({"name": "rapl/0-package-0"}, rising)
    core = ({"name": "rapl/0.0-core", "whole": False}, rising)
    power: tuple[dict[str, Any], list[float | None]] = (
        {"name": "nvml/0/power", "quantity": "power", "kind": "gauge"},
        [50.0] * 11,
    )
    inside = total(energy(seen(package, core, power), 1, 9))
    assert isinstance(inside, Reading)
    assert inside.value == pytest.approx(8 * 60)
    wall: tuple[dict[str, Any], list[float | None]] = (
        {"name": "external/meter", "quantity": "power", "kind": "gauge"},
        [200.0] * 11,
    )
    outside = total(energy(seen(package, core, power, wall), 1, 9))
    assert isinstance(outside, Reading)
    assert outside.value == pytest.approx(8 * 200)


def test_one_device_without_a_value_leaves_no_total() -> None:
    rising: list[float | None] = [float(10 * second) for second in range(11)]
    gone: list[float | None] = [*rising[:4], *[None] * 7]
    readings = energy(seen(({"name": "nvml/0/energy"}, rising), ({"name": "nvml/1/energy"}, gone)), 1, 9)
    found = total(readings)
    assert isinstance(found, NotMeasured)
    assert found.what == "nvml/1/energy"


def test_a_device_that_shows_no_power_leaves_no_total_and_is_named() -> None:
    rising: list[float | None] = [float(10 * second) for second in range(11)]
    first = ({"name": "nvml/0/energy"}, rising)
    busy = ({"name": "nvml/1/utilisation", "quantity": "utilisation", "kind": "gauge"}, [0.5] * 11)
    assert total(energy(seen(first, busy), 1, 9)) == NotMeasured("nvml/1", "it shows no power or energy")


def test_a_device_without_any_channel_leaves_no_total_where_the_observer_names_it() -> None:
    observation = seen(({"name": "rapl/0-package-0"}, [float(10 * second) for second in range(11)]))
    named = [{"source": "nvml/0", "reason": "NVML: GPU 0 answers none of the queries"}]
    mixed = Observation.model_validate(observation.model_dump(by_alias=True) | {"unavailable": named})
    assert isinstance(total(energy(observation, 1, 9)), Reading)  # of a meter that is missing nothing follows
    assert total(energy(mixed, 1, 9)) == NotMeasured("nvml/0", named[0]["reason"])


def test_a_meter_at_the_wall_is_the_total_whatever_a_device_does_not_say() -> None:
    busy = ({"name": "nvml/1/utilisation", "quantity": "utilisation", "kind": "gauge"}, [0.5] * 11)
    gone: list[float | None] = [0.0, *[None] * 10]
    wall: tuple[dict[str, Any], list[float | None]] = (
        {"name": "external/meter", "quantity": "power", "kind": "gauge"},
        [200.0] * 11,
    )
    found = total(energy(seen(busy, ({"name": "nvml/0/energy"}, gone), wall), 1, 9))
    assert isinstance(found, Reading)
    assert found.value == pytest.approx(8 * 200)


def test_without_a_meter_the_reasons_are_the_answer() -> None:
    found = total(energy(seen(({"name": "cpu/busy", "quantity": "busy"}, [1.0, 2.0, 3.0])), 0, 2))
    assert isinstance(found, NotMeasured)
    assert "nvml: no GPU" in found.reason


def test_samples_that_begin_after_the_region_give_no_energy() -> None:
    rising: list[float | None] = [float(10 * second) for second in range(11)]
    found = energy(seen(({"name": "nvml/0/energy"}, rising)), -1, 9)[0]
    assert isinstance(found, NotMeasured)


def test_a_mean_is_weighted_by_time_and_a_peak_is_the_largest() -> None:
    observation = seen(({"name": "nvml/0/memory", "quantity": "memory", "kind": "gauge"}, [1.0, 3.0, 3.0, 2.0]))
    channel = observation.channels[0]
    mean, peak = (gauge(observation, channel, 0, 3, peak=peak) for peak in (False, True))
    assert mean is not None
    assert peak is not None
    assert (mean.value, peak.value) == (pytest.approx(7.5 / 3), 3.0)


def test_a_region_is_found_on_the_samples_clock() -> None:
    observation = seen(({"name": "nvml/0/energy"}, [1.0, 2.0, 3.0]))
    assert region(observation, 1e9 + 0.5, 1e9 + 1.5) == (0.5, 1.5)
    assert difference(observation, observation.channels[0], 0.5, 1.5) == pytest.approx(1.0)


def test_a_counter_that_was_not_read_for_half_a_minute_has_no_energy_for_it_may_have_wrapped() -> None:
    values: list[float | None] = [float(10 * second) for second in range(1000)]
    values[500:532] = [None] * 32
    [found] = energy(seen(({"name": "rapl/0-package-0", "wraps_at": 1000.0}, [v and v % 1000 for v in values])), 1, 998)
    assert isinstance(found, NotMeasured)
    assert "silent for 33 s" in found.reason


def test_a_period_that_is_only_declared_long_hides_no_gap() -> None:
    power = ({"name": "nvml/0/power", "quantity": "power", "kind": "gauge"}, [50.0, *[None] * 98, 50.0])
    observation = seen(power).model_copy(update={"period_s": 3600.0})
    assert isinstance(energy(observation, 1, 98)[0], NotMeasured)


def test_devices_that_show_no_power_of_the_whole_are_named() -> None:
    rail = ({"name": "ina3221/VDD_SOC", "quantity": "power", "kind": "gauge", "whole": False}, [1.0, 1.0, 1.0])
    found = total(energy(seen(rail), 0, 2))
    assert isinstance(found, NotMeasured)
    assert "ina3221: it shows no power or energy of the whole" in found.reason


@pytest.mark.parametrize("quantity", ["energy", "steal", "busy", "swap"])
def test_a_quantity_that_is_counted_is_no_gauge(quantity: str) -> None:
    with pytest.raises(ValidationError, match="is a counter"):
        seen(({"name": "a/b", "quantity": quantity, "kind": "gauge"}, [1.0, 2.0]))


@pytest.mark.parametrize("value", [1e308, -1e19, float("inf"), float("nan")])
def test_numbers_that_no_meter_gives_are_refused(value: float) -> None:
    with pytest.raises(ValidationError):
        seen(({"name": "a/b"}, [0.0, value]))


def test_a_region_after_the_wall_clock_was_set_is_found_by_the_clock_as_it_was_then() -> None:
    observation = seen(({"name": "nvml/0/energy"}, [float(at) for at in range(11)]))
    clocks = [{"monotonic_s": at, "wall_s": 1e9 + at + (100 if at > 5 else 0)} for at in (0.0, 6.0, 10.0)]
    moved = Observation.model_validate(observation.model_dump(by_alias=True) | {"clocks": clocks})
    assert region(moved, 1e9 + 2, 1e9 + 108) == (2, 8)


def test_a_counter_of_load_that_goes_back_is_said_to_be_unread() -> None:
    assert BEARS is not None
    steal = ({"name": "cpu/steal", "quantity": "steal"}, [5.0, 6.0, 1.0, 2.0])
    [found] = disturbances(seen(steal), 0.5, 2.5, 1, BEARS)
    assert "not read throughout" in found.what


def counter(name: str, quantity: str, per_second: float) -> tuple[dict[str, Any], list[float | None]]:
    return {"name": name, "quantity": quantity}, [per_second * second for second in range(21)]


def level(name: str, quantity: str, values: list[float | None]) -> tuple[dict[str, Any], list[float | None]]:
    return {"name": name, "quantity": quantity, "kind": "gauge"}, values


QUIET = (counter("cpu/busy", "busy", 1.02), counter("cpu/steal", "steal", 0.001), counter("memory/swap", "swap", 0))


@pytest.mark.parametrize(
    ("disturbed", "what"),
    [
        (counter("cpu/steal", "steal", 0.02), "hypervisor"),
        (counter("cpu/busy", "busy", 1.5), "other programs"),
        (counter("memory/swap", "swap", 1), "swapped"),
        (counter("cpu/throttled", "throttled", 0.1), "throttled"),
        (level("cpu/queue", "queue", [1.0, 3.0] * 10 + [1.0]), "wanted to run"),
        (level("cpu/frequency", "frequency", [3e9] * 10 + [2.5e9] * 11), "drifted"),
        (level("nvml/0/throttled", "throttled", [0.0] * 15 + [1.0] * 6), "slowed down"),
    ],
)
def test_each_disturbance_is_seen(disturbed: tuple[dict[str, Any], list[float | None]], what: str) -> None:
    assert BEARS is not None
    quiet = [one for one in QUIET if one[0]["name"] != disturbed[0]["name"]]
    assert not list(disturbances(seen(*QUIET), 1, 19, 1, BEARS))
    found = list(disturbances(seen(*quiet, disturbed), 1, 19, 1, BEARS))
    assert [what in one.what for one in found] == [True]


def test_a_wall_clock_that_was_set_is_seen() -> None:
    assert BEARS is not None
    observation = seen(*QUIET)
    clocks = [observation.clocks[0], observation.clocks[1].model_copy(update={"wall_s": 1e9 + 19})]
    found = list(disturbances(observation.model_copy(update={"clocks": clocks}), 1, 19, 1, BEARS))
    assert [one.what for one in found] == ["the wall clock was set"]
