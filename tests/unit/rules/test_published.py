"""Evidence that a round publishes is added and never replaced."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rules.round
from rules.errors import UsageError
from rules.published import add, certificates, evidence, missing, new_file, references, sources
from tests.unit.rounds import forget

ROUND, WORKLOAD = "assay/1.0", "image-classification"
PUBLISHED = sources(ROUND, WORKLOAD)
FIRST = PUBLISHED[0]
OTHER = "1" * 64


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the round, to publish in."""
    shutil.copytree(rules.round.ROOT / ROUND, tmp_path / ROUND)
    monkeypatch.setattr(rules.round, "ROOT", tmp_path)
    forget()
    yield tmp_path
    forget()


def publish(root: Path, source: str, versions: dict[str, str]) -> str:
    """Publish the first certificate as one of another source with other wheels; return its file."""
    assert FIRST.parity is not None
    body = json.loads((root / ROUND / FIRST.parity).read_bytes()) | {"source_sha256": source}
    body["frameworks"][0]["versions"] = versions
    file = new_file(ROUND, "parity", WORKLOAD, source)
    (root / ROUND / file).write_text(json.dumps(body))
    add(ROUND, WORKLOAD, source, parity=file)
    return file


def test_new_evidence_stands_beside_the_old(root: Path) -> None:
    before = certificates(ROUND, WORKLOAD, FIRST.source_sha256), references(ROUND, WORKLOAD, FIRST.source_sha256)
    assert missing(ROUND, WORKLOAD, OTHER) == ["parity", "references"]
    publish(root, OTHER, {"new": "1"})
    assert missing(ROUND, WORKLOAD, OTHER) == ["references"]
    assert (
        certificates(ROUND, WORKLOAD, FIRST.source_sha256),
        references(ROUND, WORKLOAD, FIRST.source_sha256),
    ) == before
    (new,) = certificates(ROUND, WORKLOAD, OTHER)
    assert (new.source_sha256, new.frameworks[0].versions) == (OTHER, {"new": "1"})
    assert references(ROUND, WORKLOAD, OTHER) == before[1], "until it has its own, the first source's"
    add(ROUND, WORKLOAD, OTHER, references=FIRST.references or "")
    assert [(one.source_sha256, bool(one.references)) for one in sources(ROUND, WORKLOAD)] == [
        *((one.source_sha256, True) for one in PUBLISHED),
        (OTHER, True),
    ]
    assert missing(ROUND, WORKLOAD, OTHER) == []
    evidence(ROUND, WORKLOAD)


def test_a_second_certificate_of_a_source_has_a_file_and_an_entry_of_its_own(root: Path) -> None:
    assert publish(root, OTHER, {"new": "1"}) != publish(root, OTHER, {"new": "2"})
    assert [one.frameworks[0].versions for one in certificates(ROUND, WORKLOAD, OTHER)] == [{"new": "1"}, {"new": "2"}]


def test_a_source_that_is_not_listed_is_held_against_the_first(root: Path) -> None:
    publish(root, OTHER, {"new": "1"})
    (one,) = certificates(ROUND, WORKLOAD, "2" * 64)
    assert one.source_sha256 == FIRST.source_sha256


def test_evidence_of_another_source_is_a_mistake(root: Path) -> None:
    add(ROUND, WORKLOAD, OTHER, parity=FIRST.parity or "")
    with pytest.raises(UsageError, match="not of the source that it is listed for"):
        evidence(ROUND, WORKLOAD)


def test_a_round_that_extends_another_needs_a_certificate_of_its_own_and_shares_reference_runs(root: Path) -> None:
    after, source = "assay/1.1", FIRST.source_sha256
    (root / after).mkdir()
    (root / after / "ruleset.yaml").write_text(f"{{name: {after}, title: Next, extends: {ROUND}}}")
    forget()
    assert missing(after, WORKLOAD, source) == ["parity"], "a certificate names its round"
    (before,) = certificates(ROUND, WORKLOAD, source)
    file = new_file(after, "parity", WORKLOAD, source)
    (root / after / file).parent.mkdir(parents=True)
    (root / after / file).write_text(before.model_copy(update={"ruleset": after}).model_dump_json(by_alias=True))
    add(after, WORKLOAD, source, parity=file)
    assert missing(after, WORKLOAD, source) == []
    assert [one.ruleset for one in certificates(after, WORKLOAD, source)] == [after]
    assert certificates(ROUND, WORKLOAD, source) == [before]
    assert references(after, WORKLOAD, source) == references(ROUND, WORKLOAD, source)


def test_the_first_reference_runs_stay_the_first_when_their_source_gets_others(root: Path) -> None:
    first = references(ROUND, WORKLOAD, "2" * 64)
    assert first is not None
    for source, dropped in ((OTHER, 1), (FIRST.source_sha256, 2)):
        file = new_file(ROUND, "references", WORKLOAD, source)
        (root / ROUND / file).write_text(json.dumps([one.model_dump() for one in first[dropped:]]))
        add(ROUND, WORKLOAD, source, references=file)
    assert references(ROUND, WORKLOAD, FIRST.source_sha256) == first
    assert references(ROUND, WORKLOAD, "2" * 64) == first, "of a source that is not listed"
    assert references(ROUND, WORKLOAD, OTHER) == first[1:]


def test_what_another_command_has_published_meanwhile_stays(root: Path) -> None:
    assert missing(ROUND, WORKLOAD, OTHER) == ["parity", "references"]  # read, and then it takes an hour
    program = (
        "import sys, pathlib, rules.round; rules.round.ROOT = pathlib.Path(sys.argv[1]); "
        f"from rules.published import add; add({ROUND!r}, {WORKLOAD!r}, {'2' * 64!r}, references={FIRST.references!r})"
    )
    subprocess.run([sys.executable, "-c", program, str(root)], check=True)
    add(ROUND, WORKLOAD, OTHER, references=FIRST.references or "")
    before = [one.source_sha256 for one in PUBLISHED]
    assert [one.source_sha256 for one in sources(ROUND, WORKLOAD)] == [*before, "2" * 64, OTHER]
