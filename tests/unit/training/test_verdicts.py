"""One verdict everywhere: a result's two verdicts and its scaled times are the same in text, JSON and on the page."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from checker.core.findings import Report
from checker.families.mlperf_training.review import review
from checker.report.render import json as as_json
from checker.report.render import text
from tests.differential import passing
from tests.unit.by_table import page

ROUND = "mlperf-training/5.1"
COPIED = "Other/results/box/llama2_70b_lora"


@pytest.fixture
def round_(tmp_path: Path) -> Path:
    """A round in which one organisation's logs are copies of another's: official tools pass it, Assay does not."""
    root = tmp_path / "round"
    passing.organisation(root / "Example", ROUND, ("llama2_70b_lora",))
    passing.organisation(root / "Other", ROUND, ("llama2_70b_lora",), begins_hours=5000)
    for log in (root / "Example/results/box/llama2_70b_lora").glob("result_*.txt"):
        shutil.copy(log, root / COPIED)
    system = root / "Other/systems/box.json"
    system.write_text(system.read_text().replace('"Example"', '"Other"'))
    return root


def test_both_verdicts_stand_in_the_score_and_are_those_of_its_item(round_: Path) -> None:
    report = review(round_, ROUND)
    items = {item.path: (item.verdict, item.official_verdict) for item in report.items if item.kind == "result"}
    assert items[COPIED] == ("fail", "pass")
    assert {score.path: (score.verdict, score.official_verdict) for score in report.scores} == items


def test_text_json_and_page_say_both(round_: Path) -> None:
    report = review(round_, ROUND)
    said = text.render(report)
    assert re.search(r"official  assay\n-+\n", said)
    assert re.search(r"Other box llama2_70b_lora \(closed.*\)\n +10/10.* PASS      FAIL\n", said)
    scores = {score["path"]: score for score in json.loads(as_json.render(report))["scores"]}
    assert (scores[COPIED]["official_verdict"], scores[COPIED]["verdict"]) == ("pass", "fail")
    row = next(row for row in page(round_, report).split("<tr")[1:] if "10/10" in row and ">Other<" in row)
    assert re.findall(r'class="verdict (\w+)"', row) == ["pass", "fail"]


def scaled(report: Report) -> float:
    score = next(score for score in report.scores if score.path == COPIED)
    assert score.training.scaled_by is not None
    assert score.training.score_s is not None
    assert score.training.fastest_s is not None
    assert score.training.slowest_s is not None
    assert score.training.fastest_s - 1e-9 <= score.training.score_s <= score.training.slowest_s + 1e-9
    assert score.training.score_s == pytest.approx(score.training.scaled_by * 604.62, rel=1e-3)  # the mean as measured
    return score.training.scaled_by


def test_a_scaled_score_is_marked_and_stands_inside_its_own_range(round_: Path) -> None:
    report = review(round_, ROUND)
    factor = scaled(report)
    assert factor > 1
    assert f"Other box llama2_70b_lora (closed, scaled ×{factor:.4f})" in text.render(report).replace("\n", " ")
    assert f"×{factor:.4f}" in page(round_, report)


@pytest.mark.parametrize("published", ["NaN", "1e999", "-3", "1e300", '"2"', "[]"])
def test_a_scaling_file_can_hold_anything(round_: Path, published: str) -> None:
    shutil.rmtree(round_ / "Example")
    for log in sorted((round_ / COPIED).glob("result_*.txt"))[1:]:
        log.write_text(log.read_text().replace("global_batch_size", "batch"))  # the convergence test then has no word
    (round_ / COPIED / "scaling.json").write_text(f'{{"scaling_factor": {published}}}')
    report = review(round_, ROUND)
    json.loads(as_json.render(report))
    assert max(map(len, text.render(report).splitlines())) <= 100
    assert page(round_, report)


def test_a_fault_of_a_run_that_counts_not_stands_under_a_warning_of_its_own(round_: Path) -> None:
    """Text brings a rule's findings together; those of a run that olympic scoring drops are no errors."""
    report = review(round_, ROUND)
    found = report.findings[0]
    both = [replace(found, severity=word, path=f"Other/{word}.txt") for word in ("error", "warning")]
    said = text.render(replace(report, findings=both))
    assert re.search(
        rf"  error {found.rule}  .*\n    error\.txt:(.*\n)+  warning {found.rule}  .*\n    warning\.txt:", said
    )


def test_the_longest_times_stand_apart(round_: Path) -> None:
    report = review(round_, ROUND)
    long = [replace(score, training=replace(score.training, fastest_s=1e6, slowest_s=2e6)) for score in report.scores]
    assert " 16666:40.00 33333:20.00" in text.render(replace(report, scores=long))
