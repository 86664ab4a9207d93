"""Reports on MLPerf Inference: result table, review page, objections, waivers and comparison, on published results."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import jsonschema
import pytest
import yaml

import checker
from checker.core.waivers import read
from checker.families.mlperf_inference.compare import compare
from checker.report.page.chart import log_axis
from checker.report.render.json import render as as_report
from checker.report.render.text import render as as_lines
from rules.errors import NothingToCheckError, UsageError
from tests.unit.by_table import drafts, page
from tests.unit.inference.published import EDGE, LENOVO, ROUND, judged, resnet, say, take, write

pytestmark = pytest.mark.corpus

RUN = "performance/run_1/mlperf_log_detail.txt"
MITAC, SYSTEM = "closed/MiTAC", "8xMI325X_2xEPYC_9755"


def logged(path: Path) -> dict[str, object]:
    records = [json.loads(x[8:]) for x in path.read_text().splitlines() if x.startswith(":::MLLOG")]
    return {record["key"]: record["value"] for record in reversed(records)}


def test_the_table_has_the_official_columns_and_what_the_log_says(tmp_path: Path) -> None:
    base = resnet(tmp_path)
    report = judged(tmp_path)
    score = next(s for s in report.scores if s.path.endswith("SingleStream"))
    log = logged(base / "results/box/resnet/SingleStream" / RUN)
    assert score.official is not None
    assert score.inference is not None
    assert score.official["Result"] == log["early_stopping_latency_ss"] / 1e6  # type: ignore[operator]
    assert score.official["Units"] == "Latency (ms)"
    assert score.official["MlperfModel"] == "resnet"
    assert score.official["Accuracy"].startswith("acc: 76.")
    keys = {"50": "result_50.00_percentile_latency_ns", "99.9": "result_99.90_percentile_latency_ns"}
    keys |= {"min": "result_min_latency_ns", "max": "result_max_latency_ns"}
    for place, key in keys.items():
        assert score.inference.latency_ms[place] == log[key] / 1e6  # type: ignore[operator]
    multi = next(s for s in report.scores if s.path.endswith("MultiStream")).inference
    logged_multi = logged(base / "results/box/resnet/MultiStream" / RUN)
    assert multi is not None
    per_query = logged_multi["result_99.00_percentile_per_query_latency_ns"]
    assert multi.latency_ms["99"] == per_query / 1e6  # type: ignore[operator]


def test_the_report_is_what_its_schema_says(tmp_path: Path) -> None:
    take(tmp_path, MITAC, SYSTEM, "llama2-70b-99")
    schema = json.loads((Path(__file__).parents[3] / "rules/schemas/report.json").read_text())
    report = json.loads(as_report(judged(tmp_path)))
    jsonschema.validate(report, schema)
    assert report["scores"][0]["inference"]["first_token_ms"]["99"] > 0


def test_the_text_names_metric_unit_and_both_verdicts(tmp_path: Path) -> None:
    base = resnet(tmp_path)
    say(base / "results/box/resnet/Offline" / RUN, result_validity="INVALID")
    text = as_lines(judged(tmp_path))
    assert re.search(r"resnet Offline \(closed\)\n +[\d,.]+ Samples/s +PASS      FAIL\n", text)
    assert "official checker: 0 of 3 results refused" in text


def test_the_page_shows_results_latencies_and_findings_by_organisation(tmp_path: Path) -> None:
    base = resnet(tmp_path)
    take(tmp_path, MITAC, SYSTEM, "llama2-70b-99")
    say(base / "results/box/resnet/Offline" / RUN, result_validity="INVALID")
    shown = page(tmp_path, judged(tmp_path))
    assert "closed/Example" in shown
    assert "closed/MiTAC" in shown
    assert "llama2-70b-99, Interactive, closed division: 1" in shown
    assert "bound of p99: 450 ms" in shown
    assert "bound of p99: 40 ms" in shown
    assert "Time per output token" in shown
    assert "resnet, SingleStream, closed division" in shown
    assert "result_validity" in shown  # the quoted line


def test_nothing_a_submission_says_becomes_markup(tmp_path: Path) -> None:
    base = resnet(tmp_path)
    evil = "<script>alert(1)</script>"
    path = base / "systems/box.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "framework": evil, "accelerator_model_name": evil}))
    write(base / "results/box/resnet/Offline/accuracy/accuracy.txt", f"accuracy=76.1%\nhash={evil}\n")
    shown = page(tmp_path, judged(tmp_path))
    assert evil not in shown


def test_objections_name_benchmark_and_scenario(tmp_path: Path) -> None:
    base = resnet(tmp_path)
    say(base / "results/box/resnet/Offline" / RUN, result_validity="INVALID")
    texts = drafts(tmp_path, judged(tmp_path))
    (name,) = (name for name in texts if "result-valid" in name)
    assert "- Benchmark: `resnet Offline`" in texts[name]
    assert "§5.1" in texts[name]
    assert '"result_validity", "value": "INVALID"' in texts[name]


def test_a_waived_error_fails_nothing(tmp_path: Path) -> None:
    base = resnet(tmp_path / "round")
    say(base / "results/box/resnet/Offline" / RUN, result_validity="INVALID")
    summary = base / "results/box/resnet/Offline/performance/run_1/mlperf_log_summary.txt"
    summary.write_text(summary.read_text().replace("Result is : VALID", "Result is : INVALID"))
    assert checker.check(tmp_path / "round", ROUND).verdict == "fail"
    waiver = {"rule": "result-valid", "path": "closed/Example/**", "by": "the committee", "why": "seen"}
    file = tmp_path / "waivers.yaml"
    file.write_text(yaml.safe_dump({"waivers": [{**waiver, "until": date(2999, 1, 1)}]}))
    report = checker.check(tmp_path / "round", ROUND, waivers=read(file))
    assert report.verdict == "pass"
    assert [finding.rule for finding in report.findings if finding.waived] == ["result-valid"]


def test_two_submissions_beside_each_other(tmp_path: Path) -> None:
    resnet(tmp_path)
    other = take(tmp_path, LENOVO, EDGE, "resnet50", to="closed/Other", system_as="box")
    faster = "results/box/resnet50/Offline"
    score = logged(other / faster / RUN)["result_samples_per_second"]
    say(other / faster / RUN, result_samples_per_second=score * 1.1)  # type: ignore[operator]
    compared = compare(tmp_path / "closed/Example", tmp_path / "closed/Other", ROUND)
    offline = next(one for one in compared.pairs if one.scenario == "Offline")
    assert offline.ratio == pytest.approx(1.1)
    assert {member.name for member in offline.system} == {"submitter"}
    assert offline.settings == ()
    assert "one run each; repeated runs came out up to" in offline.noise
    text = compared.as_text()
    assert "resnet, Offline: B is 10.0 % higher, which is better" in text
    assert "resnet, SingleStream: no difference" in text
    assert json.loads(compared.as_json())["results"][0]["noise"]
    assert max(map(len, text.splitlines())) <= 80


def test_nothing_in_common_is_said(tmp_path: Path) -> None:
    resnet(tmp_path)
    take(tmp_path, MITAC, SYSTEM, "llama2-70b-99")
    with pytest.raises(NothingToCheckError, match="no common benchmark"):
        compare(tmp_path / "closed/Example", tmp_path / "closed/MiTAC", ROUND)
    with pytest.raises(UsageError, match="2 submissions"):
        compare(tmp_path, tmp_path / "closed/MiTAC", ROUND)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (0.001, 5e7), (6.2, 10.9), (99, 101), (2, 2.1)])
def test_an_axis_of_times_holds_what_it_shows(low: float, high: float) -> None:
    scale = log_axis("milliseconds", low, high)
    assert scale.low <= low * 1.001
    assert scale.high >= high * 0.999
    assert scale.at(scale.low) > scale.at(scale.high)
    assert 1 <= len(scale.ticks()) <= 9
