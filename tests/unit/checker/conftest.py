"""Rounds with reference runs, and valid submissions to change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import checker.families.assay.review
import rules.round
from tests.unit.checker.submissions import (
    CERTIFICATE,
    PUBLISHED,
    REFERENCES,
    Built,
    Settings,
    at,
    sha,
    source_sha256,
)
from tests.unit.rounds import forget


@pytest.fixture(autouse=True)
def _uncontained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of a judge fails the test it shows in, instead of becoming a finding."""
    monkeypatch.setattr(checker.families.assay.review, "contained", lambda unit, path, judging: judging)


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the rule sets, whose reference runs are known to the tests."""
    root = tmp_path_factory.mktemp("rounds") / "rules"
    for family in ("assay", "assay-inference"):
        shutil.copytree(rules.round.ROOT / family, root / family)
    for family in ("mlperf-inference", "mlperf-training", "mlperf-hpc", "mlperf-tiny"):
        (root / family).symlink_to(rules.round.ROOT / family)
    references = root / REFERENCES
    samples = [at(1), at(2), at(3), at(4)] * 6
    runs: list[dict[str, Any]] = [
        {"framework": "pytorch", "seed": seed, "samples": seen, "log_sha256": sha(f"log {seed}")}
        for seed, seen in enumerate(samples)
    ]
    references.write_text(json.dumps(runs))
    (root / CERTIFICATE).write_text(json.dumps({**PUBLISHED, "source_sha256": source_sha256()}))
    listed = root / "assay/1.0/published.yaml"
    listed.write_text(listed.read_text().replace(PUBLISHED["source_sha256"], source_sha256()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules.round, "ROOT", root)
        forget()
        yield root
    forget()


@pytest.fixture
def built(tmp_path: Path, rounds: Path) -> Iterator[Callable[..., Built]]:
    """Build a valid submission; arguments are those of Settings."""
    references = rounds / REFERENCES
    kept = references.read_bytes()

    def build(**settings: Any) -> Built:
        return Built(tmp_path / "submissions", Settings(**settings)).build()

    yield build
    references.write_bytes(kept)
