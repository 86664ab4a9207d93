"""Training and inference in one folder are judged each by its own rules; parts of inference can be asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from checker import check
from checker.families.assay.page.document import page
from checker.report.render import json as as_json
from checker.report.render import junit, sarif, text
from rules.errors import UsageError
from tests.unit.checker.submissions import Built, Settings
from tests.unit.serving.trees import Measured

Make = Callable[[], Measured]


def test_each_suite_is_judged_by_its_own_rules(measured: Make) -> None:
    submission = measured()
    Built(submission.submissions, Settings()).build()
    report = submission.check()
    assert report.ruleset == "assay-inference/1.0, assay/1.0"
    results = [item for item in report.items if item.kind == "result"]
    assert {item.path.partition("/")[0] for item in results} == {"inference", "training"}
    for finding in report.findings:
        assert finding.path.startswith("inference") is finding.rule.startswith("assay-inference-")


@pytest.mark.parametrize("below", ["{result}", "{scenario}", ""])
def test_a_part_is_judged_alone(measured: Make, below: str) -> None:
    submission = measured()
    submission.say("{result}/Offline/performance/run_1/mlperf_log_detail.txt", result_validity="INVALID")
    submission.forge("{result}/Offline/performance/run_1/mlperf_log_detail.txt")
    report = check(submission.path(below) if below else submission.root)
    verdicts = {item.path.rpartition("/")[2]: item.verdict for item in report.items if item.kind == "result"}
    assert verdicts.pop("Offline", "fail") == "fail"
    if below != "{scenario}":
        assert verdicts == {"SingleStream": "pass", "Server": "pass"}


def test_what_is_wrong_with_the_whole_result_fails_each_scenario(measured: Make) -> None:
    submission = measured()
    submission.edit_json("{ours}/outputs.json", {"outputs.0.0": 9.0})
    submission.forge()
    assert {item.verdict for item in submission.check().items if item.kind == "result"} == {"fail"}


def test_a_result_is_found_wherever_it_was_moved(measured: Make, tmp_path: Path) -> None:
    submission = measured()
    moved = submission.root.rename(tmp_path / "somebody")
    report = check(moved)
    assert report.ruleset == "assay-inference/1.0"
    assert report.passed


def test_in_the_other_suites_folder_it_is_misplaced(measured: Make, tmp_path: Path) -> None:
    submission = measured()
    top = tmp_path / "elsewhere/training/closed"
    top.mkdir(parents=True)
    submission.root.rename(top / "acme")
    found = check(tmp_path / "elsewhere").findings
    assert [f.message for f in found if f.rule == "assay-inference-layout"] == [
        "the division's folder is in another suite's"
    ]


def test_another_suites_round_is_refused(measured: Make) -> None:
    with pytest.raises(UsageError, match="a submission of inference"):
        check(measured().submissions, "assay/1.0")


def test_a_containers_log_alone_is_refused(measured: Make) -> None:
    submission = measured()
    with pytest.raises(UsageError, match="says little by itself"):
        check(submission.path("{ours}/SingleStream/performance/log.txt"))


def test_scores_are_loadgens(measured: Make) -> None:
    submission = measured()
    rows = {score.path.rpartition("/")[2]: score.inference for score in submission.check().scores}
    assert rows["SingleStream"] is not None
    latency = submission.value("{scenario}/performance/run_1/mlperf_log_detail.txt", "early_stopping_latency_ss")
    assert rows["SingleStream"].metric == pytest.approx(latency / 1e6)
    assert rows["SingleStream"].unit == "Latency (ms)"
    assert rows["Offline"] is not None
    assert rows["Offline"].unit == "Samples/s"


def test_every_format_shows_a_finding_with_its_line(measured: Make) -> None:
    submission = measured()
    name = "{scenario}/performance/run_1/mlperf_log_detail.txt"
    submission.say(name, early_stopping_latency_ss=1000)
    submission.forge(name)
    report = submission.check()
    line = next(f.line for f in report.findings if f.rule == "assay-inference-score")
    lines = submission.path(name).read_text().splitlines()
    assert line is not None
    assert '"early_stopping_latency_ss"' in lines[line - 1]
    assert f"mlperf_log_detail.txt:{line}" in text.render(report)
    found = json.loads(as_json.render(report))["findings"]
    assert any(f["rule"] == "assay-inference-score" and f["line"] == line for f in found)
    assert "assay-inference-score" in sarif.render(report)
    assert "assay-inference-score" in junit.render(report)


def test_the_page_has_latencies_beside_loadgens(measured: Make) -> None:
    submission = measured()
    report = submission.check()
    shown = page(submission.submissions, report)
    assert shown == page(submission.submissions, report)
    name = "{scenario}/performance/run_1/mlperf_log_detail.txt"
    for percent in ("50.00", "99.90"):
        latency = submission.value(name, f"result_{percent}_percentile_latency_ns")
        assert shown.count(f"{latency / 1e6:,.6f}") >= 2  # computed here, and LoadGen's
    for title in ("Latencies", "Search", "Compliance", "the slow ones", "bound 60 ms"):
        assert title in shown


def test_the_page_says_nothing_unescaped(measured: Make) -> None:
    submission = measured()
    evil = "<script>alert(1)</script>"
    submission.say("{scenario}/performance/run_1/mlperf_log_detail.txt", result_validity=evil)
    submission.forge("{scenario}/performance/run_1/mlperf_log_detail.txt")
    assert evil not in page(submission.submissions, submission.check())


def test_what_is_found_in_our_half_stands_with_its_scenario(measured: Make) -> None:
    submission = measured()
    name = "{ours}/Server/performance/observation.json"
    body = json.loads(submission.path(name).read_bytes())
    submission.edit_json(name, {"values.0": [3 * time for time in body["times_s"]]})
    submission.forge(name)
    report = submission.check()
    said = text.render(report)
    scenario = next(item.path for item in report.items if item.path.endswith("/Server"))
    headings = [line for line in said.splitlines() if line and not line.startswith(" ")]
    assert scenario in headings
    assert not [line for line in headings if line.endswith("observation.json")]
    assert "assay-inference-steady" in said
    assert "other programs ran" in page(submission.root, report)
