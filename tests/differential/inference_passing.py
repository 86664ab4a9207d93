"""Submissions of MLPerf Inference that pass, made from a round's rules: any model, type of system, division and layout.

What a log needs to pass stands in `keys`; the rest of what LoadGen logs is left out. Endpoints have files of their own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rules.inference import InferenceRules, ModelRules, inference_rules

LINES = {
    "acc": "accuracy={}%, good=1, total=2",
    "AUC": "AUC={}, NormE=0.1",
    "DLRM_NE": "metric/lifetime_ne/rating: {}",
    "DLRM_ACC": "metric/lifetime_accuracy/rating: {}",
    "DLRM_AUC": "metric/lifetime_gauc/rating: {}",
    "mAP": "mAP={}%",
    "F1": '{{"exact_match": 80.1, "f1": {}}}',
    "ACCURACY": "Word Error Rate: 2.0%, accuracy={}%",
    "DICE": "Accuracy: mean = {}, kidney = 0.9",
    "ROUGE1": "{{'rouge1': '{}', 'x': 1}}",
    "ROUGE2": "{{'rouge2': {}}}",
    "ROUGEL": "{{'rougeL': {}}}",
    "ROUGELSUM": "{{'rougeLsum': {}}}",
    "GEN_LEN": "{{'gen_len': {}}}",
    "TOKENS_PER_SAMPLE": "{{'tokens_per_sample': {}}}",
    "CLIP_SCORE": "{{'CLIP_SCORE': {}}}",
    "FID_SCORE": "{{'FID_SCORE': {}}}",
    "gsm8k_accuracy": "{{'gsm8k': {}}}",
    "mbxp_accuracy": "{{'mbxp': {}}}",
    "exact_match": "{{'exact_match': {}}}",
    "vbench_score": "{{'vbench_score': {}}}",
    "F1_HIERARCHICAL": '{{"f1": {}, "x": 1}}',
    "E2E_ACCURACY": "Accuracy: {}",
}
RAN = {"Interactive": "Server"}  # LoadGen knows no Interactive
TYPES = {"datacenter": "datacenter", "edge": "edge", "both": "datacenter,edge"}


def submission(
    root: Path,
    round_name: str,
    model: str = "resnet",
    kind: str = "edge",
    division: str = "closed",
    submitter: str = "Example",
    system: str = "box",
    folder: str | None = None,
    scenarios: list[str] | None = None,
    endpoints: bool = False,
) -> Path:
    """Make a submission of one system and benchmark below `root`, a round's folder; return the submitter's folder."""
    rules = inference_rules(round_name)
    of = rules.models[model]
    base, layout = root / division / submitter, rules.package.layout
    wanted = of.scenarios[kind]
    write(base / layout.code / "README.md", "code\n")
    describe(base / "systems" / f"{system}.json", rules, division, submitter, system, TYPES[kind])
    for scenario in scenarios or [*wanted.required, *wanted.optional]:
        names = {
            "system": system,
            "benchmark": folder or model,
            "scenario": scenario,
            "file": f"{system}_{scenario}.json",
        }
        result = base / "results" / system / names["benchmark"] / scenario
        described = base / layout.measurements.format(**names)
        write(described, json.dumps(dict.fromkeys(rules.package.measurements, "fp32")))
        write(described.parent / "README.md", "how to run\n")
        if endpoints:
            endpoint(result, rules, of, scenario)
            continue
        write(described.parent / "user.conf", "*.Offline.target_qps = 1\n")
        run(result / "performance/run_1", rules, of, scenario)
        run(result / "accuracy", rules, of, scenario, accuracy=True)
        write(result / "accuracy/mlperf_log_accuracy.json", "[]\n")
        write(result / "accuracy/accuracy.txt", accuracy_text(of, scenario))
        if division != "open":
            for test in of.tests:
                compliance(base / layout.compliance[test].format(**names), test, rules, of, scenario)
    return base


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def describe(path: Path, rules: InferenceRules, division: str, submitter: str, system: str, kind: str) -> None:
    fixed = rules.package.system
    given: dict[str, Any] = dict.fromkeys(fixed.members, "some")
    given |= {"division": division, "submitter": submitter, "system_name": system, "system_type": kind}
    given |= {"status": "available", "number_of_nodes": "1", "accelerators_per_node": "2"}
    if division == "network":
        given |= dict.fromkeys(fixed.network_members, "some") | {"is_network": "true"}
    write(path, json.dumps(given, indent=1))


def keys(rules: InferenceRules, of: ModelRules, scenario: str, accuracy: bool = False) -> dict[str, Any]:
    """Return what a run's detail log says, in LoadGen's order as far as that matters."""
    ran = RAN.get(scenario, scenario)
    count = of.accuracy_samples if of.accuracy_samples is not None else of.samples
    total = count.get(scenario, of.samples) if isinstance(count, dict) else count
    limits = of.token_latency_ns.get(scenario) or of.token_latency_ns.get("Server")
    latency = of.latency_ns.get(scenario) or of.latency_ns.get("Server", 10**7)
    return {
        "loadgen_version": "5.1.0",
        "sut_name": "Network SUT",
        "qsl_reported_total_count": total if accuracy else of.samples,
        "requested_use_token_latencies": of.tokens,
        "effective_scenario": ran,
        "effective_test_mode": "AccuracyOnly" if accuracy else "PerformanceOnly",
        "effective_min_duration_ms": rules.package.limits.duration_ms,
        "effective_min_query_count": max((of.queries or {}).get(ran, 1), 1),
        "effective_samples_per_query": (of.offline_samples or 1)
        if ran == "Offline"
        else 8
        if ran == "MultiStream"
        else 1,
        **rules.package.seeds.model_dump(),
        "effective_performance_sample_count": of.performance_samples,
        "effective_target_latency_ns": latency,
        "loaded_qsl_set": list(range(40)),
        "power_begin": "07-12-2025 23:38:00.000",
        "power_end": "07-12-2025 23:48:00.000",
        "early_stopping_met": True,
        "early_stopping_latency_ss": 2_000_000,
        "early_stopping_latency_ms": 3_000_000,
        "result_validity": "VALID",
        "result_query_count": 5000,
        "result_samples_per_second": 1000.5,
        "result_tokens_per_second": 2000.5,
        "result_inferred_tokens_per_second": 2100.5,
        "result_completed_samples_per_sec": 900.25,
        "result_completed_tokens_per_second": 1800.25,
        "result_inferred_completed_tokens_per_second": 1900.25,
        "result_mean_latency_ns": 1_500_000,
        "result_mean_query_latency_ns": 1_600_000,
        "result_90.00_percentile_latency_ns": 1_700_000,
        "result_99.00_percentile_latency_ns": min(1_800_000, latency),
        "result_99.00_percentile_per_query_latency_ns": 1_900_000,
        "result_qps_without_loadgen_overhead": 660.1,
        "result_first_token_99.00_percentile_latency_ns": limits.ttft // 2 if limits else 1,
        "result_time_per_output_token_99.00_percentile_ns": limits.tpot // 2 if limits else 1,
    }


def line(key: str, value: Any, marker: str = ":::MLLOG") -> str:
    """Return a line of a detail log."""
    metadata = {"is_error": False, "is_warning": False, "file": "a.cc", "line_no": 1, "pid": 1, "tid": 1}
    record = {"key": key, "value": value, "time_ms": 0.5, "namespace": "mlperf::logging"}
    return f"{marker} {json.dumps({**record, 'event_type': 'POINT_IN_TIME', 'metadata': metadata})}\n"


def run(folder: Path, rules: InferenceRules, of: ModelRules, scenario: str, accuracy: bool = False) -> None:
    """Write a run's logs."""
    said = keys(rules, of, scenario, accuracy)
    write(folder / "mlperf_log_detail.txt", "".join(line(key, value) for key, value in said.items()))
    write(folder / "mlperf_log_summary.txt", "Result is : VALID\n")


