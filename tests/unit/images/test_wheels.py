"""Wheels are files from outside: what is not exactly as it should be is refused, with wheel and path named."""

from __future__ import annotations

import base64
import hashlib
import stat
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import MachineError
from suite.images import layer
from suite.images.wheelhouse import WheelFile
from suite.images.wheels import Wheel, WheelEntry, collect

SITE = "opt/venv/lib/python3.11/site-packages"
INFO = "pack_age-1.0.dist-info"


def recorded(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def make(
    folder: Path,
    files: Mapping[str, bytes],
    *,
    name: str = "pack-age",
    record: Mapping[str, str] | None = None,
    modes: Mapping[str, int] | None = None,
) -> WheelFile:
    """Write a wheel of `files`; `record` replaces or, with "", removes the RECORD entry of a path."""
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    whole = {f"{info}/METADATA": b"Name: Pack.Age\nVersion: 1.0\nLicense-Expression: MIT\n\n", **files}
    entries = {path: recorded(content) for path, content in whole.items()} | dict(record or {})
    rows = [f'"{path}",{digest},' for path, digest in entries.items() if digest] + [f"{info}/RECORD,,"]
    whole.setdefault(f"{info}/RECORD", "\n".join(rows).encode())
    place = folder / f"{name}.whl"
    with zipfile.ZipFile(place, "w") as archive:
        for path, content in whole.items():
            member = zipfile.ZipInfo(path)
            member.external_attr = (modes or {}).get(path, stat.S_IFREG | 0o644) << 16
            archive.writestr(member, content)
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    return WheelFile(name, "1.0", f"{name.replace('-', '_')}-1.0-py3-none-any.whl", digest, place)


def contents(files: Iterable[WheelFile]) -> dict[str, bytes]:
    """Return path -> bytes of all that `files` put into an image, every byte verified."""
    with collect(list(files), "3.11") as (opened, paths):
        by_name = {wheel.file.name: wheel for wheel in opened}
        return {path: b"".join(by_name[e.wheel.name].chunks(e)) for path, entries in paths.items() for e in entries}


def refused(files: Iterable[WheelFile]) -> str:
    with pytest.raises(MachineError) as told:
        contents(files)
    assert told.value.fix
    return told.value.message


def test_a_plain_wheel_lands_below_site_packages(tmp_path: Path) -> None:
    found = contents([make(tmp_path, {"pkg/__init__.py": b"x = 1\n"})])
    assert found[f"{SITE}/pkg/__init__.py"] == b"x = 1\n"
    assert all(path.startswith("opt/venv/") for path in found)


@pytest.mark.parametrize(
    "path",
    [
        "../evil.py",
        "pkg/../../evil.py",
        "/etc/passwd",
        "pkg//x.py",
        "./x.py",
        "pkg\\..\\x.py",
        "pkg/\x1b[31m.py",
        "\x00",
    ],
)
def test_a_path_that_could_leave_the_environment_is_refused(tmp_path: Path, path: str) -> None:
    message = refused([make(tmp_path, {path: b"evil"})])
    assert message.startswith("wheel pack_age-1.0-py3-none-any.whl: ")
    assert "\x1b" not in message


@given(st.text(min_size=1, max_size=40))
def test_no_name_of_a_member_ever_leaves_the_environment(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    try:
        wheel = make(tmp_path_factory.mktemp("w"), {name: b""})
    except (ValueError, UnicodeError, UserWarning):
        return  # not even a zip file can hold this name
    try:
        found = contents([wheel])
    except MachineError:
        return
    for path in found:
        assert path.startswith("opt/venv/")
        assert not {"", ".", ".."} & set(path.split("/"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_symbolic_link_or_device_is_refused(tmp_path: Path, kind: int) -> None:
    message = refused([make(tmp_path, {"pkg/link": b"/etc/shadow"}, modes={"pkg/link": kind | 0o777})])
    assert "pkg/link: neither a plain file nor a folder" in message


def test_a_file_with_other_bytes_than_record_says_is_refused(tmp_path: Path) -> None:
    message = refused([make(tmp_path, {"pkg/x.py": b"x = 2"}, record={"pkg/x.py": recorded(b"x = 1")})])
    assert "pkg/x.py: its sha256 is " in message


def test_a_file_that_record_does_not_list_is_refused(tmp_path: Path) -> None:
    message = refused([make(tmp_path, {"pkg/x.py": b""}, record={"pkg/x.py": ""})])
    assert "pkg/x.py: in the wheel but not in its RECORD" in message


def test_a_file_that_only_record_lists_is_refused(tmp_path: Path) -> None:
    message = refused([make(tmp_path, {}, record={"pkg/lost.py": recorded(b"")})])
    assert "pkg/lost.py: in RECORD but not in the wheel" in message


def test_record_naming_a_file_in_other_case_is_refused(tmp_path: Path) -> None:
    message = refused([make(tmp_path, {"pkg/X.py": b""}, record={"pkg/X.py": "", "pkg/x.py": recorded(b"")})])
    assert "pkg/X.py: in the wheel but not in its RECORD" in message


@pytest.mark.parametrize("weak", ["md5=1B2M2Y8AsgTpgAmY7PhCfg", "sha1=2jmj7l5rSw0yVb_vlWAYkK_YBwk", "none"])
def test_a_file_without_a_strong_hash_is_refused(tmp_path: Path, weak: str) -> None:
    assert "pkg/x.py: RECORD has no strong hash" in refused(
        [make(tmp_path, {"pkg/x.py": b""}, record={"pkg/x.py": weak})]
    )


def test_a_file_with_a_longer_hash_is_taken(tmp_path: Path) -> None:
    digest = "sha512=" + base64.urlsafe_b64encode(hashlib.sha512(b"long").digest()).rstrip(b"=").decode()
    found = contents([make(tmp_path, {"pkg/x.py": b"long"}, record={"pkg/x.py": digest})])
    assert found[f"{SITE}/pkg/x.py"] == b"long"


def test_a_wheel_without_record_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "bare.whl"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr(f"{INFO}/METADATA", "Name: pack-age\n")
    assert f"{INFO}/RECORD: missing" in refused([WheelFile("pack-age", "1.0", "bare.whl", "", place)])


def test_a_wheel_of_another_project_or_version_is_refused(tmp_path: Path) -> None:
    wheel = make(tmp_path, {"pkg/x.py": b""})
    other = WheelFile("pack-age", "2.0", wheel.filename, wheel.sha256, wheel.path)
    assert "expected exactly one folder like pack-age-2-0-dist-info" in refused([other])


def test_what_is_no_zip_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"<html>not found</html>")
    assert "x.whl: not a wheel" in refused([WheelFile("x", "1", "x.whl", "", tmp_path / "x.whl")])


def test_a_damaged_member_is_refused_with_its_path(tmp_path: Path) -> None:
    wheel = make(tmp_path, {"pkg/x.py": b"A" * 5000})
    content = bytearray(wheel.path.read_bytes())
    content[content.index(b"A" * 5000) + 2500] ^= 1
    wheel.path.write_bytes(content)
    assert "pkg/x.py: damaged" in refused([wheel])


def test_two_wheels_that_disagree_on_a_path_are_refused_and_both_named(tmp_path: Path) -> None:
    one = make(tmp_path, {"shared/x.py": b"1"}, name="one")
    two = make(tmp_path, {"shared/x.py": b"2"}, name="two")
    assert refused([one, two]) == (
        f"wheels one-1.0-py3-none-any.whl and two-1.0-py3-none-any.whl disagree on /{SITE}/shared/x.py"
    )


def test_two_wheels_that_agree_on_a_path_share_it(tmp_path: Path) -> None:
    one = make(tmp_path, {"shared/__init__.py": b""}, name="one")
    two = make(tmp_path, {"shared/__init__.py": b""}, name="two")
    assert contents([one, two])[f"{SITE}/shared/__init__.py"] == b""


def test_a_file_in_one_wheel_that_is_a_folder_in_another_is_refused(tmp_path: Path) -> None:
    one = make(tmp_path, {"shared": b""}, name="one")
    two = make(tmp_path, {"shared/x.py": b""}, name="two")
    assert f"disagree on /{SITE}/shared" in refused([one, two])


def test_a_path_that_is_file_and_folder_within_one_wheel_is_refused(tmp_path: Path) -> None:
    assert "shared: both a file and a folder" in refused([make(tmp_path, {"shared": b"", "shared/x.py": b""})])


def test_console_scripts_start_the_images_own_interpreter(tmp_path: Path) -> None:
    points = b"[console_scripts]\ntool = pkg.cli:App.main [extra]\n"
    found = contents([make(tmp_path, {f"{INFO}/entry_points.txt": points})])
    script = found["opt/venv/bin/tool"].decode()
    assert script.startswith("#!/opt/venv/bin/python\nimport sys\nfrom pkg.cli import App\n")
    assert "sys.exit(App.main())" in script


@pytest.mark.parametrize(
    "line", ["../../tool = a:b", "tool = os:system('x')", "tool = a", "-rf = a:b", "tool = a:b; import os"]
)
def test_a_console_script_that_is_more_than_a_name_and_a_function_is_refused(tmp_path: Path, line: str) -> None:
    wheel = make(tmp_path, {f"{INFO}/entry_points.txt": f"[console_scripts]\n{line}\n".encode()})
    assert "entry_points.txt: " in refused([wheel])


def test_scripts_and_data_go_where_the_format_says(tmp_path: Path) -> None:
    data = "pack_age-1.0.data"
    files = {
        f"{data}/scripts/run": b"#!python\nprint()\n",
        f"{data}/scripts/shell": b"#!/bin/sh\n",
        f"{data}/data/share/x": b"x",
        f"{data}/purelib/pure.py": b"",
        f"{data}/headers/h.h": b"",
    }
    found = contents([make(tmp_path, files)])
    assert found["opt/venv/bin/run"] == b"#!/opt/venv/bin/python\nprint()\n"
    assert found["opt/venv/bin/shell"] == b"#!/bin/sh\n"
    assert {
        "opt/venv/share/x",
        f"{SITE}/pure.py",
        "opt/venv/include/site/python3.11/pack-age/h.h",
    } <= found.keys()


def test_a_scheme_nobody_knows_is_refused(tmp_path: Path) -> None:
    assert "unknown scheme 'stdlib'" in refused([make(tmp_path, {"pack_age-1.0.data/stdlib/os.py": b""})])


def test_a_layer_takes_no_bytes_that_record_does_not_list(tmp_path: Path) -> None:
    wheel = make(tmp_path, {"pkg/x.py": b"x = 1"}, record={"pkg/x.py": f"sha256={'A' * 43}"})
    with collect([wheel], "3.11") as (opened, paths):
        entry = paths[f"{SITE}/pkg/x.py"][0]
        with pytest.raises(MachineError, match=r"pkg/x\.py: its sha256 is .*, RECORD says 0000"):
            layer._stream({wheel.name: opened[0]}, entry).read(entry.size)  # as tarfile reads: so much, and no more


def test_only_files_marked_executable_are(tmp_path: Path) -> None:
    wheel = make(tmp_path, {"pkg/a": b"", "pkg/b": b""}, modes={"pkg/b": stat.S_IFREG | 0o755})
    with collect([wheel], "3.11") as (_, paths):
        pass

    def one(path: str) -> WheelEntry:
        [entry] = paths[f"{SITE}/{path}"]
        return entry

    assert (one("pkg/a").executable, one("pkg/b").executable) == (False, True)


def test_metadata_gives_name_and_licence(tmp_path: Path) -> None:
    wheel = Wheel(make(tmp_path, {}), "3.11")
    said = wheel.metadata()
    wheel.close()
    assert (said.name, said.version, said.licence) == ("Pack.Age", "1.0", "MIT")
