"""Whatever a submission holds becomes findings: no traceback, no defect, in bounded time and memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from checker.core.findings import DEFECT
from checker.families.assay.page.document import page
from tests.unit.serving.trees import Measured

Make = Callable[[], Measured]
DETAIL = "{scenario}/performance/run_1/mlperf_log_detail.txt"
SERVER = "{result}/Server/performance/run_1/mlperf_log_detail.txt"
VALUES = [None, True, "x", -1, 0, 1e-300, 1e300, 10**400, [], {}, [1] * 100, float("nan")]
KEYS = (
    "result_99.00_percentile_latency_ns", "early_stopping_latency_ss", "result_query_count",
    "effective_min_query_count", "effective_performance_sample_count", "effective_qsl_rng_seed",
    "effective_target_qps", "effective_scenario",
    "loadgen_version", "effective_min_duration_ms", "result_completed_samples_per_sec", "num_errors",
)  # fmt: skip
WRITTEN = ("log.txt", "latencies.bin", "record.json")


def survives(submission: Measured) -> None:
    began = time.monotonic()
    report = submission.check()
    assert not [f for f in report.findings if f.rule == DEFECT]
    assert not report.passed
    page(submission.submissions, report)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("value", VALUES, ids=lambda v: repr(v)[:12])
def test_values_of_any_kind_in_a_detail_log(measured: Make, value: object) -> None:
    submission = measured()
    for name in (DETAIL, SERVER):
        there = {key for key in KEYS if f'"{key}"' in submission.path(name).read_text()}
        submission.say(name, **dict.fromkeys(there, value))
    submission.forge(DETAIL, SERVER)
    survives(submission)


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", b"[]", b"[" * 5000, b'{"a":1,"a":2}', b"\0" * 1000])
def test_files_of_anything(measured: Make, name: str, content: bytes) -> None:
    submission = measured()
    submission.write(f"{{ours}}/SingleStream/performance/{name}", content)
    survives(submission)


ENTRIES = [
    [{"seq_id": 1, "qsl_idx": -1, "data": "00"}],
    [{"seq_id": 1, "qsl_idx": 2**63, "data": "00"}],
    [{"seq_id": 1, "qsl_idx": 10**30, "data": "00"}],
    [{"seq_id": 1, "qsl_idx": 1, "data": None}],
    [{"seq_id": 1, "qsl_idx": 1, "data": "zz"}] * 200,
    [{"seq_id": 1, "qsl_idx": 1, "data": "0"}] * 200,
    [{"seq_id": 1, "qsl_idx": 1, "data": ""}] * 200,
    [{"seq_id": 1, "qsl_idx": 1, "data": "\u00b2" * 8}] * 200,
    [{"seq_id": 1, "qsl_idx": 1, "data": "00", "token_data": "zz", "token_count": -5}] * 200,
    [{"seq_id": 1, "qsl_idx": 1, "data": "00", "more": 1}],
    {"seq_id": 1},
    [[[[]]]],
]


@pytest.mark.parametrize("content", ENTRIES, ids=lambda c: json.dumps(c)[:40])
def test_accuracy_logs_of_anything(measured: Make, content: object) -> None:
    submission = measured()
    for name in ("{ours}/SingleStream/accuracy", "{scenario}/TEST01/accuracy"):
        submission.write(f"{name}/mlperf_log_accuracy.json", json.dumps(content))
    survives(submission)
