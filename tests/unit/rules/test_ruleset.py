"""A round is data: it says only what differs from the one before, and its mistakes are named."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import rules.round
from checker.families import family_of
from rules import schemas
from rules.cards import Severity
from rules.errors import UsageError
from rules.round import rulesets
from rules.ruleset import load
from tests.unit.by_table import mistakes
from tests.unit.rounds import forget

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Write a file of a round that stands beside assay/1.0."""
    shutil.copytree(rules.round.ROOT / "assay", tmp_path / "assay")
    monkeypatch.setattr(rules.round, "ROOT", tmp_path)
    forget()

    def file(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    yield file
    forget()


def test_the_rounds_that_ship_have_no_mistakes() -> None:
    assert list(mistakes()) == []


@pytest.mark.parametrize("name", sorted(schemas.MODELS))
def test_the_published_schemas_are_those_of_the_models(name: str) -> None:
    text = (schemas.FOLDER / f"{name}.json").read_text()
    assert text == schemas.exported(name), "run `assay rules schemas`"


@pytest.mark.parametrize(
    ("round_", "file"), [("assay/1.0", "docs/rules.md"), ("assay-inference/1.0", "docs/rules-inference.md")]
)
def test_the_reference_is_the_generated_one(round_: str, file: str) -> None:
    command = [sys.executable, "-m", "suite.cli", "rules", "show", round_, "--markdown"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT).stdout
    assert (PROJECT / file).read_text() == said, f"run `assay rules show {round_} --markdown > {file}`"


CARD = """
- id: {id}
  title: A title
  clause: "5.2"
  severity: warning
  log: [{{keys: [eval_accuracy], holds: "{holds}"}}]
  fix: a fix
  passes: {{log: [{{key: eval_accuracy, value: 1}}]}}
  fails: {{log: [{{key: eval_accuracy, value: 0}}]}}
"""


def test_a_round_says_only_what_differs(write: Callable[[str, str], None]) -> None:
    write(
        "assay/1.1/ruleset.yaml",
        "{name: assay/1.1, title: Next, extends: assay/1.0, salt: other, drop: [assay-loss]}",
    )
    write("assay/1.1/cards/5.yaml", CARD.format(id="assay-accuracy", holds="value == 1"))
    before, after = load("assay/1.0"), load("assay/1.1")
    assert set(before.cards) - set(after.cards) == {"assay-loss"}
    assert after.card("assay-accuracy").severity is Severity.WARNING
    assert after.card("assay-status") == before.card("assay-status")
    assert (after.salt, after.limits) == ("other", before.limits)
    assert after.workloads() == before.workloads()
    assert after.workload("image-classification") == before.workload("image-classification")
    assert "assay/1.1" in rulesets()
    assert list(mistakes()) == []


@pytest.mark.parametrize(
    ("holds", "said"),
    [
        ("valu == 1", "did you mean 'value'"),
        ("value == ", "a value is expected"),
        ("value + 1", "the expression is a number"),
        ("value > rule.quality.tarjet", "did you mean 'rule.quality.target'"),
    ],
)
def test_lint_names_a_mistake_in_an_expression_with_its_place(
    holds: str, said: str, write: Callable[[str, str], None]
) -> None:
    write("assay/1.1/ruleset.yaml", "{name: assay/1.1, title: Next, extends: assay/1.0}")
    write("assay/1.1/cards/5.yaml", CARD.format(id="assay-new", holds=holds))
    found = list(mistakes())
    assert found
    assert all("assay-new" in mistake and "at character" in mistake and said in mistake for mistake in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {id: assay-x, titel: t}", "assay-x: title"),
        (
            "- {id: assay-x, title: t, clause: '1', fix: h, passes: {}, fails: {}}",
            "one of 'log', 'check', 'sheets' and 'official'",
        ),
        ("- [", "cards/5.yaml"),
        (CARD.format(id="assay-x", holds="value == 1") * 2, "assay-x is defined twice"),
    ],
)
def test_a_broken_card_is_named_with_its_file(text: str, said: str, write: Callable[[str, str], None]) -> None:
    write("assay/1.1/ruleset.yaml", "{name: assay/1.1, title: Next, extends: assay/1.0}")
    write("assay/1.1/cards/5.yaml", text)
    with pytest.raises(UsageError) as error:
        load("assay/1.1")
    assert "assay/1.1" in error.value.message
    assert said in error.value.message


def test_lint_names_checks_clauses_and_prerequisites_that_do_not_exist(write: Callable[[str, str], None]) -> None:
    card = CARD.format(id="assay-x", holds="value == 1").replace(
        'clause: "5.2"', 'clause: "5.9"\n  requires: [assay-y]'
    )
    write("assay/1.1/ruleset.yaml", "{name: assay/1.1, title: Next, extends: assay/1.0, document: document.md}")
    write("assay/1.1/cards/5.yaml", card)
    write("assay/1.1/cards/6.yaml", "- {id: assay-z, title: t, clause: '1', check: sed, fix: h, passes: {}, fails: {}}")
    assert "assay/1.1: assay-x: requires 'assay-y', which does not exist" in list(mistakes())
    assert "assay/1.1: assay-z: check 'sed' does not exist" in list(mistakes())


