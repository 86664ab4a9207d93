"""Power beside a run: rare, late, few and impossible readings are named with the file and the line that shows them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from checker.core.findings import Finding
from checker.families.mlperf_training.review import review
from tests.differential import passing
from tests.unit.training import powering

ROUND = "mlperf-training/5.1"
RESULT = "results/box/llama2_70b_lora"
FILE = f"{RESULT}/power/result_0/node_0.txt"
RULES = ("power-cadence", "power-covers-run", "power-samples", "power-plausible")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A passing submission without power data."""
    return passing.organisation(tmp_path_factory.mktemp("power") / "Example", ROUND)


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "Example")


START, STOP = powering.timed(ROUND)
EVERY_SECOND = powering.every_second(START, STOP)
line = powering.line


def write(
    root: Path, readings: Iterable[tuple[Any, Any]], name: str = "node_0", ends: tuple[Any, Any] | None = None
) -> None:
    """Write one file of readings (ms, watts) for run 0, between a start and a stop of the measurement."""
    path = root / RESULT / "power" / "result_0" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(powering.text(readings, ends or (START - 2000, STOP + 3000)))


def said(root: Path) -> dict[str, Finding]:
    findings = [finding for finding in review(root, ROUND).findings if finding.rule in RULES]
    assert len({finding.rule for finding in findings}) == len(findings)
    assert all(finding.severity == "warning" for finding in findings)
    return {finding.rule: finding for finding in findings}


def test_a_reading_every_second_is_as_the_rules_have_it(root: Path) -> None:
    write(root, EVERY_SECOND)
    assert said(root) == {}


def test_whole_seconds_that_skip_one_now_and_then_are_too(root: Path) -> None:
    """As published meters are: asked every 1.05 seconds, stamped in whole ones."""
    readings = [(int(START / 1000 - 2 + second * 1.05) * 1000, 900) for second in range(int((STOP - START) / 1000))]
    write(root, [one for one in readings if one[0] <= STOP + 2000])
    assert said(root) == {}


def test_a_reading_every_two_seconds_is_too_rare(root: Path) -> None:
    write(root, EVERY_SECOND[::2])
    found = said(root)
    assert list(found) == ["power-cadence"]
    assert "every 2.00 s on average" in found["power-cadence"].message


def test_the_longest_gap_is_named_with_its_length_and_the_line_after_it(root: Path) -> None:
    readings = [one for one in EVERY_SECOND if not START + 100_000 < one[0] < START + 123_000]
    write(root, [one for one in readings if not START + 300_000 < one[0] < START + 305_000])
    (finding,) = said(root).values()
    after = next(number for number, (at, _) in enumerate(readings, 2) if at > START + 100_000)
    assert (finding.rule, finding.path, finding.line) == ("power-cadence", FILE, after)
    assert finding.found == "24.0 s without a reading"


def test_gaps_before_and_after_the_run_are_nobodys_matter(root: Path) -> None:
    write(root, [(START - 90_000, 200), *EVERY_SECOND, (STOP + 90_000, 200)])
    assert said(root) == {}


def test_readings_of_another_time_zone_lie_outside_the_run(root: Path) -> None:
    """As a round has published it: a switch's readings, five hours before the run."""
    write(root, EVERY_SECOND)
    write(root, [(at - 18_000_000, 680) for at, _ in EVERY_SECOND], "sw_0")
    (finding,) = said(root).values()
    assert (finding.rule, finding.path) == ("power-covers-run", FILE.replace("node_0", "sw_0"))
    assert "before it starts" in finding.message


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        ([one for one in EVERY_SECOND if one[0] > START + 39_000], "begins 39."),
        ([one for one in EVERY_SECOND if one[0] < STOP - 10_000], "before run_stop"),
        ([], "holds no reading"),
    ],
)
def test_a_measurement_that_misses_part_of_the_run_says_how_much(
    root: Path, readings: list[tuple[int, float]], words: str
) -> None:
    write(root, readings)
    assert words in said(root)["power-covers-run"].message


def test_a_measurement_that_stops_as_it_starts_gives_no_energy(root: Path) -> None:
    """As a round has published it; the official summariser divides by zero there."""
    write(root, EVERY_SECOND, ends=(START - 2000, START - 2000))
    found = said(root)["power-covers-run"]
    assert found.line == len(EVERY_SECOND) + 2
    assert "power_measurement_stop" in found.message


def test_fewer_than_sixty_readings_are_too_few(root: Path) -> None:
    write(root, EVERY_SECOND[:59])
    found = said(root)["power-samples"]
    assert (found.expected, found.found) == ("at least 60", "59")
    write(root, EVERY_SECOND[:60])
    assert "power-samples" not in said(root)


@pytest.mark.parametrize("watts", [-43, 0, float("nan"), float("inf"), None, "900", True, [900], -0.0])
def test_a_reading_that_no_machine_draws_is_named_at_its_line(root: Path, watts: object) -> None:
    readings: list[tuple[int, object]] = [*EVERY_SECOND]
    readings[70] = (readings[70][0], watts)
    write(root, readings)
    (finding,) = said(root).values()
    assert (finding.rule, finding.path, finding.line) == ("power-plausible", FILE, 72)


def test_a_switch_may_be_estimated(root: Path) -> None:
    write(root, EVERY_SECOND)
    switch = root / FILE.replace("node_0", "sw_0")
    switch.write_text(passing.text([line("interconnect_power_est", START, 600), line("conversion_eff", START, 0.94)]))
    assert said(root) == {}


def test_files_of_one_result_are_one_finding_at_the_worst(root: Path) -> None:
    for node in range(8):
        write(root, EVERY_SECOND[:: node + 1], f"node_{node}")
    found = said(root)["power-cadence"]
    assert found.path == FILE.replace("node_0", "node_7")
    assert "the worst of 7 such files, of 8" in found.message


@pytest.mark.parametrize("time", [float("nan"), float("inf"), -1e30, 0, 1e308])
def test_times_of_any_kind_are_no_defect(root: Path, time: float) -> None:
    write(root, [*EVERY_SECOND, (time, 900)], ends=(time, time))
    assert not [finding for finding in review(root, ROUND).findings if "defect" in finding.rule]


def test_a_file_of_anything_is_no_defect(root: Path, tmp_path: Path) -> None:
    write(root, EVERY_SECOND)
    folder = (root / FILE).parent
    (folder / "node_1.txt").write_bytes(bytes(range(256)) * 100)
    (folder / "node_2.txt").write_bytes(b"")
    (folder / "node_3.txt").mkdir()
    (folder / "node_4.txt").symlink_to(tmp_path)
    report = review(root, ROUND)
    assert not [finding for finding in report.findings if "defect" in finding.rule]
