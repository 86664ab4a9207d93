"""Forgeries of a real submission whose digests all agree: each is named. What is not is told in the rules, §9."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from checker.families.assay.inference.latencies import PERCENTILES, Latencies, percentile
from tests.unit.serving.trees import Measured, named, sha

Make = Callable[[], Measured]
RUN = "{ours}/SingleStream/performance"
DETAIL = "{scenario}/performance/run_1/mlperf_log_detail.txt"
SUMMARY = "{scenario}/performance/run_1/mlperf_log_summary.txt"
SERVER = "{result}/Server/performance/run_1/mlperf_log_detail.txt"


def forged(submission: Measured, *changed: str) -> set[str]:
    """The rules that object once every digest agrees again."""
    submission.forge(*changed)
    report = submission.check()
    assert not report.passed
    return named(report)


def consistent(submission: Measured, known: Latencies) -> None:
    """Make SingleStream's log and summary say what `known` says, as a forger would who computes it all."""
    slow = known.ranked
    says = {f"result_{p}_percentile_latency_ns": percentile(slow, float(p) / 100) for p in PERCENTILES}
    says |= {"result_min_latency_ns": slow[0], "result_max_latency_ns": slow[-1]}
    says |= {"result_mean_latency_ns": sum(slow) // len(slow), "result_query_count": len(slow)}
    submission.say(DETAIL, **says)
    path = submission.path(SUMMARY)
    text = path.read_text()
    for p in PERCENTILES:
        wanted = str(says[f"result_{p}_percentile_latency_ns"])
        text = re.sub(rf"({re.escape(p)} percentile latency \(ns\)\s*: )\d+", rf"\g<1>{wanted}", text)
    path.write_text(text)


def test_a_better_score(measured: Make) -> None:
    submission = measured()
    submission.say(DETAIL, early_stopping_latency_ss=1000)
    assert "score" in forged(submission, DETAIL)


def test_better_percentiles_in_log_and_summary(measured: Make) -> None:
    submission = measured()
    submission.say(DETAIL, **{"result_99.00_percentile_latency_ns": 1000})
    path = submission.path(SUMMARY)
    path.write_text(re.sub(r"(99\.00 percentile latency \(ns\)\s*: )\d+", r"\g<1>1000", path.read_text()))
    found = forged(submission, DETAIL, SUMMARY)
    assert "percentiles" in found
    assert "summary" not in found


def test_faster_latencies_without_their_statistics(measured: Make) -> None:
    submission = measured()
    submission.put_latencies(f"{RUN}/latencies.bin", submission.latencies(f"{RUN}/latencies.bin"), times=0.5)
    assert {"percentiles", "score"} <= forged(submission, f"{RUN}/latencies.bin")


def test_faster_latencies_with_all_their_statistics(measured: Make) -> None:
    """LoadGen asks the next query when the last is answered: gaps that nothing explains are left."""
    submission = measured()
    known = submission.latencies(f"{RUN}/latencies.bin")
    submission.put_latencies(f"{RUN}/latencies.bin", known, times=0.5)
    consistent(submission, submission.latencies(f"{RUN}/latencies.bin"))
    score = submission.value(DETAIL, "early_stopping_latency_ss")
    submission.say(DETAIL, early_stopping_latency_ss=round(score / 2))
    found = forged(submission, DETAIL, SUMMARY, f"{RUN}/latencies.bin")
    assert "percentiles" not in found
    assert "pace" in found


def test_slow_queries_left_out(measured: Make) -> None:
    submission = measured()
    known = submission.latencies(f"{RUN}/latencies.bin")
    bound = percentile(known.ranked, 0.9)
    kept = [place for place in range(len(known)) if known.latency[place] <= bound]
    fewer = submission.chosen(known, kept)
    submission.put_latencies(f"{RUN}/latencies.bin", fewer)
    consistent(submission, fewer)
    assert "drawn" in forged(submission, DETAIL, SUMMARY, f"{RUN}/latencies.bin")


def test_a_run_that_was_cut_short(measured: Make) -> None:
    submission = measured()
    submission.put_latencies(f"{RUN}/latencies.bin", submission.latencies(f"{RUN}/latencies.bin"), keep=1100)
    short = submission.latencies(f"{RUN}/latencies.bin")
    consistent(submission, short)
    assert "duration" in forged(submission, DETAIL, SUMMARY, f"{RUN}/latencies.bin")


def test_settings_that_ask_for_less(measured: Make) -> None:
    submission = measured()
    submission.say(DETAIL, effective_min_duration_ms=1)
    assert "settings" in forged(submission, DETAIL)


def test_server_above_its_bound_called_valid(measured: Make) -> None:
    submission = measured()
    name = "{ours}/Server/performance/latencies.bin"
    submission.put_latencies(name, submission.latencies(name), times=1000)
    assert "bound" in forged(submission, name)


@pytest.mark.parametrize("key", ["result_validity", "early_stopping_met", "result_min_duration_met"])
def test_an_invalid_run(measured: Make, key: str) -> None:
    submission = measured()
    submission.say(DETAIL, **{key: "INVALID" if key == "result_validity" else False})
    assert "valid" in forged(submission, DETAIL)


def test_the_accuracy_run_in_the_place_of_the_performance_run(measured: Make) -> None:
    submission = measured()
    submission.write(DETAIL, submission.path("{scenario}/accuracy/mlperf_log_detail.txt").read_bytes())
    assert {"mode", "distinct"} <= forged(submission, DETAIL)


def test_the_performance_run_in_the_place_of_test01s(measured: Make) -> None:
    submission = measured()
    there = "{scenario}/TEST01/performance/run_1/mlperf_log_detail.txt"
    submission.write(there, submission.path(DETAIL).read_bytes())
    submission.write("{ours}/SingleStream/TEST01/latencies.bin", submission.path(f"{RUN}/latencies.bin").read_bytes())
    found = forged(submission, there, "{ours}/SingleStream/TEST01/latencies.bin")
    assert {"mode", "distinct"} <= found


def test_the_performance_run_in_the_place_of_the_run_with_other_seeds(measured: Make) -> None:
    submission = measured()
    for name, of in (("mlperf_log_detail.txt", DETAIL), ("latencies.bin", f"{RUN}/latencies.bin")):
        submission.write(f"{{ours}}/SingleStream/seeds/{name}", submission.path(of).read_bytes())
    changed = [f"{{ours}}/SingleStream/seeds/{name}" for name in ("mlperf_log_detail.txt", "latencies.bin")]
    assert {"seeds", "distinct"} <= forged(submission, *changed)


def test_another_scenarios_run(measured: Make) -> None:
    submission = measured()
    offline = "{result}/Offline/performance/run_1/mlperf_log_detail.txt"
    submission.write(offline, submission.path(SERVER).read_bytes())
    assert {"mode", "distinct"} <= forged(submission, offline)


def test_a_scenario_under_another_name(measured: Make) -> None:
    submission = measured()
    for half in ("{result}", "{ours}"):
        submission.path(f"{half}/Server").rename(submission.path(f"{half}/Interactive"))
    assert {"record-place", "known"} & forged(submission)


@pytest.mark.parametrize("name", ["qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed"])
def test_other_seeds_than_the_rounds(measured: Make, name: str) -> None:
    submission = measured()
    submission.say(DETAIL, **{f"effective_{name}": 1})
    assert "seeds" in forged(submission, DETAIL)


def answers(submission: Measured, run: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(submission.path(run).read_bytes())
    return found


WHOLE = "{ours}/SingleStream/accuracy/mlperf_log_accuracy.json"


def put_answers(submission: Measured, changed: list[dict[str, Any]]) -> None:
    """Write an accuracy log with its hash and its short form, as a forger would."""
    raw = json.dumps(changed).encode()
    submission.write(WHOLE, raw)
    submission.write("{scenario}/accuracy/mlperf_log_accuracy.json", raw[:4096] + b"\n\n...\n\n" + raw[-4096:])
    path = submission.path("{scenario}/accuracy/accuracy.txt")
    path.write_text(re.sub("hash=.*", f"hash={sha(raw)}", path.read_text()))


def test_an_accuracy_that_the_answers_do_not_have(measured: Make) -> None:
    submission = measured()
    path = submission.path("{scenario}/accuracy/accuracy.txt")
    path.write_text(re.sub(r"accuracy=0\.\d+", "accuracy=0.95", path.read_text()))
    assert "accuracy-recomputed" in forged(submission)


def test_answers_put_right(measured: Make, short_round: Any) -> None:
    """Accuracy and hash follow; what performance mode answered does not."""
    submission = measured()
    labels = (short_round / "assay-inference/1.0/labels/image-classification.bin").read_bytes()
    right = [a | {"data": int.to_bytes(labels[a["qsl_idx"]], 4, "little").hex()} for a in answers(submission, WHOLE)]
    put_answers(submission, right)
    path = submission.path("{scenario}/accuracy/accuracy.txt")
    text = re.sub(r"top-1 accuracy=0\.\d+", "top-1 accuracy=1.0", path.read_text())
    path.write_text(re.sub(r"^accuracy=.*%", "accuracy=100.000%", text))
    assert "test01" in forged(submission, WHOLE)


def test_samples_left_out_of_the_accuracy_run(measured: Make) -> None:
    submission = measured()
    put_answers(submission, answers(submission, WHOLE)[:-100])
    assert "answers" in forged(submission, WHOLE)


def test_a_sample_answered_twice_in_the_accuracy_run(measured: Make) -> None:
    submission = measured()
    logged = answers(submission, WHOLE)
    put_answers(submission, [*logged[:-1], logged[0]])
    assert "answers" in forged(submission, WHOLE)


def test_test01_with_the_accuracy_runs_answers_of_other_samples(measured: Make) -> None:
    submission = measured()
    there = "{scenario}/TEST01/accuracy/mlperf_log_accuracy.json"
    logged = answers(submission, there)
    submission.write(there, json.dumps([a | {"qsl_idx": (a["qsl_idx"] + 1) % 10000} for a in logged]))
    assert "test01" in forged(submission, there)


@pytest.mark.parametrize("name", ["TEST01/verify_accuracy.txt", "TEST04/verify_performance.txt"])
def test_a_verdict_file_with_other_words(measured: Make, name: str) -> None:
    submission = measured()
    submission.write(f"{{scenario}}/{name}", "NOT A TEST PASS\n")
    assert "verify" in forged(submission)


def test_another_batch_in_the_accuracy_run(measured: Make) -> None:
    submission = measured()
    name = "{ours}/SingleStream/accuracy/record.json"
    submission.edit_json(name, {"sut.batch": 7})
    submission.edit_line("{ours}/SingleStream/accuracy/log.txt", "batch", lambda line: line | {"value": 7})
    assert "runs-alike" in forged(submission, "{ours}/SingleStream/accuracy/log.txt")


def test_other_weights(measured: Make) -> None:
    submission = measured()
    for record in submission.root.glob("assay/*/*/*/*/record.json"):
        body = json.loads(record.read_bytes())
        body["data"] = {name: "0" * 64 if name.endswith(".safetensors") else d for name, d in body["data"].items()}
        record.write_text(json.dumps(body, indent=2))
    assert "data-digests" in forged(submission)


def test_outputs_of_another_model(measured: Make) -> None:
    submission = measured()
    submission.edit_json("{ours}/outputs.json", {"outputs.3.2": 1.5})
    assert "outputs-agree" in forged(submission)


def test_a_run_that_the_host_saw_end_sooner(measured: Make) -> None:
    submission = measured()
    record = submission.path(f"{RUN}/record.json")
    body = json.loads(record.read_bytes())
    first = body["receipts"][0]
    body["receipts"] = [first + (at - first) * 0.3 for at in body["receipts"]]
    record.write_text(json.dumps(body, indent=2))
    assert "host-clock" in forged(submission)


def test_a_test_left_out(measured: Make) -> None:
    submission = measured()
    shutil.rmtree(submission.path("{scenario}/TEST04"))
    shutil.rmtree(submission.path("{ours}/SingleStream/TEST04"))
    assert "tests" in forged(submission)


def test_the_same_latencies_everywhere(measured: Make) -> None:
    submission = measured()
    for run in ("TEST01", "TEST04", "seeds"):
        content = submission.path(f"{RUN}/latencies.bin").read_bytes()
        submission.write(f"{{ours}}/SingleStream/{run}/latencies.bin", content)
    assert "distinct" in forged(
        submission, *(f"{{ours}}/SingleStream/{r}/latencies.bin" for r in ("TEST01", "TEST04", "seeds"))
    )
