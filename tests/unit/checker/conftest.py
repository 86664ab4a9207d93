"""Rounds with reference runs, and valid submissions to change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rules.workload
from checker.review import program
from rules.ruleset import load
from rules.workload import workload_rules
from tests.unit.checker.submissions import WORKLOAD, Built, Settings, at, sha


def forget() -> None:
    for cached in (load, workload_rules, program):
        cached.cache_clear()


@pytest.fixture
def rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the rule sets, whose reference runs are known to the tests."""
    root = tmp_path / "rules"
    shutil.copytree(rules.workload.ROOT / "assay", root / "assay")
    references = root / "assay/1.0/references" / f"{WORKLOAD}.json"
    references.parent.mkdir(exist_ok=True)
    runs: list[dict[str, Any]] = [
        {"framework": "pytorch", "seed": seed, "samples": samples, "log_sha256": sha(f"log {seed}")}
        for seed, samples in enumerate([at(1), at(2), at(3), at(4)] * 6)
    ]
    references.write_text(json.dumps(runs))
    monkeypatch.setattr(rules.workload, "ROOT", root)
    forget()
    yield root
    forget()


@pytest.fixture
def built(tmp_path: Path, rounds: Path) -> Callable[..., Built]:
    """Build a valid submission; arguments are those of Settings."""

    def build(**settings: Any) -> Built:
        return Built(tmp_path / "submissions", Settings(**settings)).build()

    return build
