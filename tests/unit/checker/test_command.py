"""`assay check` and `assay rules` as typed: exit codes, formats, rounds, paths."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

import checker
from checker.core.findings import Finding, Item, Report
from checker.report.render import github
from checker.report.render import json as json_renderer
from checker.report.render import text as text_renderer
from rules import schemas
from rules.errors import AssayError, UsageError
from suite.cli import app
from tests.unit.checker.submissions import Built, said

PROJECT = Path(__file__).parents[3]


def assay(*arguments: str, cwd: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "suite.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment}, check=False
    )


def invoke(*arguments: str) -> Any:
    """Run a command in this process, where the tests' rounds are; AssayErrors come out as in `main`."""
    outcome = CliRunner().invoke(app, list(arguments))
    if isinstance(outcome.exception, AssayError):
        outcome.exit_code = outcome.exception.exit_code
    return outcome


def test_exit_codes_are_the_documented_ones(built: Callable[..., Built], tmp_path: Path) -> None:
    submission = built()
    root = str(submission.submissions)
    assert invoke("check", root).exit_code == 0
    submission.path("{result}/result_0.txt").unlink()
    assert invoke("check", root).exit_code == 1
    assert invoke("check", str(tmp_path / "missing")).exit_code == 2
    assert invoke("check", root, "--format", "xml").exit_code == 2
    assert invoke("check", root, "--round", "assay/0.1").exit_code == 2
    assert invoke("check").exit_code == 2
    (tmp_path / "empty").mkdir()
    assert invoke("check", str(tmp_path / "empty")).exit_code == 3


def test_usage_errors_are_sentences_on_standard_error(tmp_path: Path) -> None:
    told = assay("check", str(tmp_path), "--round", "assay/1.O")
    assert told.returncode == 2
    assert told.stdout == ""
    assert "unknown round" in told.stderr
    assert "did you mean 'assay/1.0'?" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("name", ["nope", "modular"])
def test_an_official_checker_is_chosen_for_mlperf_inference_alone(tmp_path: Path, name: str) -> None:
    own = assay("check", str(tmp_path), "--official", name)
    assert (own.returncode, own.stdout) == (2, "")
    assert "rounds of MLPerf Inference alone have a choice of official checkers" in own.stderr


def test_an_unknown_official_checker_is_refused_with_those_there_are(tmp_path: Path) -> None:
    told = assay("check", str(tmp_path), "--round", "mlperf-inference/5.1", "--official", "modulr")
    assert (told.returncode, told.stdout) == (2, "")
    assert "unknown official checker 'modulr'" in told.stderr
    assert "did you mean 'modular'?" in told.stderr


def test_a_defect_is_one_sentence_and_exit_code_4(tmp_path: Path) -> None:
    broken = "import checker, suite.cli\n"
    broken += "def check(*a): raise RuntimeError('boom \\x1b[2J')\n"
    broken += "checker.check = check\nsuite.cli.main()"
    command = [sys.executable, "-c", broken, "check", str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 4
    assert told.stderr.splitlines()[0] == "assay: a defect of Assay: RuntimeError: boom \\x1b[2J"
    assert "Traceback" not in told.stderr
    told = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "ASSAY_DEBUG": "1"})
    assert "Traceback" in told.stderr


def test_json_is_valid_by_its_schema_and_names_what_was_judged(built: Callable[..., Built]) -> None:
    submission = built()
    submission.write("systems/spare.json", "{}")
    outcome = invoke("check", str(submission.submissions), "--format", "json")
    body = json.loads(outcome.output)
    Draft202012Validator(schemas.schema("report")).validate(body)
    top = submission.root.relative_to(submission.submissions).as_posix()
    verdicts = {(item["kind"], item["path"].removeprefix(f"{top}/")): item["verdict"] for item in body["items"]}
    result = submission.result
    assert verdicts == {
        ("organisation", top): "fail",
        ("system", f"systems/{submission.settings.system}.json"): "pass",
        ("system", "systems/spare.json"): "fail",
        ("result", result): "pass",
        **{("log", f"{result}/result_{run}.txt"): "pass" for run in range(5)},
    }
    assert body["verdict"] == "fail"
    assert {item["official_verdict"] for item in body["items"]} == {None}
    assert [score["training"]["runs"] for score in body["scores"]] == [5]


