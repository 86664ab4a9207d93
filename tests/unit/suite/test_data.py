"""A user's own copy of the data is used if its decompressed bytes are the rule set's, and only then."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from rules.errors import UsageError
from rules.workload import WorkloadRules, workload_rules
from suite import data

CONTENT = {"pictures": b"many pictures", "labels": b"as many labels"}


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkloadRules:
    """Rules on two small files, and a cache of the test's own."""
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    return workload_rules("assay/1.0", "image-classification").model_copy(update={"data": digests})


def obtain(rules: WorkloadRules, own: Path) -> dict[str, bytes]:
    found = data.obtain("image-classification", rules, own, lambda *_: None)
    return {name: path.read_bytes() for name, path in found.items()}


def test_plain_and_gzipped_copies_are_the_same_data(rules: WorkloadRules, tmp_path: Path) -> None:
    (tmp_path / "pictures").write_bytes(CONTENT["pictures"])
    (tmp_path / "labels.gz").write_bytes(gzip.compress(CONTENT["labels"], mtime=12345))
    assert obtain(rules, tmp_path) == CONTENT


def test_a_copy_that_differs_is_named_with_both_digests(rules: WorkloadRules, tmp_path: Path) -> None:
    (tmp_path / "pictures").write_bytes(b"other pictures")
    with pytest.raises(UsageError) as caught:
        obtain(rules, tmp_path)
    for part in ("pictures", hashlib.sha256(b"other pictures").hexdigest(), rules.data["pictures"]):
        assert part in caught.value.message


def test_a_missing_file_is_named(rules: WorkloadRules, tmp_path: Path) -> None:
    (tmp_path / "pictures").write_bytes(CONTENT["pictures"])
    with pytest.raises(UsageError, match=r"labels"):
        obtain(rules, tmp_path)


@pytest.mark.parametrize("spoil", [slice(0, 20), slice(0, 3)])
def test_a_damaged_gzip_is_a_sentence(rules: WorkloadRules, tmp_path: Path, spoil: slice) -> None:
    (tmp_path / "pictures.gz").write_bytes(gzip.compress(CONTENT["pictures"])[spoil])
    with pytest.raises(UsageError, match=r"pictures.gz is a damaged gzip file"):
        obtain(rules, tmp_path)


def test_what_is_in_the_cache_is_checked_again_before_use(rules: WorkloadRules, tmp_path: Path) -> None:
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
    obtain(rules, tmp_path)
    place = tmp_path / "cache/data/image-classification"
    assert data._complete(place, rules.data)
    (place / "labels").write_bytes(b"rotten")
    assert not data._complete(place, rules.data)