def accuracy_text(of: ModelRules, scenario: str) -> str:
    """Return an accuracy.txt whose metrics lie at their targets."""
    targets = of.accuracy or of.accuracy_by_scenario[scenario]
    values = {metric: f"{target * 1.0001:.8f}" for metric, target in targets.items()}
    return "".join(f"{LINES[metric].format(value)}\n" for metric, value in values.items()) + "hash=0123abc\n"


def compliance(folder: Path, test: str, rules: InferenceRules, of: ModelRules, scenario: str) -> None:
    """Write a compliance test that passed."""
    if test in ("TEST01", "TEST04"):
        run(folder / "performance/run_1", rules, of, scenario)
        write(folder / "verify_performance.txt", "TEST01\nPerformance check pass: True\nTEST PASS\n")
    if test in ("TEST01", "TEST07", "TEST08"):
        write(folder / "verify_accuracy.txt", "TEST PASS\n")
    if test == "TEST06":
        passes = (
            "First token check pass: True",
            "EOS check pass: True",
            "TEST06 verify",
            "Sample length check pass: True",
        )
        write(folder / "verify_accuracy.txt", "".join(f"{text}\n" for text in passes))
    if test == "TEST09":
        write(folder / "verify_output_len.txt", "Mean 1200\nTEST PASS\n")


