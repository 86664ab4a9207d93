"""The published round v5.1 by the rules as written: what is found beyond the official checker, and the result table."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from checker.core.findings import Report
from checker.families.mlperf_inference.review import review
from tests.corpus.rounds import unpacked, verdicts

pytestmark = pytest.mark.corpus

# Each looked at by hand. power-log-clean: errors of the meter's daemon in the load, after one that the official scan
# tolerates (4 runs, each as three scenarios). accuracy-mode: the accuracy log is that of a compliance test.
# summary-agrees: a summary that counts an error which the detail log lacks (4 results).
BEYOND = {"power-log-clean": 12, "accuracy-mode": 4, "summary-agrees": 4}
# accuracy-settings: seeds of 0, for LoadGen read no settings of its own (the same 4 results). conf-in-rules: a
# user.conf of 60 or 120 s, where the log says that the run was another, of 600 s or more. power-sampled: samples below
# 0 W in the load of three of the runs of power-log-clean.
ASKED = {"accuracy-settings": 4, "conf-in-rules": 3, "power-sampled": 9}


@pytest.fixture(scope="module")
def report() -> Report:
    return review(unpacked("inference_v5.1"), "mlperf-inference/5.1")


def test_errors_beyond_the_official_checker_are_few_and_known(report: Report) -> None:
    beyond = [f for f in report.findings if f.severity == "error" and not f.rule.startswith("official-")]
    assert Counter(finding.rule for finding in beyond) == BEYOND
    asked = Counter(finding.rule for finding in report.findings if finding.severity == "warning")
    assert {rule: asked[rule] for rule in ASKED} == ASKED
    refused = [i for i in report.items if i.kind == "result" and i.verdict == "fail" and i.official_verdict == "pass"]
    assert len(refused) == 20


def test_metrics_and_accuracies_are_the_official_ones(report: Report) -> None:
    scores = {score.path: score for score in report.scores}
    recorded = verdicts("inference_v5.1.modular")
    assert len(scores) == len(recorded) == 1045
    for result in recorded:
        score = scores[result["result"]]
        assert score.inference is not None
        assert score.inference.metric == pytest.approx(result["metric"], rel=1e-12), result["result"]
        assert score.inference.accuracy == {name: float(value) for name, value in result["accuracy"].items()}
        assert (score.official is not None) == (result["verdict"] == "valid")


def test_every_percentile_that_is_logged_is_in_the_report(report: Report) -> None:
    for score in report.scores:
        assert score.inference is not None
        percentiles = list(score.inference.latency_ms.values())
        assert len(percentiles) == 8, score.path
        assert percentiles == sorted(percentiles)


def test_power_results_have_metric_and_unit(report: Report) -> None:
    drawn = [score.inference for score in report.scores if score.inference is not None and score.inference.power_unit]
    assert len(drawn) == 21
    assert all(one.power for one in drawn)
    assert {(one.scenario, one.power_unit) for one in drawn} >= {("SingleStream", "mJ"), ("Offline", "W")}


def test_no_text_of_the_round_breaks_the_report(report: Report) -> None:
    from checker.report.render.json import render
    from tests.unit.by_table import page

    assert json.loads(render(report))["verdict"] == "fail"
    assert page(unpacked("inference_v5.1"), report).count("<section") == 5