def test_the_score_is_the_olympic_mean_of_the_runs_times(built: Callable[..., Built]) -> None:
    submission = built()
    times = []
    for run in range(5):
        lines = submission.path(f"{{result}}/result_{run}.txt").read_text().splitlines()
        records = [json.loads(line.removeprefix(":::MLLOG ")) for line in lines]
        at = {record["key"]: record["time_ms"] for record in records}
        times.append((at["run_stop"] - at["run_start"]) / 1000)
    score = submission.check().scores[0]
    assert score.training.score_s == pytest.approx(sum(sorted(times)[1:4]) / 3)
    assert (score.training.fastest_s, score.training.slowest_s) == (min(times), max(times))


@pytest.mark.parametrize("below", ["", "results", "results/{system}", "{result}"])
def test_any_part_of_a_submission_can_be_checked(below: str, built: Callable[..., Built]) -> None:
    submission = built()
    path = submission.path(below) if below else submission.root
    report = checker.check(path)
    assert report.passed, said(report)
    assert len([item for item in report.items if item.kind == "result"]) == 1
    submission.path("{result}/result_0.txt").write_bytes(b"")
    report = checker.check(path)
    assert not report.passed
    shown = os.path.relpath(submission.path("{result}/result_0.txt"), path)
    assert shown in {finding.path for finding in report.findings}


def test_a_single_log_is_judged_alone(built: Callable[..., Built]) -> None:
    submission = built()
    report = submission.check(f"{submission.result}/result_0.txt")
    assert report.passed, said(report)
    assert [(item.path, item.kind, item.verdict) for item in report.items] == [("result_0.txt", "log", "pass")]


def test_the_other_submitters_are_still_judged(built: Callable[..., Built]) -> None:
    good, bad = built(), built(submitter="zeta")
    bad.path("{result}/manifest.json").write_bytes(b"[" * 100_000)
    report = good.check()
    organisations = {item.path: item.verdict for item in report.items if item.kind == "organisation"}
    assert organisations == {"training/closed/acme": "pass", "training/closed/zeta": "fail"}


def test_work_that_is_not_finished_is_not_a_submission(built: Callable[..., Built], tmp_path: Path) -> None:
    submission = built()
    submission.root.rename(submission.submissions / ".work")
    assert invoke("check", str(submission.submissions)).exit_code == 3


HOSTILE = "\x1b[2J\u202e%0A::error::,\n"


def report_with(text: str) -> Report:
    finding = Finding(
        "assay-x", "error", "assay", "submitter", "a/b.txt", 3, text, text, text, "assay/1.0 §1.1", "mend it"
    )
    return Report("0.1.0", "dir", "assay/1.0", [Item("a", "result", "fail")], [finding], [])


def test_github_annotations_cannot_be_broken_out_of() -> None:
    lines = github.render(report_with(HOSTILE)).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("::error file=dir/a/b.txt,line=3,title=assay-x::")
    assert "%250A" in lines[0]


def test_github_annotations_name_files_from_where_the_command_was_run(built: Callable[..., Built]) -> None:
    submission = built()
    log = submission.path("{result}/result_0.txt")
    log.write_bytes(b"")
    for path in (log, submission.path("{result}"), submission.submissions):
        annotations = invoke("check", str(path), "--format", "github").output.splitlines()[:-1]
        assert any(f"file={log}," in line for line in annotations)


def test_a_result_fails_with_the_system_it_ran_on_and_with_any_file_in_its_folder(built: Callable[..., Built]) -> None:
    submission = built()
    (submission.path("{result}") / "link").symlink_to("/")
    kinds = {item.kind: item.verdict for item in submission.check().items}
    assert kinds == {"organisation": "fail", "system": "pass", "result": "fail", "log": "pass"}
    (submission.path("{result}") / "link").unlink()
    submission.write("systems/{system}.json", "{}")
    submission.seal()
    report = submission.check()
    kinds = {item.kind: item.verdict for item in report.items}
    assert kinds == {"organisation": "fail", "system": "fail", "result": "fail", "log": "fail"}
    assert report.scores[0].verdict == "fail"


