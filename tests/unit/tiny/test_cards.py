"""Every rule of MLPerf Tiny passes its passing example and finds its failing one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from checker.families.mlperf_tiny.review import review
from rules.cards import Card, Edit, Example
from rules.ruleset import load
from tests.differential import tiny_passing
from tests.unit.by_table import checks_of

ROUND = "mlperf-tiny/1.4"  # has every rule of 1.3, and ic2
RESULT = "results/box/ic"
CARDS = list(load(ROUND).cards.values())


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_passing.submitter(tmp_path_factory.mktemp("passing") / "closed" / "Example", ROUND).parents[1]


def edited(submission: Path, to: Path, example: Example) -> Path:
    shutil.copytree(submission, to)
    for edit in example.edit or ():
        apply(to / "closed/Example", edit)
    for folder in [Path(at) for at, folders, files in os.walk(to) if not folders and not files]:
        if not any(edit.folder for edit in example.edit or ()):
            folder.rmdir()  # what Git would not keep either
    return to


def apply(root: Path, edit: Edit) -> None:
    file = root / edit.file.replace("{result}", RESULT)
    file.parent.mkdir(parents=True, exist_ok=True)
    if edit.remove:
        file.unlink()
    elif edit.link is not None:
        file.symlink_to(edit.link)
    elif edit.folder:
        file.mkdir()
    elif edit.size is not None:
        with file.open("wb") as sparse:
            sparse.truncate(edit.size)
    elif edit.copy_of is not None:
        shutil.copy(root / edit.copy_of.replace("{result}", RESULT), file)
    elif edit.replace is not None:
        assert edit.replace[0] in file.read_text()
        file.write_text(file.read_text().replace(*edit.replace))
    else:
        file.write_text(edit.write or "")


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_the_passing_example_is_no_finding(tmp_path: Path, submission: Path, card: Card) -> None:
    report = review(edited(submission, tmp_path / "round", card.passes), ROUND)
    assert card.id not in {finding.rule for finding in report.findings}
    if not card.passes.edit:
        assert not report.findings


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_the_failing_example_is_a_finding_with_place_clause_and_fix(
    tmp_path: Path, submission: Path, card: Card
) -> None:
    name = "tiny_results_v1.3" if card.id == "round-as-named" else "round"
    report = review(edited(submission, tmp_path / name, card.fails), ROUND)
    found = [finding for finding in report.findings if finding.rule == card.id]
    follows = {"official-crash-follows", "official-submitter-passed-over", "official-system-passed-over"}
    if card.id in follows:  # silent where its cause is said
        assert not found
        assert {item.official_verdict for item in report.items if item.kind == "result"} == {"fail"}
        return
    assert found
    for finding in found:
        assert finding.authority == card.authority
        assert finding.fix
        assert finding.clause.startswith(f"{ROUND} §")
        assert not Path(finding.path).is_absolute()


def test_every_check_has_a_card_and_every_card_a_check() -> None:
    named = {card.check for card in CARDS}
    assert named - {None} == set(checks_of(ROUND))
