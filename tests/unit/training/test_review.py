"""The review of a round under bad input: a finding for each fault, and everything else still judged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from checker.core.findings import Report
from checker.families.mlperf_training.review import review
from checker.report.render import github, text
from checker.report.render import json as as_json
from rules.errors import NothingToCheckError, UsageError
from tests.differential import passing

ROUND = "mlperf-training/5.1"
RESULT = "results/box/llama2_70b_lora"


@pytest.fixture
def round_(tmp_path: Path) -> Path:
    """Two organisations, in a round."""
    passing.organisation(tmp_path / "round" / "Other", ROUND, ("llama31_405b",), begins_hours=5000)
    passing.organisation(tmp_path / "round" / "Example", ROUND)
    return tmp_path / "round"


def rules(report: Report, path: str) -> set[str]:
    return {finding.rule for finding in report.findings if finding.path == path}


def official(report: Report, path: str) -> str | None:
    return next(item.official_verdict for item in report.items if item.path == path and item.kind != "rcp")


def rendered(report: Report) -> None:
    schema = json.loads((Path(__file__).parents[3] / "rules/schemas/report.json").read_text())
    jsonschema.validate(json.loads(as_json.render(report)), schema)
    assert text.render(report, colour=False).replace("\n", "").isprintable()
    assert github.render(report) is not None


def test_a_passing_round_passes_and_its_report_is_valid(round_: Path) -> None:
    report = review(round_, ROUND)
    assert report.verdict == "pass"
    rendered(report)


def test_a_path_that_is_not_there_is_a_usage_error_and_an_empty_one_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        review(tmp_path / "nothing", ROUND)
    with pytest.raises(NothingToCheckError):
        review(tmp_path, ROUND)
    with pytest.raises(NothingToCheckError):
        review(tmp_path, ROUND, logs_only=True)


@pytest.mark.parametrize(
    "content",
    [b"", bytes(range(256)) * 100, b"\xff\xfe" * 50, b":::MLLOG " + b"[" * 200_000, b":::MLLOG " + b"x" * 5_000_000],
    ids=["empty", "binary", "utf-16", "deep", "long"],
)
def test_a_log_of_anything_fails_alone(round_: Path, content: bytes) -> None:
    (round_ / "Example" / RESULT / "result_0.txt").write_bytes(content)
    report = review(round_, ROUND)
    assert official(report, f"Example/{RESULT}/result_0.txt") == "fail"
    assert official(report, f"Example/{RESULT}/result_1.txt") == "pass"
    assert official(report, "Other") == "pass"
    rendered(report)


def test_links_out_pipes_and_cycles_are_named_and_nothing_outside_is_read(round_: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    folder = round_ / "Example" / RESULT
    (folder / "result_0.txt").unlink()
    (folder / "result_0.txt").symlink_to(secret)
    (folder / "loop").symlink_to(".")
    (round_ / "Example" / "results" / "cycle").symlink_to(round_ / "Example" / "results")
    (round_ / "Third").symlink_to(tmp_path)
    (folder / "result_1.txt").unlink()
    os.mkfifo(folder / "result_1.txt")
    report = review(round_, ROUND)
    assert "repository-links-judged" in rules(report, f"Example/{RESULT}/result_0.txt")
    assert "repository-links-followed" in rules(report, f"Example/{RESULT}/loop")
    assert "repository-links-judged" in rules(report, "Example/results/cycle")  # by a path from the machine's root
    assert "repository-links" in rules(report, "Third")
    assert official(report, f"Example/{RESULT}/result_1.txt") == "fail"
    assert official(report, "Example") == "fail"
    assert official(report, "Other") == "pass"
    assert "SECRET" not in as_json.render(report)


def test_names_with_control_characters_reach_no_terminal(round_: Path) -> None:
    (round_ / "Example" / RESULT / "\x1b[31m\u202e.txt").write_text("x")
    (round_ / "Example" / "results" / "a\nb" / "rgat").mkdir(parents=True)
    rendered(review(round_, ROUND))


@pytest.mark.parametrize("document", ["", "[]", "5", '"division"', '{"division": NaN}', "{" * 100_000, "\ufeff{}"])
def test_any_description_is_a_finding_and_the_rest_is_judged(round_: Path, document: str) -> None:
    (round_ / "Example" / "systems" / "box.json").write_text(document)
    report = review(round_, ROUND)
    assert official(report, "Example/systems/box.json") == "fail"
    assert official(report, f"Example/{RESULT}/result_0.txt") == "pass"
    assert official(report, "Other") == "pass"
    rendered(report)


@pytest.mark.parametrize("time", [float("nan"), float("inf"), -1e30, "12", 0])
def test_times_of_any_kind_make_a_valid_report(round_: Path, time: object) -> None:
    for run in range(10):
        lines = passing.records("llama2_70b_lora", ROUND, run)
        lines[-1]["time_ms"] = time
        (round_ / "Example" / RESULT / f"result_{run}.txt").write_text(passing.text(lines))
    rendered(review(round_, ROUND))


def test_batch_sizes_that_differ_are_said_to_differ(round_: Path) -> None:
    path = round_ / "Example" / RESULT / "result_4.txt"
    path.write_text(
        path.read_text().replace('"key": "global_batch_size", "value": 8', '"key": "global_batch_size", "value": 16')
    )
    report = review(round_, ROUND)
    item = next(item for item in report.items if item.kind == "rcp" and item.path.startswith("Example"))
    assert item.official_verdict == "fail"
    assert item.official_crash is not None
    assert "differ in batch size: 8 in result_0.txt and 16 in result_" in item.official_crash


def test_a_copy_of_another_organisations_log_is_named_with_both(round_: Path) -> None:
    passing.organisation(round_ / "Copier", ROUND)
    report = review(round_, ROUND)
    copies = [finding for finding in report.findings if finding.rule == "runs-original"]
    assert len(copies) == 10
    assert all(f.path.startswith("Example/") and "Copier/" in f.message for f in copies)
    failed = {item.path for item in report.items if item.kind == "organisation" and item.verdict == "fail"}
    assert failed == {"Example"}


def test_a_run_with_another_seed_and_the_same_losses_is_named(round_: Path) -> None:
    folder = round_ / "Example" / RESULT
    shifted = (
        (folder / "result_0.txt").read_text().replace('"value": 1000,', '"value": 4711,').replace("1700000", "1799999")
    )
    (folder / "result_3.txt").write_text(shifted)
    report = review(round_, ROUND)
    assert "curves-original" in rules(report, f"Example/{RESULT}/result_3.txt")
    assert official(report, "Example") == "pass"
