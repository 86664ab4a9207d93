"""NVML as the observer reads it, through the real `nvidia-ml-py`, from a compiled stand-in with a known power curve."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from checker.machine.energy import above_idle
from checker.machine.metering import NotMeasured, Reading, energy, gauge, total
from rules.observation import Observation
from suite.meters.sampler import assembled

CURVE = [(0.0, 60.0), (1.0, 60.0), (1.5, 300.0), (2.5, 250.0), (3.0, 90.0), (6.0, 90.0)]  # seconds, watts
STARTING_S = 0.6
Observe = Callable[..., tuple[Observation, float]]


Curve = list[tuple[float, float]]


def joules(since: float, until: float) -> float:
    """The curve's integral: trapezoids on a fine grid."""
    steps = 20_000
    width = (until - since) / steps
    return sum(watts(since + (step + 0.5) * width) for step in range(steps)) * width


def watts(second: float) -> float:
    for (since, low), (until, high) in pairwise(CURVE):
        if second <= until:
            return low + (high - low) * max(0.0, second - since) / (until - since)
    return CURVE[-1][1]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build the stand-in for libnvidia-ml.so.1 with")
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("nvml_stand_in.c")
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror"]
    subprocess.run([compiler, *flags, "-o", folder / "libnvidia-ml.so.1", source, "-lm"], check=True)
    return folder


