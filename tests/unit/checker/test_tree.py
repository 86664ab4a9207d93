"""The walker of a submission's folder: what it lists, what it never opens, what it survives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.core.tree import RefusedError, Tree
from rules.ruleset import load

LIMITS = load("assay/1.0").limits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outside.txt").write_text("secret")
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file.txt").write_text("content")
    return root


def test_links_pipes_and_sockets_are_listed_and_refused(folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "outside.txt")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "socket"))
    tree = Tree(folder, LIMITS)
    kinds = {entry.path: entry.kind for entry in tree.entries.values()}
    assert kinds == {
        "a": "folder",
        "a/b": "folder",
        "a/b/file.txt": "file",
        "link": "link",
        "loop": "link",
        "pipe": "special",
        "socket": "special",
    }
    for path in ("link", "pipe", "socket", "a", "loop/a/b/file.txt"):
        with pytest.raises(RefusedError):
            tree.read(path, 100)
    assert tree.read("a/b/file.txt", 100) == b"content"
    server.close()


@given(st.text(alphabet="ab./\\\0\n", max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_path_leads_out(folder: Path, path: str) -> None:
    tree = Tree(folder, LIMITS)
    for name in (path, f"a/{path}", f"../{path}", f"a/../../{path}outside.txt", f"/{path}", str(folder.parent / path)):
        try:
            content = tree.read(name, 100)
        except RefusedError:
            continue
        assert content == b"content"


def test_a_folder_swapped_for_a_link_after_listing_is_refused(folder: Path) -> None:
    tree = Tree(folder, LIMITS)
    assert tree.is_file("a/b/file.txt")
    (folder / "a/b").rename(folder.parent / "moved")
    (folder / "a/b").symlink_to(folder.parent / "moved")
    with pytest.raises(RefusedError, match="link"):
        tree.read("a/b/file.txt", 100)


def test_a_file_that_vanishes_after_listing_is_refused(folder: Path) -> None:
    tree = Tree(folder, LIMITS)
    assert tree.entries
    (folder / "a/b/file.txt").unlink()
    with pytest.raises(RefusedError, match="does not exist"):
        tree.sha256("a/b/file.txt")


def test_a_file_above_the_bound_is_refused_unread(folder: Path) -> None:
    with (folder / "huge").open("wb") as file:
        file.truncate(1 << 42)  # sparse: four terabytes
    tree = Tree(folder, LIMITS)
    with pytest.raises(RefusedError, match="bytes"):
        tree.sha256("huge")
    with pytest.raises(RefusedError, match="at most 3"):
        tree.read("a/b/file.txt", 3)


def test_listing_stops_at_the_bounds(folder: Path) -> None:
    for number in range(30):
        (folder / f"f{number}").touch()
    few = Tree(folder, LIMITS.model_copy(update={"entries": 10}))
    assert len(few.entries) == 10
    assert few.truncated is not None
    shallow = Tree(folder, LIMITS.model_copy(update={"depth": 1}))
    assert "a/b" not in shallow.entries
    assert "f29" in shallow.entries  # what lies beside is listed all the same
    assert shallow.truncated is not None


def test_names_that_are_not_unicode_are_listed(folder: Path) -> None:
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff\n"))).touch()
    assert "\udcff\n" in Tree(folder, LIMITS).entries


def test_a_path_deeper_than_anything_listed_takes_no_descriptors(folder: Path) -> None:
    deep = folder.joinpath(*"d" * (LIMITS.depth + 1))
    deep.mkdir(parents=True)
    (deep / "file.txt").write_text("content")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(RefusedError, match=f"lies deeper than {LIMITS.depth} folders"):
        Tree(folder, LIMITS).read((deep / "file.txt").relative_to(folder).as_posix(), 100)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