def not_deterministic(folder: Path, of: ModelRules, scenario: str) -> None:
    """Make a TEST01 one of answers that differ from run to run: accuracies instead of a pass."""
    write(folder / "verify_accuracy.txt", "TEST FAIL\n")
    for name in ("accuracy.txt", "baseline_accuracy.txt", "compliance_accuracy.txt"):
        write(folder / "accuracy" / name, accuracy_text(of, scenario))
    write(folder / "accuracy/mlperf_log_accuracy.json", "[]")


def endpoint(result: Path, rules: InferenceRules, of: ModelRules, scenario: str) -> None:
    """Write the files of an endpoint's result."""
    seeds = rules.package.seeds
    count = of.accuracy_samples if of.accuracy_samples is not None else of.samples
    total = count.get(scenario, of.samples) if isinstance(count, dict) else count
    limits = of.token_latency_ns.get(scenario)
    percentiles = {"50.0": 10**6, "99.0": 2 * 10**6, "99.9": 3 * 10**6}
    tokens = {"99.0": limits.ttft // 2} if limits else percentiles
    summary = {
        "n_samples_issued": 500,
        "n_samples_completed": 500,
        "n_samples_failed": 0,
        "duration_ns": 6 * 10**11,
        "qps": 3.5,
        "tps": 700.5,
        "latency": {"avg": 10**6, "early_stopping_percentiles": percentiles},
        "ttft": {"early_stopping_percentiles": tokens},
        "tpot": {"early_stopping_percentiles": {"99": limits.tpot // 2 if limits else 5}},
        "output_sequence_lengths": {"avg": 1200.5},
    }
    write(result / "performance/result_summary.json", json.dumps(summary))
    scores = [{"score": 0.9, "dataset_type": "accuracy", "total_samples": total}]
    write(result / "accuracy/accuracy_results.json", json.dumps({"accuracy_scores": scores}))
    ran = {"Server": "online", "Interactive": "interactive"}.get(scenario, scenario.lower())
    runtime = {
        "min_duration_ms": 600000,
        "dataloader_random_seed": seeds.effective_sample_index_rng_seed,
        "scheduler_random_seed": seeds.effective_schedule_rng_seed,
    }
    write(result / "config.yaml", f"type: {ran}\nsettings:\n  runtime: {json.dumps(runtime)}\n")
    for test, name in rules.package.endpoints.audits.items():
        if test in of.tests:
            write(result / "audit" / f"audit_{name}.json", json.dumps({"test": name, "passed": True}))
