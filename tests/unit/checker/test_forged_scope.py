"""No submission chooses its judge: not by the round its logs name, not by what stops the checker, not by its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import checker
import checker.review
from checker import ledger
from checker.judges import registry
from rules.errors import AssayError, Exit, NothingToCheckError
from rules.ruleset import load, rulesets
from tests.unit.checker.submissions import TOKEN, WORKLOAD, Built, errors, said
from tests.unit.rules.test_ruleset import forget

ROUNDS = rulesets()


def named(round_: str) -> Callable[[list[bytes]], list[bytes]]:
    """Change the round a log names."""
    return lambda lines: [line.replace(b'"assay/1.0"', json.dumps(round_).encode()) for line in lines]


@pytest.mark.parametrize("round_", ROUNDS)
def test_every_round_judges_an_empty_result_as_failed(round_: str, tmp_path: Path) -> None:
    result = tmp_path / "closed/acme/results/box" / (WORKLOAD if load(round_).family == "assay" else "bert")
    result.mkdir(parents=True)
    (result / "result_0.txt").write_bytes(b"")
    try:
        report = checker.check(tmp_path / "closed/acme", round_)
    except NothingToCheckError:
        return
    assert report.verdict == "fail"


@pytest.mark.parametrize("round_", [name for name in ROUNDS if name != "assay/1.0"])
def test_a_log_that_names_a_round_of_another_layout_is_judged_by_assays_and_fails(
    round_: str, built: Callable[..., Built]
) -> None:
    submission = built()
    for run in range(5):
        submission.edit_log(run, named(round_))
    submission.seal()
    for below in ("", f"{submission.result}/result_0.txt"):
        report = submission.check(below)
        assert report.ruleset == "assay/1.0"
        at = submission.line(0, "ruleset")
        assert [f.line for f in errors(report) if "result_0.txt" in f.path and f.line == at], said(report)


def test_one_submitters_round_is_not_anothers(built: Callable[..., Built], rounds: Path) -> None:
    (rounds / "assay/1.1").mkdir()
    (rounds / "assay/1.1/ruleset.yaml").write_text("{name: assay/1.1, title: Next, extends: assay/1.0}")
    forget()
    try:
        first, second = built(submitter="aaa"), built(submitter="zeta")
        first.edit_log(0, named("assay/1.1"))
        report = second.check()
        assert report.ruleset == "assay/1.0, assay/1.1"
        verdicts = {item.path: item.verdict for item in report.items if item.kind == "organisation"}
        assert verdicts == {"training/closed/aaa": "fail", "training/closed/zeta": "pass"}, said(report)
    finally:
        (rounds / "assay/1.1/ruleset.yaml").unlink()
        (rounds / "assay/1.1").rmdir()
        forget()


def test_a_round_without_rules_judges_nothing(built: Callable[..., Built], rounds: Path) -> None:
    folder = rounds / "assay/0.1"
    folder.mkdir()
    dropped = json.dumps(sorted(load("assay/1.0").cards))
    (folder / "ruleset.yaml").write_text(
        f"{{name: assay/0.1, title: Empty, extends: assay/1.0, drop: {dropped}}}".replace("\n", "")
    )
    forget()
    try:
        with pytest.raises(AssayError) as error:
            checker.check(built().submissions, "assay/0.1")
        assert error.value.exit_code == Exit.USAGE
    finally:
        (folder / "ruleset.yaml").unlink()
        folder.rmdir()
        forget()


@pytest.mark.parametrize("key", ["train_loss", "eval_accuracy"])
def test_a_member_that_two_lines_lack_is_a_finding(key: str, built: Callable[..., Built]) -> None:
    submission = built()

    def without(lines: list[bytes]) -> list[bytes]:
        changed = []
        for line in lines:
            record = json.loads(line.removeprefix(TOKEN.encode()))
            if record["key"] == key:
                record["metadata"].pop("samples_count")
            changed.append(f"{TOKEN}{json.dumps(record)}\n".encode())
        return changed

    submission.edit_log(0, without)
    submission.seal()
    report = submission.check()
    assert report.exit_code == Exit.FINDINGS
    found = [f for f in errors(report) if f.path.endswith("result_0.txt") and "samples_count" in f.message]
    assert len(found) >= 2, said(report)


def test_a_defect_of_a_judge_fails_that_result_and_the_others_are_judged(
    built: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    built(submitter="aaa")
    second = built(submitter="zeta")
    known = dict(registry.judges())
    right = known["run-count"].function

    def broken(result: Any) -> Any:
        if result.submitter == "aaa":
            raise TypeError("boom \x1b[2J")
        return right(result)

    known["run-count"] = registry.Judge("run-count", "result", broken)
    monkeypatch.setattr(checker.review, "judges", lambda: known)
    monkeypatch.setattr(checker.review, "contained", ledger.contained)
    report = second.check()
    assert report.exit_code == Exit.DEFECT
    assert [(f.rule, f.path) for f in report.findings] == [("assay-defect", f"training/closed/aaa/{second.result}")], (
        said(report)
    )
    assert "TypeError: boom \\x1b[2J" in report.findings[0].message
    verdicts = {item.path: item.verdict for item in report.items if item.kind == "organisation"}
    assert verdicts == {"training/closed/aaa": "fail", "training/closed/zeta": "pass"}
