"""What the supervisor reads of its container's control group, on trees laid out as both versions have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.harness.transport import supervisor

V1 = {"memory/memory.max_usage_in_bytes": "734003200\n", "memory/memory.oom_control": "under_oom 0\noom_kill 2\n"}
V2 = {"memory.peak": "734003200\n", "memory.events": "low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\n"}


def laid_out(monkeypatch: pytest.MonkeyPatch, root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    moved = [(root / path.relative_to(supervisor.CGROUP), source) for path, source in supervisor.PEAK]
    monkeypatch.setattr(supervisor, "PEAK", tuple(moved))
    kills = tuple(root / path.relative_to(supervisor.CGROUP) for path in supervisor.KILLS)
    monkeypatch.setattr(supervisor, "KILLS", kills)


@pytest.mark.parametrize(
    ("files", "source", "kills"), [(V1, "cgroup-v1 max_usage", 2), (V2, "cgroup-v2 memory.peak", 1)]
)
def test_peak_and_kills_are_the_kernels_own(monkeypatch, tmp_path: Path, files, source: str, kills: int) -> None:
    laid_out(monkeypatch, tmp_path, files)
    assert supervisor.peak_memory() == {"peak_bytes": 734003200, "source": source}
    assert supervisor.oom_kills() == kills


def test_a_kernel_that_does_not_say_leaves_nothing(monkeypatch, tmp_path: Path) -> None:
    laid_out(monkeypatch, tmp_path, {"memory.peak": "max\n"})
    assert supervisor.peak_memory() is None
    assert supervisor.oom_kills() == 0
