"""Every rule on whole submissions passes its passing example and finds its failing one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from checker.families.mlperf_training.review import review
from rules.cards import Card, Edit, Example
from rules.ruleset import load
from tests.differential import passing
from tests.differential.mutations import change
from tests.unit.by_table import checks_of

ROUND = "mlperf-training/5.1"
RESULT = "results/box/llama2_70b_lora"


def of_submissions() -> list[Card]:
    known = checks_of(ROUND)
    return [
        card
        for card in load(ROUND).cards.values()
        if card.official in ("package", "repository") or (card.check and known[card.check].unit != "log")
    ]


CARDS = of_submissions()


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return passing.organisation(tmp_path_factory.mktemp("passing") / "Example", ROUND)


def edited(submission: Path, to: Path, example: Example) -> Path:
    shutil.copytree(submission, to)
    for edit in example.edit or ():
        path = to / edit.file.replace("{result}", RESULT)
        files = sorted(path.glob("result_*.txt")) if path.is_dir() else [path]
        for file in files:
            apply(to, file, edit)
    return to


def apply(root: Path, file: Path, edit: Edit) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if edit.link is not None:
        file.symlink_to(edit.link)
    elif edit.replace is not None:
        file.write_text(file.read_text().replace(*edit.replace))
    elif edit.write is not None:
        file.write_text(edit.write)
    elif edit.copy_of is not None:
        shutil.copy(root / edit.copy_of.replace("{result}", RESULT), file)
    elif edit.line is not None and edit.remove:
        lines = file.read_text().splitlines(keepends=True)
        lines.remove(next(line for line in lines if f'"key": "{edit.line}"' in line))
        file.write_text("".join(lines))
    elif edit.remove:
        file.unlink()
    elif edit.line is not None:
        changed = change(file.read_bytes(), edit.line, lambda record: put(record, edit))
        assert changed is not None
        file.write_bytes(changed)
    else:
        document = json.loads(file.read_text())
        put(document, edit)
        file.write_text(json.dumps(document))


def put(document: dict[str, Any], edit: Edit) -> None:
    for name, value in edit.set.items():
        *path, last = name.split(".")
        at = document
        for part in path:
            at = at[part]
        at[last] = at[last] + value if edit.add else value


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_the_passing_example_is_no_finding(tmp_path: Path, submission: Path, card: Card) -> None:
    report = review(edited(submission, tmp_path / "Example", card.passes), ROUND)
    assert card.id not in {finding.rule for finding in report.findings}


@pytest.mark.parametrize("card", [card for card in CARDS if card.fails.edit], ids=lambda card: card.id)
def test_the_failing_example_is_a_finding_with_place_clause_and_fix(
    tmp_path: Path, submission: Path, card: Card
) -> None:
    report = review(edited(submission, tmp_path / "Example", card.fails), ROUND)
    found = [finding for finding in report.findings if finding.rule == card.id]
    assert found
    for finding in found:
        assert finding.authority == card.authority
        assert finding.fix
        assert finding.clause.startswith(f"{ROUND} §")
        assert not Path(finding.path).is_absolute()
        assert ".." not in finding.path


def test_every_check_of_rounds_has_a_card_and_every_card_a_check() -> None:
    named = {card.check for card in load(ROUND).cards.values() if card.check is not None}
    assert named == set(checks_of(ROUND))


def test_a_system_twice_as_large_and_four_times_as_fast_wants_an_explanation(tmp_path: Path) -> None:
    root = passing.organisation(tmp_path / "Example", ROUND)
    description = passing.system_description(ROUND, number_of_nodes="2")
    (root / "systems" / "big.json").write_text(json.dumps(description))
    folder = root / "results" / "big" / "llama2_70b_lora"
    folder.mkdir(parents=True)
    for run in range(10):
        lines = passing.records("llama2_70b_lora", ROUND, run, minutes=2.5, begins_hours=500)
        (folder / f"result_{run}.txt").write_text(passing.text(lines).replace('"value": 10', '"value": 20'))
    found = [finding for finding in review(root, ROUND).findings if finding.rule == "scales-plausibly"]
    assert [finding.path for finding in found] == ["results/big/llama2_70b_lora"]


def test_a_file_above_the_limit_is_named(tmp_path: Path) -> None:
    root = passing.organisation(tmp_path / "Example", ROUND)
    with (root / "systems" / "core").open("wb") as file:
        file.truncate(60 << 20)
    assert ("repository-size", "systems/core") in {(f.rule, f.path) for f in review(root, ROUND).findings}
