"""No submission chooses its judge: not by the round its logs name, not by what stops the checker, not by its place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import checker
import checker.families.assay.review
from checker.core import ledger
from checker.core.checks import Check
from checker.families.assay.checks import CHECKS
from rules.errors import AssayError, Exit, NothingToCheckError, UsageError
from rules.round import rulesets
from rules.ruleset import load
from tests.unit.checker.submissions import TOKEN, WORKLOAD, Built, errors, said
from tests.unit.rounds import forget

ROUNDS = rulesets()


def named(round_: str) -> Callable[[list[bytes]], list[bytes]]:
    """Change the round a log names."""
    return lambda lines: [line.replace(b'"assay/1.0"', json.dumps(round_).encode()) for line in lines]


@pytest.mark.parametrize("round_", ROUNDS)
def test_every_round_judges_an_empty_result_as_failed(round_: str, tmp_path: Path) -> None:
    result = tmp_path / "closed/acme/results/box" / (WORKLOAD if load(round_).series == "assay" else "bert")
    result.mkdir(parents=True)
    (result / "result_0.txt").write_bytes(b"")
    try:
        report = checker.check(tmp_path / "closed/acme", round_)
    except (NothingToCheckError, UsageError):  # nothing of its kind there, or of another suite
        return
    assert report.verdict == "fail"


@pytest.mark.parametrize("round_", [name for name in ROUNDS if not name.startswith("assay")])
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


def test_a_defect_of_a_check_fails_that_result_and_the_others_are_judged(
    built: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    built(submitter="aaa")
    second = built(submitter="zeta")
    right = CHECKS.all()["run-count"].function

    def broken(result: Any) -> Any:
        if result.submitter == "aaa":
            raise TypeError("boom \x1b[2J")
        return right(result)

    monkeypatch.setitem(CHECKS._table, "run-count", Check("run-count", "result", broken))
    monkeypatch.setattr(CHECKS, "_chosen", {})  # what earlier tests asked for
    monkeypatch.setattr(checker.families.assay.review, "contained", ledger.contained)
    report = second.check()
    assert report.exit_code == Exit.DEFECT
    assert [(f.rule, f.path) for f in report.findings] == [("assay-defect", f"training/closed/aaa/{second.result}")], (
        said(report)
    )
    assert "TypeError: boom \\x1b[2J" in report.findings[0].message
    verdicts = {item.path: item.verdict for item in report.items if item.kind == "organisation"}
    assert verdicts == {"training/closed/aaa": "fail", "training/closed/zeta": "pass"}


def evade(submission: Built, way: str) -> None:
    """Add beside a valid submission what no rule on a submitter's own folder would meet."""
    closed = submission.root.parent
    other = closed / "zeta"
    shutil.copytree(submission.root, other)
    if way == "results is a link":
        (other / "results").rename(submission.submissions.parent / "elsewhere")
        (other / "results").symlink_to(submission.submissions.parent / "elsewhere")
    elif way == "results is misspelt":
        (other / "results").rename(other / "Results")
    elif way == "the submitter is hidden":
        other.rename(closed / ".bad")
    elif way == "the submitter is a link":
        other.rename(submission.submissions.parent / "elsewhere")
        other.symlink_to(submission.submissions.parent / "elsewhere")
    elif way == "too deep":
        (closed / "a/b/c").mkdir(parents=True)
        other.rename(closed / "a/b/c/zeta")
    elif way == "far too deep":
        deep = closed / "/".join("abcdefghijklmnopqrst")
        deep.mkdir(parents=True)
        other.rename(deep / "zeta")
    elif way == "results is empty":
        shutil.rmtree(other / "results")
        (other / "results").mkdir()
    elif way == "nothing but systems":
        shutil.rmtree(other / "results")
        shutil.rmtree(other / "benchmarks")
    elif way == "an empty folder":
        shutil.rmtree(other)
        other.mkdir()
    elif way == "junk beside":
        junk = submission.submissions / "zzz"
        for number in range(10_001):
            (junk / str(number)).mkdir(parents=True)
    elif way == "misspelt division":
        other.rename(closed.parent / "CLOSED")
        (closed.parent / "zeta").mkdir()
        (closed.parent / "CLOSED").rename(closed.parent / "zeta" / "zeta")
        (closed.parent / "zeta").rename(closed.parent / "CLOSED")
    elif way == "no division":
        other.rename(closed.parent / "zeta")
    elif way == "another suite":
        (submission.submissions / "inference/closed").mkdir(parents=True)
        other.rename(submission.submissions / "inference/closed/zeta")


@pytest.mark.parametrize(
    ("way", "rule"),
    [
        ("results is a link", "assay-plain-files"),
        ("results is misspelt", "assay-layout"),
        ("the submitter is hidden", "assay-names"),
        ("the submitter is a link", "assay-plain-files"),
        ("too deep", "assay-results"),
        ("far too deep", "assay-results"),
        ("results is empty", "assay-results"),
        ("nothing but systems", "assay-results"),
        ("an empty folder", "assay-results"),
        ("junk beside", "assay-bounds"),
        ("misspelt division", "assay-layout"),
        ("no division", "assay-layout"),
        ("another suite", "assay-inference-layout"),
    ],
)
def test_no_submitter_vanishes_behind_one_that_passes(way: str, rule: str, built: Callable[..., Built]) -> None:
    submission = built()
    assert submission.check().passed
    evade(submission, way)
    report = submission.check()
    assert report.exit_code == Exit.FINDINGS
    assert rule in {f.rule for f in errors(report)}, said(report)
    verdicts = {item.path: item.verdict for item in report.items if item.kind == "organisation"}
    assert "fail" in verdicts.values()
    assert verdicts.get("training/closed/acme", "pass") == "pass"


@pytest.mark.parametrize("folder", [".work", ".replaced"])
def test_what_assay_run_keeps_beside_the_suites_is_not_judged(folder: str, built: Callable[..., Built]) -> None:
    submission = built()
    shutil.copytree(submission.root, submission.submissions / folder / "20261123T000000Z" / "training/open/acme")
    assert submission.check().findings == []
    assert checker.check(submission.root).findings == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("results/loose.txt", "assay-layout"),
        ("results/{name}/loose.txt", "assay-layout"),
        ("loose.txt", "assay-layout"),
        ("benchmarks/loose.txt", "assay-layout"),
        ("benchmarks/image-classification/loose/a.txt", "assay-layout"),
        ("benchmarks/image-classification/implementations/evil/a.py", "assay-unused"),
        ("benchmarks/other/implementations/pytorch/a.py", "assay-unused"),
        ("systems/other.json", "assay-unused"),
        ("systems/deep/other.json", "assay-layout"),
    ],
)
def test_nothing_that_no_result_needs_is_smuggled_in(name: str, rule: str, built: Callable[..., Built]) -> None:
    submission = built()
    submission.write(name.replace("{name}", submission.settings.system), "{}")
    submission.seal()
    assert rule in {f.rule for f in errors(submission.check())}


def test_an_empty_folder_below_a_result_is_seen(built: Callable[..., Built]) -> None:
    submission = built()
    (submission.path("{result}") / "more").mkdir()
    assert "assay-layout" in {f.rule for f in errors(submission.check())}
