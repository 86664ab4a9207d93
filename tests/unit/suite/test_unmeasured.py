"""Jobs of which no result is made get what a measured run gets of the target: its devices, the tuned memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rules.workload import workload_rules
from suite.images.matrix import target
from suite.training import unmeasured
from tests.unit.suite.test_submission import IMAGE


@pytest.mark.parametrize("mode", ["train", "parity", "profile"])
@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_a_job_has_the_devices_of_its_target(name: str, mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(unmeasured, "run_job", lambda *given: asked.extend(given))
    runner: Any = SimpleNamespace(image=IMAGE.model_copy(update={"target": name}))
    rules = workload_rules("assay/1.0", "image-classification")
    unmeasured.Unmeasured("assay/1.0", rules, {"x.py": b""}, {}).run(runner, mode, "1", seed=5)
    _, job, files, limits, limit_s, _ = asked
    assert limits.access == target(name).access
    assert (limits.cpuset, limits.memory_bytes, limit_s) == ("1", 4096 << 20, rules.time_limit_s)
    assert (job["mode"], job["seed"], job["target"], files) == (mode, 5, name, [("source/x.py", b"")])
