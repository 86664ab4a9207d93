"""MLPerf Tiny v1.3 as published: the official verdict, value and accuracy of every result, and what we object to."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from checker.core.findings import Report
from checker.families.mlperf_tiny.review import review
from tests.corpus.rounds import unpacked, verdicts
from tests.differential.test_tiny import differences

pytestmark = pytest.mark.corpus
ROUND = "mlperf-tiny/1.3"


@pytest.fixture(scope="module")
def report() -> Report:
    return review(unpacked("tiny_v1.3"), ROUND)


def test_every_result_has_the_official_verdict_value_and_accuracy(report: Report) -> None:
    recorded = {row["result"]: row for row in verdicts("tiny_v1.3")}
    assert len(recorded) == 43
    items = {item.path: item for item in report.items if item.kind == "result"}
    assert {path: item.official_verdict for path, item in items.items()} == {
        path: "pass" if row["verdict"] == "valid" else "fail" for path, row in recorded.items()
    }
    assert {score.path: stated(score.official or {}) for score in report.scores} == {
        path: (row["value"], row["accuracy"]) for path, row in recorded.items()
    }


def test_every_score_has_the_verdicts_of_its_result(report: Report) -> None:
    judged = {item.path: (item.verdict, item.official_verdict) for item in report.items if item.kind == "result"}
    assert {score.path: (score.verdict, score.official_verdict) for score in report.scores}.items() <= judged.items()
    assert report.scores


def stated(row: dict[str, Any]) -> tuple[str, str]:
    power = f" with power_metric = {row['Power']:f}" if row["HasPower"] else ""
    return (f"{row['Result']:f}{power}" if power else str(row["Result"])), str(row["Accuracy"])


def test_the_official_checker_beside_it_says_the_same() -> None:
    assert not differences(unpacked("tiny_v1.3"), ROUND)


def test_errors_beyond_the_official_checker_are_few_and_each_can_be_defended(report: Report) -> None:
    errors = [finding for finding in report.findings if finding.severity == "error"]
    assert Counter(finding.rule for finding in errors) == {
        "tiny-files": 6,  # the accuracy logs of ad, of 4 MB each, are not in the copy of the corpus
        "tiny-samples": 1,
    }
    assert {f.path.split("/")[-2:][0] for f in errors if f.rule == "tiny-files"} == {"ad"}
    # Five results of one submitter were measured in windows of 1.1 to 9.8 s.
    short = {f.path.rpartition("/performance")[0] for f in report.findings if f.rule == "tiny-window-duration"}
    assert short == {
        "closed/kai_jiang/results/K1_BOARD_V1.0/ad",
        "closed/kai_jiang/results/K1_BOARD_V1.0_HIGH_FREQ/ad",
        "closed/kai_jiang/results/K1_BOARD_V1.0_HIGH_FREQ/ic",
        "closed/kai_jiang/results/K1_BOARD_V1.0_HIGH_FREQ/kws",
        "closed/kai_jiang/results/VCU128/vww",
    }
    # One accuracy was measured on the 200 images that the balanced set replaced in February 2022.
    (other_set,) = (finding for finding in errors if finding.rule == "tiny-samples")
    assert other_set.path.startswith("closed/Qualcomm/")
    assert other_set.found.startswith("197 of them missing, 197 others")
