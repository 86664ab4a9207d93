"""The observer's lines become one document: whatever they hold, however long, with a meter's file or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checker.machine.metering import METERS, NotMeasured, energy, total
from rules.errors import MachineError, UsageError
from rules.observation import Observation
from suite.images.matrix import matrix
from suite.meters.power_log import PowerLog
from suite.meters.sampler import ALWAYS, BYTES, VALUES, assembled, beside, encoded
from suite.sampler.__main__ import SOURCES

BOOTED = 1_790_000_000.0


def head(*names: str) -> dict[str, Any]:
    channels = [{"name": name, "quantity": "power", "source": "test", "kind": "gauge"} for name in names]
    return {"channels": channels, "unavailable": [], "period_s": 0.1}


def rows(seconds: float, channels: int = 1, period_s: float = 0.1) -> list[list[float]]:
    times = [1000 + round(i * period_s, 6) for i in range(int(seconds / period_s) + 1)]
    return [[time, BOOTED + time, *[12345.123456] * channels] for time in times]


@pytest.mark.parametrize("channels", [6, 63])
def test_an_hour_stays_readable_and_keeps_a_sample_a_second(channels: int) -> None:
    seen = assembled(
        head(*(f"nvml/{i}/power" for i in range(channels))), rows(1800 if channels > 6 else 3600, channels)
    )
    assert (channels + 1) * len(seen.times_s) <= VALUES
    assert len(encoded(seen)) <= BYTES
    assert seen.period_s <= 1.0
    assert len(seen.times_s) >= seen.times_s[-1] - seen.times_s[0]
    assert Observation.model_validate_json(encoded(seen)) == seen


def test_a_device_beyond_the_channels_that_a_document_holds_leaves_no_sum() -> None:
    names = [f"nvml/{i}/power" for i in range(513)]
    seen = assembled(head(*names), rows(1.0, len(names)))
    assert total(energy(seen, 1000.1, 1000.9)) == NotMeasured("nvml/512", seen.unavailable[0].reason)


def test_lines_that_were_cut_short_or_came_twice_are_left_out() -> None:
    lines = rows(1.0)
    seen = assembled(head("nvml/0/power"), [*lines[:5], lines[4], lines[5][:2], *lines[6:]])
    assert len(seen.times_s) == len(lines) - 1


@pytest.mark.parametrize(
    ("first", "lines"),
    [
        ({}, rows(1)),
        (head("a/b"), []),
        (head("a/b"), [[1.0]]),
        (head("a/b"), [[1.0, 2.0, "x"]]),
        (head("a b"), rows(1)),
    ],
)
def test_lines_that_make_no_document_are_an_error_with_a_sentence(first: dict[str, Any], lines: list[Any]) -> None:
    with pytest.raises(MachineError, match="output cannot be used"):
        assembled(first, lines)


def test_a_wall_clock_that_moves_is_kept_moment_by_moment() -> None:
    lines = [[time, wall + (5.0 if time >= 1001 else 0.0), value] for time, wall, value in rows(2.0)]
    offsets = [round(clock.wall_s - clock.monotonic_s - BOOTED, 6) for clock in assembled(head("a/b"), lines).clocks]
    assert offsets == [0.0, 5.0, 5.0]


def test_a_power_log_becomes_a_channel_at_its_own_times(tmp_path: Path) -> None:
    log = tmp_path / "wall.csv"
    log.write_text("".join(f"{BOOTED + 1000.05 + 0.5 * i + 2},{100 + i}\n" for i in range(5)))
    seen = assembled(head("nvml/0/power"), rows(2.0), PowerLog(log, ahead_s=2.0))
    assert seen.channels[1].name == "external/wall"
    assert "+2 s ahead" in seen.channels[1].source
    told = [(time, value) for time, value in zip(seen.times_s, seen.values[1], strict=True) if value is not None]
    assert told == [(pytest.approx(1000.05 + 0.5 * i), 100.0 + i) for i in range(5)]
    assert seen.values[0].count(None) == 5


def test_a_power_log_that_fails_after_the_run_costs_the_channel_only(tmp_path: Path) -> None:
    seen = assembled(head("nvml/0/power"), rows(1.0), PowerLog(tmp_path / "gone.csv"))
    assert [(one.source, one.reason) for one in seen.unavailable] == [
        ("external", "the power log: there is no such file")
    ]
    assert len(seen.times_s) == 11


def test_a_target_whose_meter_is_outside_says_that_no_file_was_given() -> None:
    [one] = assembled(head("a/b"), rows(1.0), expects_log=True).unavailable
    assert one.source == "external"
    assert "--power-log" in one.reason


@pytest.mark.parametrize(("cpuset", "its"), [("0-1", ""), ("0", ""), ("1", "0"), ("2-3", "0"), ("10-11", "0")])
def test_it_keeps_off_the_runs_processors_where_it_can(cpuset: str, its: str) -> None:
    assert beside(cpuset) == its


def test_stamps_are_unix_seconds_iso_or_those_of_mlperf(tmp_path: Path) -> None:
    log = tmp_path / "spl.txt"
    log.write_text(
        "Time,01-31-2026 12:00:00.500,Watts,100.5,Volts,230,Mark,x\n"
        "Time,01-31-2026 12:00:01.500,Watts,-1.0,Volts,230,Mark,x\n"
    )
    assert PowerLog(log).samples(0, 1e12) == [(1769860800.5, 100.5), (1769860801.5, None)]
    log.write_text(
        "timestamp,watts\n2026-01-31T13:00:00.5+01:00,1\n2026-01-31T12:00:01.5,2\n1769860802.5,3\n4,unfinished"
    )
    assert PowerLog(log).samples(0, 1e12) == [(1769860800.5, 1.0), (1769860801.5, 2.0), (1769860802.5, 3.0)]
    assert PowerLog(log).samples(1769860801, 1769860802) == [(1769860801.5, 2.0)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1000,50\n900,50\n", "line 2 is not later"),
        ("1000,50\n1001,fifty\n", "line 2 is not a time and a power"),
        ("Time,31-31-2026 12:00:00.5,Watts,5\n", "line 1 is not a time and a power"),
        ("Time,01-31-2026 12:00:00.5,Volts,5\n", "line 1 is not a time and a power"),
        ("1,2,3\n", "line 1 is not a time and a power"),
        ("nan,5\n", "line 1 is not a time and a power"),
        ("\x1b[2J,5\n", "line 1 is not a time and a power"),
        ("9" * 5000 + ",1\n", "line 1 is not a time and a power"),
    ],
)
def test_a_power_log_with_a_line_that_cannot_be_read_is_refused(tmp_path: Path, text: str, why: str) -> None:
    log = tmp_path / "log.csv"
    log.write_text(text)
    with pytest.raises(UsageError, match=why) as refused:
        PowerLog(log).require()
    assert "\x1b" not in refused.value.message


def test_a_power_log_that_is_a_folder_or_absent_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match=r"not a file|no such file"):
            PowerLog(path).require()


def test_every_meter_of_a_target_is_one_that_is_read_and_that_the_rules_know() -> None:
    for name, kind in matrix().targets.items():
        assert {*kind.meters} <= {*METERS}, name
        assert {*kind.meters} - {"external"} <= {*SOURCES}, name
    assert {*ALWAYS} <= {*SOURCES}
