"""Locks pin everything with a hash, and a broken one is refused with the line named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import UsageError
from suite.images import locks
from suite.images.debian import Package
from suite.images.matrix import ROOT, cell, select

ONE, TWO = "1" * 64, "2" * 64


def write(folder: Path, text: str) -> Path:
    place = folder / "some.lock"
    place.write_text(text)
    return place


def test_a_wheel_lock_gives_every_pin_with_all_its_hashes(tmp_path: Path) -> None:
    text = f"# a comment\na-b==1.0+cpu \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{TWO}\n"
    text += f"c==2 \\\n    --hash=sha256:{ONE}\n"
    assert locks.wheels(write(tmp_path, text)) == [
        locks.Pinned("a-b", "1.0+cpu", frozenset({ONE, TWO})),
        locks.Pinned("c", "2", frozenset({ONE})),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "pins nothing"),
        ("a==1\n", "a==1 has no hash"),
        (f"a==1 \\\n    --hash=md5:{ONE}\n", ":2: "),
        (f"a==1 \\\n    --hash=sha256:{ONE[:-1]}\n", ":2: "),
        (f"a>=1 \\\n    --hash=sha256:{ONE}\n", ":1: "),
        (f"    --hash=sha256:{ONE}\n", ":1: .*a hash before the first package"),
        (f"a==1 \\\n    --hash=sha256:{ONE}\na==2 \\\n    --hash=sha256:{ONE}\n", ":3: .*pinned twice"),
        (f"--index-url https://somewhere\na==1 \\\n --hash=sha256:{ONE}\n", ":1: "),
        (f"./local.whl \\\n    --hash=sha256:{ONE}\n", ":1: "),
        ("a==1 \x1b[31m\n", r":1: '.*\\x1b"),
    ],
)
def test_anything_in_a_wheel_lock_but_pins_with_hashes_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as error:
        locks.wheels(write(tmp_path, text))
    assert "some.lock" in error.value.message
    assert "\x1b" not in error.value.message


@given(st.binary(max_size=200))
def test_no_bytes_make_a_lock_crash(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    place = tmp_path_factory.mktemp("l") / "some.lock"
    place.write_bytes(content)
    for read in (locks.wheels, locks.packages):
        with pytest.raises(UsageError):
            read(place)


package = st.builds(
    Package,
    st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,20}", fullmatch=True),
    st.from_regex(r"([0-9]:)?[0-9][A-Za-z0-9.+~]{0,10}(-[a-z0-9+.~]{1,5})?", fullmatch=True),
    st.sampled_from(["all", "amd64", "arm64"]),
    st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    st.integers(0, 10**11),
)


@given(st.lists(package, min_size=1, max_size=20, unique_by=lambda p: p.name))
def test_a_base_lock_reads_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, pinned: list[Package]
) -> None:
    place = tmp_path_factory.mktemp("l") / "base.lock"
    place.write_bytes(locks.write_packages(pinned, "bookworm", "amd64"))
    assert locks.packages(place) == sorted(pinned, key=lambda p: p.name)


@pytest.mark.parametrize("line", ["zlib1g 1.0 amd64 5", f"zlib1g 1.0 amd64 x {ONE}", f"../zlib1g 1.0 amd64 5 {ONE}"])
def test_a_broken_line_of_a_base_lock_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(UsageError, match=re.escape("some.lock:2: ")):
        locks.packages(write(tmp_path, f"# head\n{line}\n"))


@pytest.mark.parametrize(
    "text", ["", "debian:bookworm", f"debian@sha256:{ONE[:-1]}", f"a@sha256:{ONE}\nb@sha256:{TWO}"]
)
def test_a_registry_base_must_be_pinned_by_digest(text: str) -> None:
    with pytest.raises(UsageError, match="is not one line repository@sha256:digest"):
        locks.image(text, "here")


def test_committed_locks_pin_the_same_numpy_and_safetensors_for_every_framework() -> None:
    pinned = [{pin.name: pin.version for pin in locks.wheels(each.wheel_lock)} for each in select()]
    assert {(pins["numpy"], pins["safetensors"]) for pins in pinned} == {("2.4.6", "0.8.0")}


def test_the_torch_that_is_locked_is_the_cpu_build() -> None:
    [torch] = [pin for pin in locks.wheels(cell("pytorch", "cpu").wheel_lock) if pin.name == "torch"]
    assert torch.version == "2.13.0+cpu"
    assert "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b" in torch.hashes


def test_committed_locks_name_no_index_no_address_and_no_folder() -> None:
    for place in sorted((ROOT / "wheels").iterdir()) + sorted((ROOT / "base").iterdir()):
        lines = [line for line in place.read_text().splitlines() if not line.startswith("#")]
        assert not [line for line in lines if "/" in line or "index" in line], place


def test_the_base_has_python_and_openmp_but_no_pip_and_no_certificates() -> None:
    names = {package.name for package in locks.packages(cell("jax", "cpu", "mmdebstrap").base_lock)}
    assert {"python3.11", "libgomp1"} <= names
    assert not names & {"python3-pip", "python3.11-venv", "ca-certificates"}
