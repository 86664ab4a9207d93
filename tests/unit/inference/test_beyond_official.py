"""What the official modular checker accepts and the rules do not, and the other way round, on published results."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.core.findings import Item, Report
from checker.families.mlperf_inference.difference import drift
from checker.families.mlperf_inference.review import review
from tests.differential import inference_passing
from tests.unit.inference.published import EDGE, LENOVO, ROUND, edit_log, judged, resnet, rules_of, say, take, write

pytestmark = pytest.mark.corpus

RUN = "performance/run_1/mlperf_log_detail.txt"
OFFLINE = "results/box/resnet/Offline"
TEST01 = "compliance/box/resnet/Offline/TEST01"
TEST04 = "compliance/box/resnet/Offline/TEST04"


def result(report: Report, path: str) -> Item:
    return next(item for item in report.items if item.kind == "result" and item.path.endswith(path))


def _remove(name: str) -> Callable[[Path], None]:
    return lambda base: shutil.rmtree(base / name) if (base / name).is_dir() else (base / name).unlink()


def _five_seconds(base: Path) -> None:
    say(base / OFFLINE / RUN, power_begin="07-23-2025 02:04:43.000", power_end="07-23-2025 02:04:48.000")


def _edit(name: str, **values: object) -> Callable[[Path], None]:
    return lambda base: say(base / name / RUN, **values)


def _error(name: str) -> Callable[[Path], None]:
    return lambda base: edit_log(base / name, "generic_message", lambda r: r["metadata"].update(is_error=True))


def _copy(source: str, to: str) -> Callable[[Path], None]:
    def edit(base: Path) -> None:
        shutil.copy(base / source, base / to)

    return edit


ACCEPTED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "result INVALID": ("result-valid", _edit(OFFLINE, result_validity="INVALID")),
    "an error of LoadGen": ("loadgen-errors", _error(f"{OFFLINE}/{RUN}")),
    "least duration not met": ("minimums-met", _edit(OFFLINE, result_min_duration_met=False)),
    "least queries not met": ("minimums-met", _edit(OFFLINE, result_min_queries_met=False)),
    "a run of five seconds": ("duration-measured", _five_seconds),
    "a log of another mode": ("performance-mode", _edit(OFFLINE, effective_test_mode="AccuracyOnly")),
    "a run that repeats one sample": ("performance-mode", _edit(OFFLINE, effective_performance_issue_same=True)),
    "a throughput that its run cannot have": (
        "throughput-agrees",
        _edit(OFFLINE, result_samples_per_second=99_999_999.0),
    ),
    "an estimate below its percentile": (
        "percentiles-rise",
        _edit("results/box/resnet/SingleStream", early_stopping_latency_ss=1),
    ),
    "an accuracy log that is the performance log": (
        "accuracy-mode",
        lambda base: (
            _copy(f"{OFFLINE}/{RUN}", f"{OFFLINE}/accuracy/mlperf_log_detail.txt")(base),
            say(base / OFFLINE / "accuracy" / "mlperf_log_detail.txt", qsl_reported_total_count=50000),
        )[1],
    ),
    "NOT A TEST PASS": (
        "test-passes",
        lambda base: write(base / TEST04 / "verify_performance.txt", "NOT A TEST PASS\n"),
    ),
    "a test that is the performance run": ("test-of-its-own", _copy(f"{OFFLINE}/{RUN}", f"{TEST01}/{RUN}")),
    "a test without its settings": ("test-as-told", _edit(TEST01, effective_accuracy_log_rng_seed=0)),
    "a test of a faster run": ("test-performs", _edit(TEST04, result_samples_per_second=99_999_999.0)),
    "accuracy seeds": (
        "accuracy-seeds",
        lambda base: say(base / OFFLINE / "accuracy" / "mlperf_log_detail.txt", effective_qsl_rng_seed=1),
    ),
    "no summary": ("summary-agrees", _remove(f"{OFFLINE}/performance/run_1/mlperf_log_summary.txt")),
    "no calibration document": (
        "calibration-described",
        lambda base: [path.unlink() for path in base.rglob("calibration*")],
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_by_the_official_checker_and_an_error_here(name: str, tmp_path: Path) -> None:
    rule, spoil = ACCEPTED[name]
    base = resnet(tmp_path)
    spoil(base)
    report = judged(tmp_path)
    assert rule in rules_of(report, "error"), rules_of(report)
    assert {item.official_verdict for item in report.items} == {"pass"}
    assert report.verdict == "fail"


def test_server_is_judged_by_what_was_measured(tmp_path: Path) -> None:
    base = take(tmp_path, "closed/Google", "H200-SXM-141GBx8_TRT", "retinanet")
    log = base / "results/H200-SXM-141GBx8_TRT/retinanet/Server" / RUN
    say(log, result_99__00_percentile_latency_ns=101_000_000, result_99__90_percentile_latency_ns=102_000_000)
    say(log, result_max_latency_ns=103_000_000)
    report = judged(tmp_path)
    assert rules_of(report, "error")["latency-in-bounds"] == 1
    assert result(report, "retinanet/Server").verdict == "fail"
    assert result(report, "retinanet/Server").official_verdict == "pass"


def test_a_server_run_over_its_bound_too_often_is_not_vouched_for(tmp_path: Path) -> None:
    base = take(tmp_path, "closed/Google", "H200-SXM-141GBx8_TRT", "retinanet")
    log = base / "results/H200-SXM-141GBx8_TRT/retinanet/Server" / RUN
    queries = next(json.loads(x[8:])["value"] for x in log.read_text().splitlines() if "result_query_count" in x)
    say(log, result_overlatency_query_count=queries // 50)
    report = judged(tmp_path)
    assert rules_of(report, "error") == {"early-stopping-agrees": 1}
    assert result(report, "retinanet/Server").official_verdict == "pass"


def test_interactive_is_judged_by_its_own_bounds(tmp_path: Path) -> None:
    base = take(tmp_path, "closed/MiTAC", "8xMI325X_2xEPYC_9755", "llama2-70b-99")
    log = base / "results/8xMI325X_2xEPYC_9755/llama2-70b-99/Interactive" / RUN
    say(log, result_time_per_output_token_99__00_percentile_ns=60_000_000)
    report = judged(tmp_path)
    assert "latency-in-bounds" in rules_of(report, "error")
    assert result(report, "llama2-70b-99/Interactive").official_verdict == "pass"
    assert result(report, "llama2-70b-99/Server").verdict == "pass"


def test_tokens_that_were_counted_and_not_generated(tmp_path: Path) -> None:
    base = take(tmp_path, "closed/MiTAC", "8xMI325X_2xEPYC_9755", "llama2-70b-99")
    log = base / "results/8xMI325X_2xEPYC_9755/llama2-70b-99/Offline" / RUN
    edit_log(log, "result_tokens_per_second", lambda record: record.update(value=record["value"] * 1.2))
    report = judged(tmp_path)
    assert "tokens-agree" in rules_of(report, "error")
    assert result(report, "llama2-70b-99/Offline").official_verdict == "pass"


def test_a_token_test_that_is_the_performance_run(tmp_path: Path) -> None:
    base = take(tmp_path, "closed/MiTAC", "8xMI325X_2xEPYC_9755", "llama2-70b-99")
    result_ = "8xMI325X_2xEPYC_9755/llama2-70b-99/Offline"
    write(base / "compliance" / result_ / "TEST06" / RUN, (base / "results" / result_ / RUN).read_text())
    report = judged(tmp_path)
    assert rules_of(report, "error") == {"test-of-its-own": 1}
    assert {item.official_verdict for item in report.items} == {"pass"}


def test_a_run_of_another_submitter(tmp_path: Path) -> None:
    resnet(tmp_path)
    take(tmp_path, LENOVO, EDGE, "resnet50", to="closed/Other")
    report = judged(tmp_path)
    assert rules_of(report, "error")["runs-original"] == 3
    assert {item.official_verdict for item in report.items} == {"pass"}
    other = [item for item in report.items if item.path.startswith("closed/Other")]
    assert {item.verdict for item in other} == {"fail"}


def test_a_run_of_another_submitter_with_its_result_changed(tmp_path: Path) -> None:
    resnet(tmp_path)
    other = take(tmp_path, LENOVO, EDGE, "resnet50", to="closed/Other")
    say(other / "results" / EDGE / "resnet50" / "Offline" / RUN, result_samples_per_second=1.0, sut_name="mine")
    assert rules_of(judged(tmp_path), "error")["runs-original"] == 3


def test_one_machine_described_twice_is_one_finding(tmp_path: Path) -> None:
    resnet(tmp_path)
    take(tmp_path, LENOVO, EDGE, "resnet50", to="closed/Example", system_as="second")
    report = judged(tmp_path)
    assert rules_of(report, "warning")["run-of-one-system"] == 1
    assert "runs-original" not in rules_of(report)


def test_both_targets_of_a_model_may_share_a_run(tmp_path: Path) -> None:
    for benchmark in ("llama2-70b-99", "llama2-70b-99.9"):
        take(tmp_path, "closed/MiTAC", "8xMI325X_2xEPYC_9755", benchmark)
    assert rules_of(judged(tmp_path)) == {}


def test_the_daemons_log_is_read_past_the_first_line_that_is_tolerated(tmp_path: Path) -> None:
    system = "TRIGKEY_Mini_PC_Ryzen_5_5560-ctuning_cpp_tflite-cpu-tflite_vmaster-default_config"
    take(tmp_path, "open/GATEOverflow", system, "mobilenet-v1-precision_float-1.0-128")
    report = judged(tmp_path)
    found = [finding for finding in report.findings if finding.rule == "power-log-clean"]
    assert len(found) == 3
    assert {finding.line for finding in found} == {1800}
    assert {item.official_verdict for item in report.items} == {"pass"}


def test_a_result_between_the_table_and_the_rules_is_told_with_both_numbers(tmp_path: Path) -> None:
    take(tmp_path, "closed/Google", "B200-SXM-180GBx8_TRT", "deepseek-r1")
    report = judged(tmp_path)
    notes = [finding for finding in report.findings if finding.rule == "between-tables-and-rules"]
    assert [finding.severity for finding in notes] == ["note"]
    assert "80.544618 (table)" in notes[0].expected
    assert "81.094068" in notes[0].expected
    assert result(report, "deepseek-r1/Offline").verdict == "pass"


@pytest.mark.parametrize(
    ("member", "value"), [("accelerators_per_node", 0), ("is_network", "false"), ("is_network", False)]
)
def test_what_the_tool_refuses_and_the_rules_allow_is_explained_and_passes(
    member: str, value: object, tmp_path: Path
) -> None:
    base = resnet(tmp_path)
    path = base / "systems" / "box.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), member: value}))
    report = judged(tmp_path)
    assert set(rules_of(report)) == {"refused-by-tool-alone"}
    assert {finding.severity for finding in report.findings} == {"note"}
    assert {item.official_verdict for item in report.items} == {"fail"}
    assert {item.verdict for item in report.items} == {"pass"}


def test_where_the_official_checker_ends_two_processes_say_what_one_says(tmp_path: Path) -> None:
    base = resnet(tmp_path)
    (base / OFFLINE / RUN).write_text("no log\n")
    shutil.copytree(base, tmp_path / "closed" / "Second")
    one, two = (review(tmp_path, ROUND, jobs=jobs) for jobs in (1, 2))
    assert one.findings == two.findings
    assert one.items == two.items
    assert any(item.official_crash for item in two.items)


SINGLE_FILE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "early stopping not met": (
        "early-stopping-met",
        _edit("results/box/resnet/SingleStream", early_stopping_met=False),
    ),
    "half the data set": (
        "data-set-covered",
        lambda base: say(base / OFFLINE / "accuracy" / "mlperf_log_detail.txt", qsl_reported_total_count=25000),
    ),
    "a run of another scenario": (
        "inferred-on-edge",
        _edit("results/box/resnet/SingleStream", effective_scenario="Offline"),
    ),
}


@pytest.mark.parametrize("name", SINGLE_FILE)
def test_the_rules_hold_whichever_official_checker_is_chosen(name: str, tmp_path: Path) -> None:
    rule, spoil = SINGLE_FILE[name]
    spoil(resnet(tmp_path))
    modular, single = (review(tmp_path, ROUND, jobs=1, official=one) for one in ("modular", "single-file"))
    assert modular.verdict == single.verdict == "fail"
    assert rule in rules_of(single, "error")
    assert rule not in rules_of(modular)  # the official finding says it


def test_a_log_without_values_is_judged_and_is_no_defect(tmp_path: Path) -> None:
    base = resnet(tmp_path)
    log = base / OFFLINE / RUN
    for key in ("result_validity", "effective_test_mode", "effective_scenario", "power_begin", "result_query_count"):
        for value in (None, [], {}, "x" * 5000, 10**400, float("nan"), True):
            edit_log(log, key, lambda record, value=value: record.update(value=value))
            assert judged(tmp_path).findings
        edit_log(log, key, lambda record: record.pop("value", None))
        assert judged(tmp_path).findings


@pytest.mark.parametrize(
    ("kind", "media", "rules"),
    [
        ("edge", "InfiniBand NDR", {"network-on-datacenter"}),
        ("datacenter", "PCIe over copper", {"network-fabric"}),
        ("both", "100 Gb Ethernet", set()),
    ],
)
def test_the_network_division_is_for_datacenters_behind_a_fabric(
    tmp_path: Path, kind: str, media: str, rules: set[str]
) -> None:
    base = inference_passing.submission(tmp_path, ROUND, "3d-unet-99", kind, "network")
    system = base / "systems/box.json"
    system.write_text(json.dumps(json.loads(system.read_text()) | {"network_media": media}))
    assert {rule for rule in rules_of(judged(tmp_path)) if rule.startswith("network-")} == rules


@pytest.mark.parametrize(("said", "found"), [("no", False), ("N/A", False), ("Yes, QAT", True), (True, True)])
def test_a_closed_model_is_not_retrained_and_an_open_one_may_be(tmp_path: Path, said: object, found: bool) -> None:
    for division in ("closed", "open"):
        base = inference_passing.submission(tmp_path, ROUND, "3d-unet-99", "edge", division)
        for path in base.glob("measurements/*/*/*/*.json"):
            path.write_text(json.dumps(json.loads(path.read_text()) | {"retraining": said}))
    paths = {f.path.partition("/")[0] for f in judged(tmp_path).findings if f.rule == "not-retrained"}
    assert paths == ({"closed"} if found else set())


def test_a_test_log_whose_time_runs_backwards_is_found(tmp_path: Path) -> None:
    base = resnet(tmp_path)
    edit_log(base / TEST01 / RUN, "power_end", lambda record: record.update(time_ms=1.0))
    found = [f for f in judged(tmp_path).findings if f.rule == "log-in-order"]
    assert [(f.path.endswith(f"{TEST01}/{RUN}"), f.severity) for f in found] == [(True, "error")]
    assert found[0].line is not None


def test_what_tables_and_rules_say_differently_in_words_is_listed_too() -> None:
    told = list(drift("mlperf-inference/6.1"))
    for model, word in (
        ("qwen3.6-27b", "SingleStream"),
        ("e2e-rag-db", "no such benchmark"),
        ("mixtral-8x7b", "retired"),
    ):
        assert any(line.startswith(f"{model}: ") and word in line for line in told)
    assert not any("e2e-rag-db" in line for line in drift("mlperf-inference/6.0"))
