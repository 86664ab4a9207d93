"""Power readings beside a run of a passing submission, for tests that then spoil them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.differential import passing


def timed(round_name: str, run: int = 0) -> tuple[int, int]:
    """When the clock of a run starts and stops, in ms."""
    lines = passing.records("llama2_70b_lora", round_name, run)
    start, stop = (next(line["time_ms"] for line in lines if line["key"] == key) for key in ("run_start", "run_stop"))
    return start, stop


def every_second(start: int, stop: int) -> list[tuple[int, float]]:
    """Readings as the rules have them: (ms, watts)."""
    return [(at, 900.0) for at in range(start - 1500, stop + 2000, 1000)]


def line(key: str, time_ms: Any, value: Any = None) -> dict[str, Any]:
    return {"key": key, "value": value, "time_ms": time_ms, "metadata": {}}


def text(readings: Iterable[tuple[Any, Any]], ends: tuple[Any, Any]) -> str:
    """A file of readings between a start and a stop of the measurement."""
    lines = [line("power_measurement_start", ends[0])]
    lines += [line("power_reading", at, watts) for at, watts in readings]
    return passing.text([*lines, line("power_measurement_stop", ends[1])])