@pytest.mark.parametrize(
    ("requires", "said"),
    [
        ({"assay-x": "assay-w", "assay-w": ""}, "assay-x: requires 'assay-w', a warning, which would hide an error"),
        ({"assay-x": "assay-x"}, "assay-x: requires 'assay-x', which requires it"),
        (
            {"assay-x": "assay-y", "assay-y": "assay-z", "assay-z": "assay-x"},
            "assay-z: requires 'assay-x', which requires it",
        ),
    ],
)
def test_lint_names_rules_that_would_hide_each_other_or_behind_a_warning(
    requires: dict[str, str], said: str, write: Callable[[str, str], None]
) -> None:
    cards = [
        CARD.format(id=rule, holds="value == 1").replace(
            "severity: warning",
            f"severity: {'warning' if rule == 'assay-w' else 'error'}\n  requires: [{other}]",
        )
        for rule, other in requires.items()
    ]
    write("assay/1.1/ruleset.yaml", "{name: assay/1.1, title: Next, extends: assay/1.0}")
    write("assay/1.1/cards/5.yaml", "".join(cards))
    found = [mistake for mistake in mistakes() if mistake.startswith("assay/1.1: ")]
    assert any(said in mistake for mistake in found), found
    assert all("would hide" in mistake for mistake in found), found


def test_dropping_a_rule_that_is_not_there_is_a_mistake(write: Callable[[str, str], None]) -> None:
    write("assay/1.1/ruleset.yaml", "{name: assay/1.1, title: Next, extends: assay/1.0, drop: [assay-los]}")
    with pytest.raises(UsageError, match="drops 'assay-los'"):
        load("assay/1.1")


def test_members_that_a_round_leaves_empty_are_as_if_not_given(write: Callable[[str, str], None]) -> None:
    write("assay/1.1/ruleset.yaml", "extends: assay/1.0\ntitle:\ndrop:\n")
    forget()
    assert (load("assay/1.1").title, load("assay/1.1").drop) == ("assay/1.1", [])


@pytest.mark.parametrize("text", ["5", "id: log-line", "log-line"])
def test_a_file_of_cards_that_is_no_list_is_named(text: str, write: Callable[[str, str], None]) -> None:
    write("assay/1.1/ruleset.yaml", "extends: assay/1.0")
    write("assay/1.1/cards/more.yaml", text)
    with pytest.raises(UsageError, match=r"assay/1\.1/cards/more\.yaml: not a list of rules"):
        load("assay/1.1")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("clauses.yaml", "[log, order]", "clauses.yaml: : Input should be a valid dictionary"),
        ("clauses.yaml", "1.2: {rules: [assay-loss]}", "clauses.yaml: 1.2.title: Field required"),
        ("clauses.yaml", "1.2: [", "clauses.yaml: while parsing"),
        ("thresholds.yaml", "copies: {steps: }", "assay/1.1/thresholds.yaml: : Value error, copies: nothing on steps"),
    ],
)
def test_lint_names_a_mistake_in_a_file_beside_the_cards(
    file: str, text: str, said: str, write: Callable[[str, str], None]
) -> None:
    write("assay/1.1/ruleset.yaml", "extends: assay/1.0")
    write(f"assay/1.1/{file}", text)
    found = list(mistakes())
    assert any(said in one for one in found), found


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        load("assay/1.00")
    assert "did you mean 'assay/1.0'?" in error.value.fix
    with pytest.raises(UsageError) as error:
        load("assay/1.0").card("assay-sed-derived")
    assert "did you mean 'assay-seed-derived'?" in error.value.fix


@pytest.mark.parametrize(
    ("round_", "demand", "said"),
    [
        ("assay/1.1", "check: run-cuont, clause: '1'", "check 'run-cuont' does not exist (did you mean 'run-count'?)"),
        ("mlperf-training/6.2", "check: run-count, clause: '9.1'", "check 'run-count' does not exist"),
        ("mlperf-training/6.2", "official: packge, clause: '9.1'", "official checker 'packge' does not exist"),
        ("mlperf-training/6.2", "official: package, clause: '9.1.77'", "has no section 9.1.77"),
    ],
)
def test_lint_names_a_misspelt_check_official_checker_or_clause(
    write: Callable[[str, str], None], round_: str, demand: str, said: str
) -> None:
    shutil.copytree(PROJECT / "rules" / "mlperf-training", rules.round.ROOT / "mlperf-training")
    before = "assay/1.0" if round_.startswith("assay") else "mlperf-training/6.1"
    write(f"{round_}/ruleset.yaml", f"{{name: {round_}, title: t, extends: {before}}}")
    write(f"{round_}/cards/a.yaml", f"- {{id: a-card, title: t, {demand}, fix: h, passes: {{}}, fails: {{}}}}")
    [mistake] = mistakes()
    assert mistake.startswith(f"{round_}: a-card: ")
    assert said in mistake


def test_lint_names_a_check_of_a_unit_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = family_of("assay/1.0").checks
    wrong = replace(checks.all()["run-count"], unit="resutl")
    monkeypatch.setitem(checks._table, "run-count", wrong)
    assert "assay/1.0: check 'run-count': looks at 'resutl', which is no unit (did you mean 'result'?)" in mistakes()
