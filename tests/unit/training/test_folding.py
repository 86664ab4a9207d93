"""One fault of a submission is one finding; what only follows from it is not said, and no verdict changes for it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from checker.core.findings import Report
from checker.core.waivers import Waiver, Waivers
from checker.families.mlperf_training.review import review
from checker.report.render import text
from tests.differential import passing

ROUND = "mlperf-training/5.1"
RESULT = "Example/results/box/llama2_70b_lora"


@pytest.fixture
def round_(tmp_path: Path) -> Path:
    """An organisation with two results on one system, and another."""
    passing.organisation(tmp_path / "round" / "Example", ROUND, ("llama2_70b_lora", "rgat"))
    passing.organisation(tmp_path / "round" / "Other", ROUND, ("llama31_405b",), begins_hours=5000)
    return tmp_path / "round"


def errors(report: Report) -> Counter[tuple[str, str]]:
    return Counter((finding.rule, finding.path) for finding in report.findings if finding.severity == "error")


def failed(report: Report) -> set[tuple[str, str]]:
    return {(item.kind, item.path) for item in report.items if item.verdict == "fail"}


RESULTS = {("result", RESULT), ("result", "Example/results/box/rgat"), ("organisation", "Example")}


@pytest.mark.parametrize("whole", [False, True])
def test_a_missing_description_is_one_finding_and_fails_every_result_of_its_system(round_: Path, whole: bool) -> None:
    described = round_ / "Example" / "systems" / "box.json"
    described.unlink()
    if whole:
        described.parent.rmdir()
    report = review(round_, ROUND)
    assert errors(report) == {("system-missing", "Example/results/box"): 1}
    assert failed(report) == RESULTS
    crashes = {item.official_crash for item in report.items if item.kind == "result" and "Example" in item.path}
    assert crashes == {"FileNotFoundError: systems/box.json"}


def test_a_description_that_cannot_be_read_is_named_and_where_the_official_checker_ends(round_: Path) -> None:
    (round_ / "Example" / "systems" / "box.json").write_text("{")
    report = review(round_, ROUND)
    described = "Example/systems/box.json"
    assert errors(report) == {("mlperf-file-readable", described): 1, ("official-crash", described): 1}
    assert failed(report) == {*RESULTS, ("system", "Example/systems/box.json")}


def test_a_description_without_division_is_told_by_its_missing_members_alone(round_: Path) -> None:
    (round_ / "Example" / "systems" / "box.json").write_text("{}")
    assert {rule for rule, _ in errors(review(round_, ROUND))} == {"system-members"}


def test_a_result_without_logs_is_one_finding(round_: Path) -> None:
    for log in (round_ / RESULT).iterdir():
        log.unlink()
    report = review(round_, ROUND)
    assert errors(report) == {("run-count", RESULT): 1}
    assert {("rcp", RESULT), ("result", RESULT)} <= failed(report)


def spoiled(round_: Path, change: Callable[[str], str], runs: int = 10) -> Report:
    for run in range(runs):
        log = round_ / RESULT / f"result_{run}.txt"
        log.write_text(change(log.read_text()))
    return review(round_, ROUND)


def first_line(said: str) -> str:
    return said[: said.index("\n") + 1]


def test_a_log_of_an_unknown_benchmark_stops_the_official_checker_once(round_: Path) -> None:
    report = spoiled(round_, lambda said: said.replace('"value": "llama2_70b_lora"', '"value": "nope"'))
    found = errors(report)
    assert all(found["official-crash", f"{RESULT}/result_{run}.txt"] == 1 for run in range(10))
    assert not [rule for rule, _ in found if rule == "official-crash-follows"]


def test_empty_logs_are_one_finding_each_and_nothing_else(round_: Path) -> None:
    found = errors(spoiled(round_, lambda _: ""))
    assert found == {("mlperf-file-readable", f"{RESULT}/result_{run}.txt"): 1 for run in range(10)}


def test_a_fault_that_was_tolerated_hides_no_error(round_: Path) -> None:
    """One run with a line that is no record is dropped; that its seed cannot be told still rejects the result."""
    report = spoiled(round_, lambda said: f":::MLLOG {{\n{said}", runs=1)
    assert ("seeds-logged", f"{RESULT}/result_0.txt") in errors(report)


def test_every_official_message_on_a_log_stays(round_: Path) -> None:
    report = spoiled(round_, first_line, runs=1)
    said = [finding.message for finding in report.findings if finding.rule == "official-log-exactly-one"]
    assert len([m for m in said if "is not logged exactly once" in m]) > 5


def test_one_systems_missing_description_hides_nothing_of_another(round_: Path) -> None:
    passing.organisation(round_ / "Example", ROUND, ("flux1",), "other", begins_hours=900)
    (round_ / "Example" / "systems" / "box.json").unlink()
    (round_ / "Example" / "systems" / "other.json").write_text("{")
    assert errors(review(round_, ROUND)) == {
        ("system-missing", "Example/results/box"): 1,
        ("mlperf-file-readable", "Example/systems/other.json"): 1,
        ("official-crash", "Example/systems/other.json"): 1,
    }


def test_what_follows_from_a_waived_fault_is_said(round_: Path) -> None:
    (round_ / "Example" / "systems" / "box.json").unlink()
    waived = {"rule": "system-missing", "path": "**", "by": "x", "why": "y"}
    waivers = Waivers("w", [Waiver(**waived, until=date(2999, 1, 1))])
    report = review(round_, ROUND, waivers=waivers)
    assert {rule for rule, _ in errors(report)} == {"system-missing", "official-crash-follows"}
    assert report.verdict == "fail"


def test_a_part_of_an_organisation_is_folded_alike(round_: Path) -> None:
    (round_ / "Example" / "systems" / "box.json").unlink()
    assert len(errors(review(round_ / RESULT, ROUND))) == 1


def test_a_round_is_told_by_organisation_with_few_places_of_a_rule(round_: Path) -> None:
    report = spoiled(round_, lambda said: said.replace('"status": "success"', '"status": "aborted"'))
    said = text.render(report)
    assert "\nExample\n" in f"\n{said}"
    assert "… and 6 more like it (--format json lists them)" in said
    assert "official checker: 0 of 23 logs refused\n" in said  # it takes any status
    assert "official checker: 1 of 2 organisations refused\n    Example\n" in said
    assert all(len(line) <= 120 for line in said.splitlines())


def test_the_terminal_says_little_however_much_is_wrong(round_: Path) -> None:
    for run in range(10):
        log = round_ / RESULT / f"result_{run}.txt"
        log.write_text(first_line(log.read_text()))
    (round_ / "Example" / "systems" / "box.json").write_text(json.dumps({"division": "closed"}))
    report = review(round_, ROUND)
    assert len(report.findings) > 150
    assert len(text.render(report).splitlines()) < 200
