"""Links in a submission to MLPerf Tiny: folders behind links count, links to files pass over a submitter."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from checker.core.findings import Report
from checker.families.mlperf_tiny.review import review
from checker.report.render import json
from tests.differential import tiny_passing
from tests.differential.tiny_passing import ROUND


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_passing.submitter(tmp_path / "round/closed/Example")


def verdicts(report: Report) -> dict[str, str | None]:
    return {item.path: item.official_verdict for item in report.items if item.kind == "result"}


def links(report: Report) -> set[tuple[str, str, str]]:
    return {(f.severity, f.rule, f.path) for f in report.findings if "links" in f.rule}


def test_a_system_that_is_a_link_has_the_results_behind_it(base: Path) -> None:
    (base / "results/two").symlink_to("box")
    shutil.copy(base / "systems/box.json", base / "systems/two.json")
    report = review(base.parents[1], ROUND)
    assert len(verdicts(report)) == 4
    assert set(verdicts(report).values()) == {"pass"}
    assert links(report) == {("note", "tiny-links-followed", "closed/Example/results/two")}


def test_code_behind_a_link_is_code(base: Path) -> None:
    (base / "code").rename(base / "sources")
    (base / "code").symlink_to("sources")
    report = review(base.parents[1], ROUND)
    assert not {"tiny-code", "tiny-code-of-benchmarks"} & {finding.rule for finding in report.findings}


@pytest.mark.parametrize(
    ("target", "rule", "verdict"),
    [
        ("nowhere", "official-links", "fail"),
        ("again", "official-links", "fail"),
        ("/etc/hostname", "official-links", "fail"),
        ("/usr", "tiny-links", "pass"),
        ("../../../..", "tiny-links", "pass"),
    ],
)
def test_a_link_out_or_to_nowhere(base: Path, target: str, rule: str, verdict: str) -> None:
    (base / "code/again").symlink_to(target)
    report = review(base.parents[1], ROUND)
    assert links(report) == {("error", rule, "closed/Example/code/again")}
    assert set(verdicts(report).values()) == {verdict}


def test_submitters_and_divisions_may_be_links_within_the_round(base: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/results").mkdir()
    (base.parent / "Other").symlink_to("Example")
    (base.parent / "Out").symlink_to(tmp_path / "secret")
    (base.parents[1] / "open").symlink_to("closed")
    report = review(base.parents[1], ROUND)
    assert {path.partition("/results/")[0] for path in verdicts(report)} == {
        f"{division}/{name}" for division in ("closed", "open") for name in ("Example", "Other")
    }
    assert links(report) == {("error", "tiny-links", "closed/Out"), ("error", "tiny-links", "open/Out")}
    assert "secret" not in json.render(report)