def test_text_fits_eighty_columns_and_ends_with_the_verdict() -> None:
    shown = text_renderer.render(report_with("word " * 60))
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.splitlines()[-1].startswith("FAIL  1 error")
    assert "\033[" not in shown
    assert "\033[31m" in text_renderer.render(report_with("x"), colour=True)


COMMANDS = "::add-mask::PASS ##[error]x ##vso[task]"


def test_no_text_of_a_submission_is_a_command_to_a_runner(
    built: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = built()
    submission.edit_log(0, lambda lines: [f"{COMMANDS}\n".encode(), *lines])
    path = str(submission.submissions)
    assert "::add-mask" in invoke("check", path).output
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for format_ in ("text", "json", "github"):
        shown = invoke("check", path, "--format", format_).output
        assert "add-mask" in shown
        assert "##[" not in shown
        assert not [line for line in shown.splitlines() if line.lstrip().startswith("::add-mask")]
    assert "::" not in invoke("check", path).output
    body = json.loads(json_renderer.render(report_with(COMMANDS)))
    assert body["findings"][0]["message"] == COMMANDS


def test_a_failed_item_fails_the_report_even_without_a_finding() -> None:
    report = Report("0.1.0", "dir", "assay/1.0", [Item("a", "result", "fail")], [], [])
    assert report.verdict == "fail"
    assert report.exit_code == 1


def test_json_carries_any_text() -> None:
    assert json.loads(json_renderer.render(report_with(HOSTILE)))["findings"][0]["message"] == HOSTILE


def test_names_from_a_submission_reach_the_terminal_escaped(built: Callable[..., Built]) -> None:
    submission = built()
    submission.write("{result}/evil\x1b[2J.txt", "x")
    shown = invoke("check", str(submission.submissions)).output
    assert "\x1b" not in shown
    assert "\\x1b[2J.txt" in shown


def test_five_runs_are_checked_in_well_under_a_second(built: Callable[..., Built]) -> None:
    submission = built()
    submission.check()
    began = time.process_time()
    submission.check()
    assert time.process_time() - began < 0.5


def test_rules_are_listed_shown_and_explained() -> None:
    assert "assay-seed-derived" in invoke("rules", "list").output
    assert "assay-seed-derived" in invoke("rules", "show", "assay/1.0").output
    explained = invoke("rules", "explain", "assay-evaluation-stops").output
    assert "§5.2" in explained
    assert "passes" in explained
    assert "fails" in explained
    assert invoke("rules", "lint").exit_code == 0
    unknown = invoke("rules", "explain", "assay-evaluation-stop")
    assert unknown.exit_code == 2
    assert "did you mean 'assay-evaluation-stops'?" in unknown.exception.fix


def test_a_rule_is_explained_by_the_newest_round_that_has_it_wherever_that_is() -> None:
    told = invoke("rules", "explain", "mlperf-value-given").output
    assert told.startswith("a rule of MLPerf HPC 1.0 to 3.0, MLPerf Training 3.0 to 6.1; as mlperf-training/6.1 has it")
    assert "mlperf-training/6.1, §9.1" in told
    assert (
        "mlperf-training/5.0, §9.1"
        in invoke("rules", "explain", "mlperf-value-given", "--round", "mlperf-training/5.0").output
    )
    assert invoke("rules", "show", "runs-original").exit_code == 0
    misspelt = invoke("rules", "explain", "loadgen-unalterd")
    assert misspelt.exception.fix == "did you mean 'loadgen-unaltered'?"
    elsewhere = invoke("rules", "explain", "mlperf-value-given", "--round", "mlperf-inference/6.1")
    assert elsewhere.exit_code == 2
    assert elsewhere.exception.fix == "add --round mlperf-training/6.1, or leave it out"


def test_objections_to_submissions_of_two_rounds_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = Report(assay="", path=str(tmp_path), ruleset="assay-inference/1.0, assay/1.0")
    monkeypatch.setattr(checker, "check", lambda *_, **__: judged)
    outcome = invoke("review", str(tmp_path), "--objections", str(tmp_path / "drafts"))
    assert isinstance(outcome.exception, UsageError)
    assert "submissions to several rounds: assay-inference/1.0, assay/1.0" in str(outcome.exception)
    assert not (tmp_path / "drafts").exists()
