"""Progress of a LoadGen run is that of its slower part, and is not said to be over before it is."""

from __future__ import annotations

import time

import pytest

from suite.serve.guard import Progress


@pytest.mark.parametrize(
    ("passed_s", "done", "begun", "shown"),
    [
        (1, 2000, 2001, 10),  # samples enough, but not time
        (20, 250, 251, 25),  # time enough, but not samples
        (20, 3000, 6000, 50),  # Offline: all are there from the beginning
        (20, 6000, 6000, 99),
        (0, 0, 0, 0),
    ],
)
def test_it_is_by_time_or_by_samples(
    monkeypatch: pytest.MonkeyPatch, passed_s: int, done: int, begun: int, shown: int
) -> None:
    said: list[tuple[str, int, int]] = []
    monkeypatch.setattr(time, "monotonic", lambda: 64.0)
    progress = Progress(lambda *what: said.append(what), "Server TEST01", 10_000, 1000)
    monkeypatch.setattr(time, "monotonic", lambda: 64.0 + passed_s)
    progress(done, begun)
    assert said == [("Server TEST01", shown, 100)]


def test_without_a_duration_it_is_by_samples() -> None:
    said: list[int] = []
    progress = Progress(lambda _phase, step, _steps: said.append(step), "Offline accuracy", 0, 80)
    for done in (0, 20, 80):
        progress(done, 80)
    assert said == [0, 25, 99]
