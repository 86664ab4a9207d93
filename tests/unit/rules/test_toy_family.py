"""A toy family: one folder and one line of the table, and every command serves it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import checker.families
import rules.round
from checker.cli.check import FORMATS
from suite.cli import app
from tests.differential import tiny_passing
from tests.unit.rounds import forget

FAMILY = """
from checker.core.checks import Checks
from checker.core.family import Family, Section, Submissions
from checker.core.findings import Report, Violation
from checker.core.ledger import Ledger, raised
from checker.core.detection import DetectedRound
from rules.ruleset import load

CHECKS = Checks()


@CHECKS.check("toy-painted", "result")
def painted(result):
    if "paint" not in result.read_text():
        yield Violation("the toy is not painted", "paint", "wood", "results/box/car/toy.txt", 1)


class TwoToys:
    def as_text(self):
        return "two toys\\n"

    def as_json(self):
        return "{}\\n"


class Toys(Family):
    checks = CHECKS
    officials = ("toy-shop",)

    def detect(self, path, logs_only):
        return DetectedRound(path, "holds toys", ("toy/1.0",)) if list(path.rglob("toy.txt")) else None

    def review(self, path, round_name, asked):
        ruleset, ledger = load(round_name), Ledger(path, asked.waivers)
        found = []
        for toy in sorted(path.rglob("toy.txt")):
            for card, function in CHECKS.of(ruleset, "result"):
                found += raised(card, ("results", "box/car"), "results/box/car", function(toy))
        errors = ledger.settle(path, ruleset, found)
        ledger.judge(path, "results/box/car", "result", ("results", "box/car"), errors)
        return Report("0", str(path), round_name, ledger.items, ledger.findings, ledger.scores)

    def submissions(self, path, ruleset):
        return Submissions(path, [path])

    def compare(self, a, b, round_name):
        return TwoToys()

    def differences(self, before, after):
        yield "toys: more colours"

    def mistakes(self, ruleset):
        yield from () if ruleset.data("colours.yaml") else ("colours.yaml: is missing",)

    def explained(self, ruleset, card):
        yield "red, or blue"

    def sections(self, path, report):
        return [Section("toys", "Toys", "<section id='toys'><h2>Toys</h2></section>")]


FAMILY = Toys()
"""
ROUND = """
name: toy/1.0
title: Toys v1.0
document: toys.md
salt: s
receipt_tolerance_s: 1
significance: 0.05
limits:
  {entries: 9, depth: 9, file_bytes: 999, document_bytes: 999, log_bytes: 999, log_lines: 9, line_bytes: 99,
   json_depth: 9}
"""
CARDS = """
- id: painted-toy
  title: A toy is painted
  clause: "1"
  check: toy-painted
  fix: paint it
  passes: {}
  fails: {}
- id: sold-toy
  title: A toy can be sold
  clause: "2"
  official: toy-shop
  fix: ask the shop
  passes: {}
  fails: {}
"""


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A submission of toys; the family is a folder and a line of the table, its round a folder of rules."""
    (tmp_path / "families/toys").mkdir(parents=True)
    (tmp_path / "families/toys/family.py").write_text(FAMILY)
    monkeypatch.setattr(checker.families, "__path__", [*checker.families.__path__, str(tmp_path / "families")])
    monkeypatch.setitem(checker.families.TABLE, "toys", ("toy",))
    shutil.copytree(rules.round.ROOT, tmp_path / "rules", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (tmp_path / "rules/toy/1.0/cards").mkdir(parents=True)
    (tmp_path / "rules/toy/1.0/ruleset.yaml").write_text(ROUND)
    (tmp_path / "rules/toy/1.0/colours.yaml").write_text("[red, blue]\n")
    (tmp_path / "rules/toy/1.0/cards/cards.yaml").write_text(CARDS)
    monkeypatch.setattr(rules.round, "ROOT", tmp_path / "rules")
    forget()
    made = tmp_path / "acme/results/box/car/toy.txt"
    made.parent.mkdir(parents=True)
    made.write_text("wood\n")
    yield tmp_path / "acme"
    monkeypatch.undo()
    forget()
    for name in [name for name in sys.modules if name.startswith("checker.families.toys")]:
        del sys.modules[name]


def said(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done.stdout


@pytest.mark.parametrize("format_", FORMATS)
def test_check_recognises_it_and_every_renderer_serves_it(format_: str, toys: Path) -> None:
    shown = said("check", toys, "--format", format_, code=1)
    assert "painted" in shown
    assert "toy is not painted" in shown


def test_check_judges_by_its_round(toys: Path) -> None:
    report = json.loads(said("check", toys, "--round", "toy/1.0", "--format", "json", code=1))
    assert [finding["rule"] for finding in report["findings"]] == ["painted-toy"]
    (toys / "results/box/car/toy.txt").write_text("paint\n")
    assert json.loads(said("check", toys, "--format", "json"))["verdict"] == "pass"


def test_its_rules_are_listed_explained_and_checked(toys: Path) -> None:
    assert "painted-toy" in said("rules", "list", "--round", "toy/1.0")
    assert "red, or blue" in said("rules", "explain", "painted-toy")
    assert "MLCommons' toy-shop checker" in said("rules", "show", "sold-toy")
    assert "no mistake" in said("rules", "lint")
    assert "toys: more colours" in said("rules", "diff", "toy/1.0", "toy/1.0")
    (rules.round.ROOT / "toy/1.0/colours.yaml").unlink()
    assert "toy/1.0: colours.yaml: is missing" in said("rules", "lint", code=1)


def test_a_review_has_its_page_objections_and_comparison(toys: Path, tmp_path: Path) -> None:
    said("review", toys, "--html", tmp_path / "page.html", "--objections", tmp_path / "objections")
    assert "<section id='toys'>" in (tmp_path / "page.html").read_text()
    assert "the toy is not painted" in (tmp_path / "page.html").read_text()
    [draft] = (tmp_path / "objections").glob("*painted-toy*.md")
    assert "the toy is not painted" in draft.read_text()
    assert said("review", toys, "--against", toys) == "two toys\n"
    assert said("review", toys, "--against", toys, "--format", "json") == "{}\n"


def test_to_judge_by_one_family_imports_no_other(tmp_path: Path) -> None:
    tiny_passing.submitter(tmp_path / "closed" / "Example", "mlperf-tiny/1.3")
    judge = "import checker, sys, pathlib; checker.check(pathlib.Path(sys.argv[1]), 'mlperf-tiny/1.3')"
    tell = "print(*{name.split('.')[2] for name in sys.modules if name.startswith('checker.families.')})"
    done = subprocess.run(
        [sys.executable, "-c", f"{judge}; {tell}", tmp_path], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == {"mlperf_tiny", "recognition"}
