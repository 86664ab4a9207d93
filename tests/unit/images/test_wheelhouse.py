"""Fetching wheels with the real pip from a folder: what is missing, wrong or damaged is named."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from rules.errors import MachineError
from suite.images import wheelhouse
from suite.images.matrix import Cell, cell


def silent(done: int, total: int, what: str) -> None: ...


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only place pip looks in this test."""
    place = tmp_path / "shelf"
    place.mkdir()
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place))
    return place


def put(shelf: Path, name: str, version: str, text: str = "") -> str:
    """Put a wheel on the shelf and return its hash."""
    place = shelf / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{text}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(place.read_bytes()).hexdigest()


def locked(folder: Path, *pins: tuple[str, str]) -> Cell:
    lock = folder / "wheels.lock"
    lock.write_text("".join(f"{pin} \\\n    --hash=sha256:{digest}\n" for pin, digest in pins))
    return replace(cell("jax", "cpu"), framework="some", wheel_lock=lock)


def test_wheels_are_fetched_once_and_kept_by_hash(shelf: Path, tmp_path: Path) -> None:
    chosen = locked(tmp_path, ("one==1.0", put(shelf, "one", "1.0")), ("two==2.0+cpu", put(shelf, "two", "2.0+cpu")))
    assert wheelhouse.have(chosen) is None
    fetched = wheelhouse.fetch(chosen, silent)
    assert [(file.name, file.version) for file in fetched] == [("one", "1.0"), ("two", "2.0+cpu")]
    for wheel in shelf.iterdir():
        wheel.unlink()
    assert wheelhouse.fetch(chosen, silent) == fetched
    for file in fetched:
        wheelhouse.verify(file)


def test_a_wheel_with_other_bytes_than_the_lock_pins_is_refused(shelf: Path, tmp_path: Path) -> None:
    chosen = locked(tmp_path, ("one==1.0", put(shelf, "one", "1.0")))
    put(shelf, "one", "1.0", "Summary: changed\n")
    with pytest.raises(MachineError, match=r"one==1\.0.*is not one that .*wheels\.lock pins"):
        wheelhouse.fetch(chosen, silent)
    assert wheelhouse.have(chosen) is None


def test_a_wheel_that_is_nowhere_is_named(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"gone==3\.0, which .*wheels\.lock pins, is not where pip looks"):
        wheelhouse.fetch(locked(tmp_path, ("gone==3.0", "0" * 64)), silent)


def test_a_torch_that_is_nowhere_is_explained_by_pytorchs_own_index(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"torch==2\.13\.0\+cpu") as told:
        wheelhouse.fetch(locked(tmp_path, ("torch==2.13.0+cpu", "0" * 64)), silent)
    assert "PyTorch's CPU wheel index" in told.value.fix
    assert "pip config set global.find-links" in told.value.fix


def test_a_wheel_damaged_in_the_cache_is_noticed_and_fetched_anew(shelf: Path, tmp_path: Path) -> None:
    chosen = locked(tmp_path, ("one==1.0", put(shelf, "one", "1.0")))
    [file] = wheelhouse.fetch(chosen, silent)
    file.path.write_bytes(file.path.read_bytes()[:-1])
    with pytest.raises(MachineError, match="damaged in the cache"):
        wheelhouse.verify(file)
    assert wheelhouse.have(chosen) is None
    [again] = wheelhouse.fetch(chosen, silent)
    wheelhouse.verify(again)