@pytest.fixture
def observe(library: Path, tmp_path: Path) -> Observe:
    """Watch the stand-in for 4.2 s; return what was observed and the monotonic time of the curve's zero."""

    def watch(
        seconds: float = 4.2, period_s: float = 0.1, curve: Curve = CURVE, **how: object
    ) -> tuple[Observation, float]:
        (tmp_path / "job.json").write_text(json.dumps({"period_s": period_s, "sources": ["nvml"]}))
        zero = time.monotonic() + STARTING_S
        environment = os.environ | {"LD_LIBRARY_PATH": str(library), "NVML_ZERO": str(zero)}
        environment["NVML_CURVE"] = ",".join(f"{at}:{power}" for at, power in curve)
        environment |= {f"NVML_{name.upper()}": str(value) for name, value in how.items()}
        command = [sys.executable, "-m", "suite.sampler", str(tmp_path)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            time.sleep(seconds + STARTING_S)
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate()
        lines = [json.loads(line) for line in said.splitlines()]
        return assembled(lines[0], lines[1:]), zero

    return watch


def measured(observation: Observation, zero: float, since: float, until: float) -> Reading:
    found = total(energy(observation, zero + since, zero + until))
    assert isinstance(found, Reading), found
    return found


@pytest.mark.parametrize("update", [0.0, 0.02, 0.1])
def test_the_energy_counter_is_read_within_half_a_per_cent(observe: Observe, update: float) -> None:
    observation, zero = observe(update=update)
    found = measured(observation, zero, 0.3, 3.9)
    # A counter is behind by up to an update, at both ends; where power differs there, so do the joules, however long.
    behind = update * abs(watts(0.3) - watts(3.9))
    assert found.value == pytest.approx(joules(0.3, 3.9), abs=0.005 * joules(0.3, 3.9) + behind)
    assert abs(found.value / joules(0.3, 3.9) - 1) <= found.uncertainty
    assert found.channel.source == "NVML TotalEnergyConsumption"


@pytest.mark.parametrize("how", [{"update": 0.0}, {"update": 0.02}, {"update": 0.1}, {"no_energy": 1}])
def test_energy_above_the_idle_machines_is_right_within_half_a_per_cent(
    observe: Observe, how: dict[str, float]
) -> None:
    at_rest, _ = observe(seconds=8.0, curve=[(0.0, 60.0), (60.0, 60.0)], **how)
    observation, zero = observe(**how)
    found = above_idle([measured(observation, zero, 0.3, 3.9)], [3.6], at_rest)
    wanted = joules(0.3, 3.9) - 60.0 * 3.6
    behind = how.get("update", 0) * abs(watts(0.3) - watts(3.9))  # as above
    assert found.watts == pytest.approx(60.0, rel=0.005)
    assert found.joules == pytest.approx(wanted, abs=0.005 * wanted + behind)
    assert found.joules is not None
    assert found.uncertainty is not None
    assert abs(found.joules / wanted - 1) <= found.uncertainty


def test_power_alone_is_integrated_within_its_stated_uncertainty(observe: Observe) -> None:
    observation, zero = observe(no_energy=1)
    found = measured(observation, zero, 0.3, 3.9)
    assert found.channel.source == "NVML PowerUsage"
    assert found.value == pytest.approx(joules(0.3, 3.9), rel=0.005)
    assert abs(found.value / joules(0.3, 3.9) - 1) <= found.uncertainty


def test_a_counter_that_stands_still_is_not_a_machine_without_power(observe: Observe) -> None:
    observation, zero = observe(seconds=6.0, stall=2.0)
    found = energy(observation, zero + 0.3, zero + 5.8)[0]
    # The power of the same GPU was still there: it is taken, and says so.
    assert isinstance(found, Reading)
    assert found.channel.source == "NVML PowerUsage"
    assert found.value == pytest.approx(joules(0.3, 5.8), rel=0.005)


def test_a_gpu_that_vanishes_leaves_no_energy(observe: Observe) -> None:
    observation, zero = observe(vanish=2.0)
    found = energy(observation, zero + 0.3, zero + 3.9)[0]
    assert isinstance(found, NotMeasured)
    assert found.reason.endswith("% of the timed region only")
    assert isinstance(total([found]), NotMeasured)


def test_memory_and_utilisation_come_with_their_unit(observe: Observe) -> None:
    observation, zero = observe(seconds=1.5)
    by_name = {channel.name: channel for channel in observation.channels}
    peak = gauge(observation, by_name["nvml/0/memory"], zero, zero + 1, peak=True)
    busy = gauge(observation, by_name["nvml/0/utilisation"], zero, zero + 1, peak=False)
    assert peak is not None
    assert busy is not None
    assert (peak.value, busy.value) == (3 << 30, pytest.approx(0.75))


@pytest.mark.parametrize(
    ("how", "device", "why"),
    [
        ({"unmetered": 1}, "nvml/1", "it shows no power or energy"),
        ({"silent": 1}, "nvml/1", "NVML: GPU 1 answers none of the queries"),
        ({"gone": 0}, "nvml/0", "NVML: GPU 0: GPU is lost"),
    ],
)
def test_one_gpu_of_two_without_a_meter_leaves_no_sum(
    observe: Observe, how: dict[str, int], device: str, why: str
) -> None:
    observation, zero = observe(seconds=1.5, count=2, **how)
    readings = energy(observation, zero + 0.2, zero + 1.2)
    assert sum(isinstance(reading, Reading) for reading in readings) == 1
    assert total(readings) == NotMeasured(device, why)


def test_two_gpus_are_added(observe: Observe) -> None:
    observation, zero = observe(count=2, update=0.0)
    assert measured(observation, zero, 0.3, 3.9).value == pytest.approx(2 * joules(0.3, 3.9), rel=0.005)


def test_a_gpu_that_answers_nothing_is_there_all_the_same(observe: Observe) -> None:
    observation, _ = observe(seconds=0.5, silent=0)
    assert observation.channels == []
    said = [(one.source, one.reason) for one in observation.unavailable]
    assert said == [("nvml/0", "NVML: GPU 0 answers none of the queries")]
    observation, _ = observe(seconds=0.5, count=0)
    assert [(one.source, one.reason) for one in observation.unavailable] == [("nvml", "NVML: no GPU")]


def test_without_a_driver_the_reason_is_given(library: Path, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps({"period_s": 0.1, "sources": ["nvml"]}))
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    command = ["timeout", "1.5", sys.executable, "-m", "suite.sampler", str(tmp_path)]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
    head = json.loads(said.splitlines()[0])
    assert head["channels"] == []
    assert "NVML" in head["unavailable"][0]["reason"]
