"""The verdict of the single-file checker in a review: every rule's examples, and which rounds it knows."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from checker.families.mlperf_inference.review import review
from rules.cards import Card, Edit, Example
from rules.errors import UsageError
from rules.ruleset import load
from tests.differential import single_file_passing

ROUND = "mlperf-inference/5.1"
RESULT = "results/box/resnet/Offline"
CARDS = [card for card in load(ROUND).cards.values() if card.official == "single-file"]
FOLLOW = {
    "single-file-unseen",
    "single-file-system-unseen",
    "single-file-benchmark-unseen",
    "single-file-crash-follows",
}


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("passing")
    single_file_passing.submission(root, ROUND)
    return root


def edited(submission: Path, to: Path, example: Example) -> Path:
    shutil.copytree(submission, to)
    for edit in example.edit or ():
        apply(to / "closed/Example", edit)
    if not any(edit.folder for edit in example.edit or ()):
        for folder in [Path(at) for at, folders, files in os.walk(to) if not folders and not files]:
            folder.rmdir()  # what Git would not keep either
    return to


def apply(base: Path, edit: Edit) -> None:
    file = base / edit.file.replace("{result}", RESULT)
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
        shutil.copy(base / edit.copy_of, file)
    elif edit.line is not None:
        file.write_text("".join(changed(line, edit) for line in file.read_text().splitlines(keepends=True)))
    elif edit.set:
        file.write_text(json.dumps({**json.loads(file.read_text()), **edit.set}))
    else:
        file.write_text(edit.write or "")


def changed(line: str, edit: Edit) -> str:
    marker, _, body = line.partition(" ")
    record = json.loads(body)
    if record["key"] == edit.line:
        for name, value in edit.set.items():
            at, _, last = name.rpartition(".")
            (record[at] if at else record)[last] = value
    return f"{marker} {json.dumps(record)}\n"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_the_passing_example_is_no_finding(tmp_path: Path, submission: Path, card: Card) -> None:
    report = review(edited(submission, tmp_path / "round", card.passes), ROUND, jobs=1, official="single-file")
    assert not [finding for finding in report.findings if finding.rule.startswith("single-file")]
    assert {item.official_verdict for item in report.items} == {"pass"}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_the_failing_example_is_a_finding_with_place_clause_and_fix(
    tmp_path: Path, submission: Path, card: Card
) -> None:
    report = review(edited(submission, tmp_path / "round", card.fails), ROUND, jobs=1, official="single-file")
    found = [finding for finding in report.findings if finding.rule == card.id]
    if card.id in FOLLOW:  # silent where its cause is said
        assert not found
        assert "fail" in {item.official_verdict for item in report.items if item.kind == "result"}
        return
    assert found
    for finding in found:
        assert finding.authority == card.authority == "official"
        assert finding.fix
        assert finding.clause.startswith("mlperf-inference/5.1 §")
        assert not Path(finding.path).is_absolute()


def test_a_round_that_the_checker_never_judged_is_refused_with_those_it_did(submission: Path) -> None:
    with pytest.raises(UsageError) as refused:
        review(submission, "mlperf-inference/6.0", official="single-file")
    assert "mlperf-inference/5.1" in (refused.value.fix or "")


def test_what_the_modular_checker_never_sees_fails_by_the_single_file_one_alone(
    tmp_path: Path, submission: Path
) -> None:
    root = tmp_path / "round"
    shutil.copytree(submission, root)
    (root / "closed/Example/calibration.md").unlink()
    (root / "closed/Example/code/read me").write_text("x")
    old = {item.official_verdict for item in review(root, ROUND, official="single-file").items}
    new = {item.official_verdict for item in review(root, ROUND).items}
    assert (old, new) == ({"fail"}, {"pass"})
