"""A round that extends the newest and changes a few numbers is run by its name, and what comes out is judged by it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import checker
import rules.round
from suite.cli import app
from tests.unit.rounds import forget

pytestmark = [pytest.mark.engine, pytest.mark.image, pytest.mark.machine]

WORKLOAD = "image-classification"
# Family, what its round changes of the workload, what is asked of `assay run` besides.
TRAINING = ("assay", "{quality: {target: 0.05}, evaluation: {first_step: 2, every_steps: 2}, runs: {open: 1}}", ())
INFERENCE = (
    "assay-inference",
    "scenarios: {SingleStream: {min_duration_ms: 400, min_query_count: 64}}",
    ("--scenario", "SingleStream", "--framework", "onnxruntime"),
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of all rounds, to add one to."""
    root = tmp_path / "rules"
    shutil.copytree(rules.round.ROOT, root, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(rules.round, "ROOT", root)
    yield root
    forget()


@pytest.mark.parametrize(("family", "change", "words"), [TRAINING, INFERENCE], ids=["training", "inference"])
def test_a_new_round_is_run_and_checked_by_its_name(
    client: object, root: Path, tmp_path: Path, family: str, change: str, words: tuple[str, ...]
) -> None:
    name = f"{family}/99.0"
    for file, text in (("ruleset.yaml", f"extends: {family}/1.0"), (f"workloads/{WORKLOAD}.yaml", change)):
        (root / name / file).parent.mkdir(parents=True, exist_ok=True)
        (root / name / file).write_text(text)
    forget()
    out = tmp_path / "out"
    asked = ["run", WORKLOAD, "--round", name, "--division", "open", "--submitter", "tests", *words]
    ran = CliRunner().invoke(app, [*asked, "--output", str(out), "--wait"])
    assert ran.exit_code == 0, ran.output
    [submission] = out.glob("*/open/tests")
    report = checker.check(submission)
    assert (report.ruleset, report.verdict) == (name, "pass")
    records = [json.loads(path.read_bytes()) for path in (*out.rglob("result_*.json"), *out.rglob("record.json"))]
    assert {record["ruleset"] for record in records} == {name}
