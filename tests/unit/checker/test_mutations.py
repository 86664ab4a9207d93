"""One thing of a valid submission is changed; the finding names rule, file and line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checker.core.findings import Report
from tests.unit.checker.submissions import TOKEN, Built, at, errors, put, said

RUN = 2


def lines_of(submission: Built) -> list[bytes]:
    return submission.path(f"{{result}}/result_{RUN}.txt").read_bytes().splitlines(keepends=True)


def edited(line: bytes, changes: dict[str, Any]) -> bytes:
    record = json.loads(line.removeprefix(TOKEN.encode()))
    for place, value in changes.items():
        put(record, place, value)
    return f"{TOKEN}{json.dumps(record)}\n".encode()


def change_line(submission: Built, key: str, changes: dict[str, Any]) -> int:
    """Edit the first line of `key` in the log of run 2 as a forger would: digests follow."""
    number = submission.line(RUN, key)

    def change(lines: list[bytes]) -> list[bytes]:
        lines[number - 1] = edited(lines[number - 1], changes)
        return lines

    submission.edit_log(RUN, change)
    submission.seal()
    return number


def named(report: Report, rule: str, path: str, line: int | None) -> bool:
    return any((f.rule, f.path, f.line) == (rule, path, line) for f in report.findings)


OTHER = "0" * 64
LOG_CHANGES: list[tuple[str, dict[str, Any], str]] = [
    ("submission_benchmark", {"value": "sentiment"}, "assay-identity"),
    ("submission_division", {"value": "open"}, "assay-record-agrees"),
    ("submission_org", {"value": "rival"}, "assay-record-agrees"),
    ("submission_platform", {"value": "bigbox"}, "assay-record-agrees"),
    ("ruleset", {"value": "assay/9.9"}, "assay-identity"),
    ("framework", {"value": "jax 0.10.2"}, "assay-record-agrees"),
    ("framework", {"value": "pytorch 2.12.0"}, "assay-record-agrees"),
    ("threads", {"value": 2}, "assay-record-agrees"),
    ("seed", {"value": 7}, "assay-seed-derived"),
    ("global_batch_size", {"value": 256}, "assay-hyperparameters-fixed"),
    ("gradient_accumulation_steps", {"value": 2}, "assay-hyperparameters-fixed"),
    ("opt_name", {"value": "adam"}, "assay-hyperparameters-fixed"),
    ("opt_base_learning_rate", {"value": 0.5}, "assay-hyperparameters-fixed"),
    ("opt_momentum", {"value": 0.95}, "assay-hyperparameters-fixed"),
    ("opt_weight_decay", {"value": 0}, "assay-hyperparameters-fixed"),
    ("opt_learning_rate_warmup_steps", {"value": 188}, "assay-hyperparameters-fixed"),
    ("opt_learning_rate_training_steps", {"value": 1000}, "assay-hyperparameters-fixed"),
    ("gradient_accumulation_steps", {"value": True}, "assay-hyperparameters-fixed"),
    ("train_samples", {"value": 59999}, "assay-samples"),
    ("eval_samples", {"value": 1000}, "assay-samples"),
    ("source_sha256", {"value": OTHER}, "assay-record-agrees"),
    ("data_sha256", {"value": OTHER}, "assay-data-digests"),
    ("data_sha256", {"metadata.name": "other-file"}, "assay-data-digests"),
    ("initial_weights_sha256", {"value": OTHER}, "assay-record-agrees"),
    ("warmup_stop", {"metadata.weights_sha256": OTHER}, "assay-warmup-weights"),
    ("warmup_stop", {"value": 1}, "assay-warmup-steps"),
    ("eval_accuracy", {"value": "0.85"}, "assay-accuracy"),
    ("eval_accuracy", {"value": None}, "assay-accuracy"),
    ("eval_accuracy", {"metadata.samples_count": 1}, "assay-cadence"),
    ("eval_accuracy", {"metadata.epoch_num": 9}, "assay-epochs"),
    ("eval_start", {"metadata.samples_count": 128}, "assay-cadence"),
    ("eval_stop", {"metadata.samples_count": 128}, "assay-cadence"),
    ("train_loss", {"value": -1.0}, "assay-loss"),
    ("train_loss", {"metadata.samples_count": 128}, "assay-cadence"),
    ("block_start", {"metadata.samples_count": 128}, "assay-cadence"),
    ("block_start", {"metadata.first_epoch_num": 1}, "assay-epochs"),
    ("run_stop", {"metadata.status": "aborted"}, "assay-status"),
    ("run_stop", {"metadata.status": "SUCCESS"}, "assay-status"),
    ("run_stop", {"metadata.samples_count": 128}, "assay-cadence"),
    ("run_stop", {"event_type": "POINT_IN_TIME"}, "assay-log-event-type"),
    ("run_start", {"time_ms": 1}, "assay-log-time"),
    ("run_start", {"time_ms": "1790000000000"}, "assay-log-time"),
    ("run_start", {"time_ms": 1.5}, "assay-log-time"),
    ("run_start", {"namespace": None}, "assay-log-members"),
    ("run_start", {"metadata": []}, "assay-log-members"),
    ("run_start", {"extra": 1}, "assay-log-members"),
    ("run_start", {"metadata.lineno": 0}, "assay-log-origin"),
    ("final_weights_sha256", {"value": OTHER}, "assay-final-weights"),
]


@pytest.mark.parametrize(("key", "changes", "rule"), LOG_CHANGES)
def test_a_changed_log_line_is_named(key: str, changes: dict[str, Any], rule: str, built: Callable[..., Built]) -> None:
    submission = built()
    number = change_line(submission, key, changes)
    report = submission.check()
    path = submission.relative(f"{{result}}/result_{RUN}.txt")
    assert report.verdict == "fail"
    assert named(report, rule, path, number), said(report)


RECORD_CHANGES: list[tuple[str, Any, str]] = [
    ("ruleset", "assay/9.9", "assay-record-place"),
    ("submitter", "rival", "assay-record-place"),
    ("system", "bigbox", "assay-record-place"),
    ("workload", "sentiment", "assay-record-place"),
    ("division", "open", "assay-record-place"),
    ("run", 9, "assay-record-place"),
    ("framework", "jax", "assay-record-place"),
    ("seed", 7, "assay-seed-derived"),
    ("emulated", True, "assay-emulated"),
    ("outcome", "target-not-reached", "assay-outcome"),
    ("outcome", "crashed", "assay-outcome"),
    ("source_sha256", OTHER, "assay-source-digest"),
    ("data.train-images-idx3-ubyte", OTHER, "assay-data-digests"),
    ("final_weights.path", "results/other.safetensors", "assay-final-weights"),
    ("final_weights", None, "assay-final-weights"),
    ("log.path", "results/other.txt", "assay-log-digest"),
    ("threads", 4, "assay-runs-alike"),
    ("image.versions.torch", "2.12.0", "assay-runs-alike"),
    ("container.network", "host", "assay-hardening"),
    ("container.read_only", False, "assay-hardening"),
    ("container.user", "0:0", "assay-hardening"),
    ("container.cap_drop", [], "assay-hardening"),
    ("container.security_opt", ["seccomp=unconfined"], "assay-hardening"),
    ("container.pids", 0, "assay-hardening"),
    ("seed", -1, "assay-record"),
    ("seed", 1.0, "assay-record"),
    ("unknown", 1, "assay-record"),
]


@pytest.mark.parametrize(("place", "value", "rule"), RECORD_CHANGES)
def test_a_changed_record_is_named(place: str, value: Any, rule: str, built: Callable[..., Built]) -> None:
    submission = built()
    name = f"{{result}}/result_{RUN}.json"
    submission.edit_json(name, {place: value})
    submission.seal()
    report = submission.check()
    member = place.partition(".")[0]
    text = submission.path(name).read_text().splitlines()
    inside = [n for n, line in enumerate(text, 1) if f'"{place.rpartition(".")[2]}":' in line]
    mine = [f for f in report.findings if f.rule == rule and f.path == submission.relative(name)]
    assert report.verdict == "fail"
    assert mine, said(report)
    assert any(f.line in inside or f'"{member}"' in text[(f.line or 1) - 1] for f in mine), said(report)


def test_an_edit_without_new_digests_is_named_by_the_manifest_and_the_record(built: Callable[..., Built]) -> None:
    submission = built()
    path = submission.path(f"{{result}}/result_{RUN}.txt")
    path.write_bytes(path.read_bytes().replace(b'"key": "run_stop"', b'"key": "run_stop" ', 1))
    report = submission.check()
    shown = submission.relative(f"{{result}}/result_{RUN}.txt")
    assert {f.rule for f in errors(report)} == {"assay-manifest-digests", "assay-log-digest"}, said(report)
    assert {f.path for f in errors(report)} == {shown}


def test_one_weight_byte_is_named_by_manifest_and_record(built: Callable[..., Built]) -> None:
    submission = built()
    path = submission.path(f"{{result}}/result_{RUN}.safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    report = submission.check()
    assert {f.rule for f in errors(report)} == {"assay-manifest-digests", "assay-final-weights"}
    submission.seal()
    assert {f.rule for f in errors(submission.check())} == {"assay-final-weights"}


def test_a_receipt_too_few_or_too_late_is_named(built: Callable[..., Built]) -> None:
    submission = built()
    name = f"{{result}}/result_{RUN}.json"
    body = json.loads(submission.path(name).read_bytes())
    kept = body["receipts"]
    submission.edit_json(name, {"receipts": kept[:-1]})
    submission.seal()
    assert {f.rule for f in errors(submission.check())} == {"assay-receipts-complete"}
    submission.edit_json(name, {"receipts": [*kept[:-1], kept[-1] + 9]})
    submission.seal()
    report = submission.check()
    assert [(f.rule, f.line) for f in report.findings] == [("assay-receipts-delay", len(kept))], said(report)
    assert report.passed


def test_an_evaluation_after_the_target_was_reached_is_named(built: Callable[..., Built]) -> None:
    submission = built(samples=[at(2)] * 5)
    number = change_line(submission, "eval_accuracy", {"value": 0.95})
    found = errors(submission.check())
    assert [(f.rule, f.line) for f in found] == [("assay-evaluation-stops", number + 6)]


def test_a_clock_shifted_within_a_run_is_named(built: Callable[..., Built]) -> None:
    """Twenty seconds taken off everything after run_start, to look faster: receipts contradict it."""
    submission = built()
    start = submission.line(RUN, "run_start")

    def change(lines: list[bytes]) -> list[bytes]:
        for n in range(start + 1, len(lines)):
            record = json.loads(lines[n].removeprefix(TOKEN.encode()))
            lines[n] = edited(lines[n], {"time_ms": record["time_ms"] - 20_000})
        return lines

    submission.edit_log(RUN, change)
    submission.seal()
    assert {f.rule for f in errors(submission.check())} >= {"assay-step-times", "assay-receipts-score"}


@pytest.mark.parametrize(
    "name", ["result_2.txt", "result_2.json", "result_2.safetensors", "manifest.json", "sbom.cdx.json", "parity.json"]
)
def test_a_missing_file_is_one_finding_not_ten(name: str, built: Callable[..., Built]) -> None:
    submission = built()
    submission.path(f"{{result}}/{name}").unlink()
    report = submission.check()
    assert report.verdict == "fail"
    assert len(errors(report)) <= 3, said(report)
    assert any(f.path == submission.relative(f"{{result}}/{name}") for f in errors(report)), said(report)


def test_missing_source_or_description_is_named(built: Callable[..., Built]) -> None:
    submission = built()
    submission.path("{source}/suite/harness/train.py").unlink()
    submission.seal()
    assert {f.rule for f in errors(submission.check())} == {"assay-source-digest", "assay-source-files"}
    submission = built()
    submission.path("systems/{system}.json").unlink()
    report = submission.check()
    assert "assay-system" in {f.rule for f in errors(report)}, said(report)


def test_a_whole_run_left_out_is_named(built: Callable[..., Built]) -> None:
    submission = built()
    for suffix in ("txt", "json", "safetensors"):
        submission.path(f"{{result}}/result_4.{suffix}").unlink()
    submission.seal()
    found = errors(submission.check())
    assert {f.rule for f in found} == {"assay-run-count"}
    assert found[0].path.endswith("result_4.txt")


def test_a_second_run_short_of_the_target_fails_the_result_and_one_only_warns(built: Callable[..., Built]) -> None:
    one = built(samples=[at(1), 10**9, at(1), at(2), at(2)]).check()
    assert one.verdict == "pass", said(one)
    assert [f.rule for f in one.findings] == ["assay-run-short"]
    assert one.scores[0].training.score_s is not None
    assert (one.scores[0].training.converged, one.scores[0].training.runs) == (4, 5)
    two = built(samples=[at(1), 10**9, 10**9, at(2), at(2)]).check()
    assert {f.rule for f in errors(two)} == {"assay-runs-converged"}, said(two)
    assert two.scores[0].training.score_s is None


def test_converging_faster_than_the_reference_is_named(built: Callable[..., Built]) -> None:
    report = built(samples=[at(0)] * 5).check()
    assert {f.rule for f in errors(report)} == {"assay-convergence"}, said(report)


def test_a_copied_run_is_named_under_its_own_seed(built: Callable[..., Built]) -> None:
    """The losses of run 0 under the seed of run 1."""
    submission = built(samples=[at(2)] * 5)
    losses = [
        line for line in submission.path("{result}/result_0.txt").read_bytes().splitlines() if b"train_loss" in line
    ]
    values = iter([json.loads(line.removeprefix(TOKEN.encode()))["value"] for line in losses])

    def change(lines: list[bytes]) -> list[bytes]:
        return [edited(line, {"value": next(values)}) if b'"train_loss"' in line else line for line in lines]

    submission.edit_log(1, change)
    submission.seal()
    found = errors(submission.check())
    assert [(f.rule, f.path.rpartition("/")[2]) for f in found] == [("assay-runs-distinct", "result_1.txt")]


def test_files_nobody_asked_for_are_named(built: Callable[..., Built]) -> None:
    submission = built()
    submission.write("{result}/result_00.txt", "x\n")
    report = submission.check()
    assert {f.rule for f in errors(report)} == {"assay-result-files", "assay-manifest-complete"}


@pytest.mark.parametrize("path", ["/etc/hostname", "../../../../../../etc/hostname", "results/../../../x", "", "a\\b"])
def test_a_manifest_cannot_lead_out_of_the_submission(path: str, built: Callable[..., Built]) -> None:
    submission = built()
    submission.edit_json("{result}/manifest.json", {"files.0.path": path})
    report = submission.check()
    found = [f for f in errors(report) if f.rule == "assay-manifest-digests"]
    assert found, said(report)
    assert found[0].line == 6


def test_links_pipes_and_folders_in_place_of_files_are_named_and_never_opened(built: Callable[..., Built]) -> None:
    submission = built()
    log = submission.path("{result}/result_0.txt")
    log.unlink()
    os.mkfifo(log)
    weights = submission.path("{result}/result_1.safetensors")
    weights.unlink()
    weights.symlink_to("/etc/hostname")
    record = submission.path("{result}/result_2.json")
    record.unlink()
    record.mkdir()
    loop = submission.path("{result}/loop")
    loop.symlink_to(loop.parent)
    report = submission.check()
    rules_by_file: dict[str, set[str]] = {}
    for finding in errors(report):
        rules_by_file.setdefault(finding.path.rpartition("/")[2], set()).add(finding.rule)
    assert "assay-plain-files" in rules_by_file["result_0.txt"]
    assert "assay-plain-files" in rules_by_file["result_1.safetensors"]
    assert "assay-plain-files" in rules_by_file["loop"]
    assert "assay-record" in rules_by_file["result_2.json"]


def test_a_folder_that_is_a_link_is_not_entered(built: Callable[..., Built], tmp_path: Path) -> None:
    submission = built()
    outside = tmp_path / "outside"
    submission.path("{source}").rename(outside)
    submission.path("{source}").symlink_to(outside)
    report = submission.check()
    assert {"assay-plain-files", "assay-source-digest"} <= {f.rule for f in errors(report)}, said(report)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(built: Callable[..., Built]) -> None:
    submission = built()
    submission.path("{result}/result_0.txt").chmod(0)
    assert "assay-log-present" in {f.rule for f in errors(submission.check())}


def test_a_manifest_of_thousands_of_files_is_judged_in_seconds(built: Callable[..., Built]) -> None:
    submission = built()
    files = [{"path": f"results/none/{n}", "sha256": OTHER} for n in range(60_000)]
    submission.edit_json("{result}/manifest.json", {"files": files})
    began = time.process_time()
    report = submission.check()
    assert report.verdict == "fail"
    assert time.process_time() - began < 8
    assert len(report.findings) < 50
