"""Which round a path looks like: said where only one can be, asked for where several can, never Assay's own."""

from __future__ import annotations

from pathlib import Path

import pytest

import checker
from checker.families.mlperf_training.detect import detect_round
from checker.families.mlperf_training.review import review
from rules.errors import NothingToCheckError, UsageError
from tests.differential import passing

ROUND = "mlperf-training/5.1"


def folders(root: Path, *benchmarks: str) -> Path:
    for benchmark in benchmarks:
        (root / "results/box" / benchmark).mkdir(parents=True)
    return root


@pytest.mark.parametrize(
    ("benchmarks", "round_"),
    [
        (("retinanet", "llama31_8b"), ROUND),
        (("qwen35_397b_grpo",), "mlperf-training/6.1"),
        (("strong/openfold",), "mlperf-hpc/3.0"),
        (("maskrcnn", "stable_diffusion"), "mlperf-training/3.1"),
    ],
)
def test_benchmarks_that_one_round_has_name_it(benchmarks: tuple[str, ...], round_: str, tmp_path: Path) -> None:
    folders(tmp_path / "round/Example", *benchmarks)
    for path in ("round", "round/Example", "round/Example/results/box"):
        seen = detect_round(tmp_path / path)
        assert seen is not None
        assert seen.only() == round_


def test_benchmarks_of_several_rounds_are_a_question_with_the_options(tmp_path: Path) -> None:
    passing.organisation(tmp_path / "Example", ROUND)
    for below in ("", "results/box/llama2_70b_lora", "results/box/llama2_70b_lora/result_0.txt", "systems/box.json"):
        with pytest.raises(UsageError) as error:
            checker.check(tmp_path / "Example" / below)
        assert "llama2_70b_lora" in error.value.message
        assert "add --round mlperf-training/5.1" in error.value.fix


def test_one_log_alone_names_its_benchmark(tmp_path: Path) -> None:
    log = tmp_path / "any.log"
    log.write_text(passing.text(passing.records("llama2_70b_lora", ROUND, 0)))
    with pytest.raises(UsageError, match="llama2_70b_lora"):
        checker.check(log)
    with pytest.raises(UsageError, match="llama2_70b_lora"):
        checker.check(tmp_path, logs_only=True)


def test_a_published_rounds_folder_settles_what_benchmarks_leave_open(tmp_path: Path) -> None:
    root = tmp_path / "training_results_v5.0"
    passing.organisation(root / "Example", ROUND)
    assert checker.check(root).ruleset == "mlperf-training/5.0"
    passing.organisation(tmp_path / "training_results_v3.0" / "Example", ROUND)
    with pytest.raises(UsageError):  # that round has no such benchmark
        checker.check(tmp_path / "training_results_v3.0")


def test_benchmarks_of_no_single_round_are_said_with_their_rounds(tmp_path: Path) -> None:
    folders(tmp_path / "Example", "bert", "qwen35_397b_grpo")
    with pytest.raises(UsageError, match=r"no single round: bert of .*4.0.*; qwen35_397b_grpo of mlperf-training/6.1"):
        checker.check(tmp_path / "Example")


def test_no_mlperf_submission_is_judged_as_assays(tmp_path: Path) -> None:
    folders(tmp_path / "closed/Example", "retinanet", "llama31_8b")
    assert detect_round(tmp_path) is not None
    with pytest.raises(UsageError, match=r"looks like mlperf-training/5.1"):
        checker.check(tmp_path / "closed/Example", "assay/1.0")


def test_the_wrong_round_is_a_finding_that_names_the_right_one(tmp_path: Path) -> None:
    passing.organisation(tmp_path / "Example", ROUND)
    report = review(tmp_path, "mlperf-training/3.1")
    (found,) = [finding for finding in report.findings if finding.rule == "round-as-given"]
    assert ROUND in found.message
    assert report.verdict == "fail"
    assert "round-as-given" not in {finding.rule for finding in review(tmp_path, ROUND).findings}


def test_a_folder_named_for_another_round_is_a_note(tmp_path: Path) -> None:
    passing.organisation(tmp_path / "training_results_v5.0" / "Example", ROUND)
    (note,) = review(tmp_path / "training_results_v5.0" / "Example", ROUND).findings
    said = "the folder training_results_v5.0 is named for MLPerf Training 5.0; judged by mlperf-training/5.1"
    assert (note.rule, note.severity, note.message) == ("round-as-named", "note", said)


@pytest.mark.parametrize("content", [b"", b"\xff" * 1000, b'"submission_benchmark"', b'{"submission_benchmark"' * 9999])
def test_what_looks_like_nothing_is_judged_as_before(content: bytes, tmp_path: Path) -> None:
    log = tmp_path / "result_0.txt"
    log.write_bytes(content)
    assert detect_round(log) is None
    assert checker.check(log).verdict == "fail"
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToCheckError):
        checker.check(tmp_path / "empty")
