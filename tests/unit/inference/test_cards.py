"""Every rule on MLPerf Inference passes its passing example and finds its failing one, on a published submission."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from rules.cards import Card
from rules.round import rulesets
from rules.ruleset import load
from tests.unit.by_table import checks_of
from tests.unit.inference.published import ROUND, apply, judged, resnet, rules_of

pytestmark = pytest.mark.corpus


def asked(name: str) -> bool:
    check = checks_of(ROUND)[name]
    return check.function is not None and check.unit in ("result", "submitter", "round")


CARDS = [
    card
    for card in load(ROUND).cards.values()
    if (card.check and asked(card.check)) or card.id in ("power-files", "power-session", "refused-by-tool-alone")
]
ROUNDS = [name for name in rulesets() if name.startswith("mlperf-inference/")]


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return resnet(tmp_path_factory.mktemp("passing"))


def test_the_published_submission_passes_every_rule(submission: Path) -> None:
    report = judged(submission.parents[1])
    assert rules_of(report) == {}
    assert {item.verdict for item in report.items} == {item.official_verdict for item in report.items} == {"pass"}
    assert len(report.scores) == 3


@pytest.mark.parametrize("card", [card for card in CARDS if card.fails.edit], ids=lambda card: card.id)
def test_a_rule_finds_its_failing_example(card: Card, submission: Path, tmp_path: Path) -> None:
    base = tmp_path / "closed" / "Example"
    shutil.copytree(submission, base)
    for edit in card.fails.edit or ():
        apply(base, edit)
    report = judged(tmp_path)
    mine = [finding for finding in report.findings if finding.rule == card.id]
    assert mine, rules_of(report)
    assert {finding.severity for finding in mine} == {card.severity.value}
    assert all(finding.message and finding.clause for finding in mine)
    if card.severity == "error":
        assert report.verdict == "fail"
        assert "fail" in {item.verdict for item in report.items}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_every_rule_says_why_what_to_do_and_how_it_fails(card: Card) -> None:
    assert card.passes.edit == []
    assert card.fails.edit or card.fails.why
    assert card.fix
    assert card.why or card.id.startswith("power-") or card.id in ("test-run-valid",)


@pytest.mark.parametrize("name", ROUNDS)
def test_every_clause_cited_is_a_section_of_the_rules(name: str) -> None:
    from checker.explain.coverage import clauses

    known = {clause.number for clause in clauses(load(name))}
    assert {card.clause for card in load(name).cards.values()} <= known


@pytest.mark.parametrize("name", ROUNDS)
def test_every_clause_has_a_rule_or_a_reason_why_none_can_look_at_it(name: str) -> None:
    from checker.explain.coverage import clauses

    assert all(bool(clause.cards) != bool(clause.beyond) for clause in clauses(load(name)))


def test_rules_that_a_clause_names_beside_those_that_cite_it_exist() -> None:
    path = load(ROUND).data("clauses.yaml")
    assert path is not None
    named = {
        rule
        for said in yaml.safe_load(path.read_bytes()).values()
        if isinstance(said, dict)
        for rule in said.get("rules", ())
    }
    assert named
    assert named <= load(ROUND).cards.keys()
