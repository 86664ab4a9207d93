"""Links in a submission to MLPerf Training: followed within it as the official tools do, named where they lead out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from checker.core.findings import Report
from checker.families.mlperf_training.review import review
from checker.report.render import json
from tests.differential import passing

ROUND = "mlperf-training/5.1"
RESULT = "results/box/llama2_70b_lora"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    passing.organisation(tmp_path / "round" / "Example", ROUND)
    return tmp_path / "round" / "Example"


def verdicts(report: Report) -> dict[str, str | None]:
    return {item.path: item.official_verdict for item in report.items if item.kind == "result"}


def links(report: Report) -> set[tuple[str, str, str]]:
    return {(f.severity, f.rule, f.path) for f in report.findings if "links" in f.rule}


def test_results_and_logs_behind_links_are_judged(base: Path) -> None:
    (base / RESULT / "result_0.txt").rename(base / "kept.txt")
    (base / RESULT / "result_0.txt").symlink_to("../../../kept.txt")
    (base / "results").rename(base / "stored")
    (base / "results").symlink_to("stored")
    report = review(base.parent, ROUND, jobs=1)
    assert verdicts(report) == {f"Example/{RESULT}": "pass"}
    assert {(severity, rule) for severity, rule, _ in links(report)} == {("note", "repository-links-followed")}
    (score,) = report.scores
    assert score.training.score_s is not None


def test_a_system_that_is_a_link_is_judged_once_more(base: Path) -> None:
    (base / "results/two").symlink_to("box")
    shutil.copy(base / "systems/box.json", base / "systems/two.json")
    report = review(base.parent, ROUND, jobs=1)
    assert verdicts(report) == {f"Example/results/{system}/llama2_70b_lora": "pass" for system in ("box", "two")}
    assert "runs-original" in {finding.rule for finding in report.findings}


@pytest.mark.parametrize("target", ["nowhere", "result_0.txt", "../../../../secret.txt", "/etc/hostname"])
def test_a_log_that_leads_out_or_nowhere_is_an_error_and_is_not_read(base: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    (base / RESULT / "result_0.txt").unlink()
    (base / RESULT / "result_0.txt").symlink_to(target)
    report = review(base.parent, ROUND, jobs=1)
    assert verdicts(report) == {f"Example/{RESULT}": "fail"}
    assert links(report) == {("error", "repository-links-judged", f"Example/{RESULT}/result_0.txt")}
    assert "SECRET" not in json.render(report)


def test_a_link_to_nowhere_in_code_is_a_warning(base: Path) -> None:
    (base / "benchmarks").mkdir()
    (base / "benchmarks/model").symlink_to("nowhere")
    report = review(base.parent, ROUND, jobs=1)
    assert links(report) == {("warning", "repository-links", "Example/benchmarks/model")}
    assert verdicts(report) == {f"Example/{RESULT}": "pass"}


def test_an_organisation_may_be_a_link_within_the_round(base: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/results").mkdir(parents=True)
    (base.parent / "Other").symlink_to("Example")
    (base.parent / "Out").symlink_to(tmp_path / "elsewhere")
    report = review(base.parent, ROUND, jobs=2)
    assert verdicts(report) == {f"{name}/{RESULT}": "pass" for name in ("Example", "Other")}
    assert links(report) == {("warning", "repository-links", "Out")}
