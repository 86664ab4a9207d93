"""The round with shorter runs, and a real result measured by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

import checker.families.assay.review
import rules.round
from tests.unit.rounds import forget
from tests.unit.serving.trees import WORKLOADS, Measured, unpack


@pytest.fixture(autouse=True)
def _uncontained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of a judge fails the test it shows in, instead of becoming a finding."""
    monkeypatch.setattr(checker.families.assay.review, "contained", lambda unit, path, judging: judging)


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real submission of each workload, and the rules by which it was made."""
    folder = tmp_path_factory.mktemp("measured")
    for workload in WORKLOADS:
        unpack(folder / workload, workload)
    return folder


@pytest.fixture(scope="module")
def short_round(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The rule sets, with the shorter runs of the packed results."""
    import shutil

    root = tmp_path_factory.mktemp("rounds") / "rules"
    for family in ("assay", "assay-inference"):
        shutil.copytree(rules.round.ROOT / family, root / family)
    for workload in WORKLOADS:
        for packed in (unpacked / workload / "rules").rglob("*.yaml"):
            _lay_over(packed, root / packed.relative_to(unpacked / workload / "rules"))
    for family in ("mlperf-inference", "mlperf-training", "mlperf-hpc", "mlperf-tiny"):
        (root / family).symlink_to(rules.round.ROOT / family)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules.round, "ROOT", root)
        forget()
        yield root
    forget()


def _lay_over(packed: Path, file: Path) -> None:
    """Put what packed rules say into a rule file, which keeps what it says beyond them."""
    said = {**yaml.safe_load(file.read_bytes()), **yaml.safe_load(packed.read_bytes())}
    file.write_text(yaml.safe_dump(said))


@pytest.fixture
def measured(tmp_path: Path, unpacked: Path, short_round: Path) -> Callable[..., Measured]:
    """Give a fresh copy of the real submission of a workload."""

    def fresh(workload: str = "image-classification") -> Measured:
        return Measured(unpacked / workload / "submissions", tmp_path)

    return fresh
