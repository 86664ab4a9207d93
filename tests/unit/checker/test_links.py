"""Links in a submission: followed to what lies in it, as the official checkers do, and never out of it."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter

import pytest

from checker.core.links import LISTED, LinkedTree
from checker.core.tree import RefusedError
from rules.ruleset import load
from tests.differential.linking import WAYS

LIMITS = load("mlperf-inference/6.0").limits
NOWHERE = {"to nowhere", "to itself", "by 41 links", "by a file and back", "by what is not there"}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A submitter's folder in a round, with a secret beside it."""
    (tmp_path / "secret.txt").write_text("SECRET")
    folder = tmp_path / "round/closed/Example"
    (folder / "code/resnet").mkdir(parents=True)
    (folder / "code/resnet/main.py").write_text("content")
    (tmp_path / "round/closed/Other/code").mkdir(parents=True)
    (tmp_path / "round/closed/Other/code/main.py").write_text("SECRET of another submitter")
    return folder


def tree(base: Path) -> LinkedTree:
    return LinkedTree(base, LIMITS, levels=2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", WAYS)
def test_a_link_to_a_folder_leads_where_the_kernel_leads(name: str, base: Path) -> None:
    WAYS[name](base, base / "code")
    found = tree(base)
    entry = found.at("code")
    assert (entry is not None) == (base / "code").exists()
    assert sorted(found.inside("code")) == (names(base / "code") if entry is not None else [])
    assert found.is_file("code/resnet/main.py") == (base / "code/resnet/main.py").is_file()


@pytest.mark.parametrize("name", WAYS)
def test_a_link_to_a_file_is_read_where_the_kernel_finds_a_file(name: str, base: Path) -> None:
    path = base / "code/resnet/main.py"
    WAYS[name](base, path)
    found = tree(base)
    assert found.is_file("code/resnet/main.py") == path.is_file()
    if path.is_file():
        assert found.read("code/resnet/main.py", 100) == path.read_bytes()
    else:
        with pytest.raises(RefusedError):
            found.read("code/resnet/main.py", 100)


def test_the_ways_lead_to_something_and_to_nothing(base: Path, tmp_path: Path) -> None:
    for name, way in WAYS.items():
        there = tmp_path / name / "closed/Example"
        (there / "code").mkdir(parents=True)
        (there / "code/main.py").write_text("content")
        way(there, there / "code/main.py")
        found = LinkedTree(there, LIMITS)
        expected = name not in NOWHERE | {"to its parent", "to where it lies", "with a slash at its end"}
        expected &= name != "by a linked folder and back"  # `..` is the parent of the folder it is linked to
        assert found.is_file("code/main.py") == expected, name


@pytest.mark.parametrize(
    "target",
    [
        "../../../secret.txt",
        "/etc/hostname",
        "../../../../../../../../../etc/hostname",
        "{base}/code/resnet/main.py",
    ],
)
def test_no_file_outside_is_read_or_seen(base: Path, target: str) -> None:
    (base / "log").symlink_to(target.format(base=base))
    (base / "folder").symlink_to(os.path.dirname(target.format(base=base)))  # noqa: PTH120 - a text, not a path
    found = tree(base)
    assert found.at("log") is None
    assert found.inside("folder") == {}
    for path in ("log", "folder/secret.txt", "folder/hostname", "folder/main.py", "code/../../../secret.txt"):
        with pytest.raises(RefusedError):
            found.read(path, 100)


def test_a_folder_elsewhere_in_the_round_is_seen_and_not_looked_into(base: Path) -> None:
    (base / "src").symlink_to("../Other/code")
    (base / "lib").symlink_to("../../../elsewhere")
    (base.parents[2] / "elsewhere").mkdir()
    found = tree(base)
    assert found.at("src") is not None
    assert found.at("lib") is None
    assert found.inside("src") == {}
    assert found.at("src/main.py") is None
    with pytest.raises(RefusedError, match="out of the submission"):
        found.read("src/main.py", 100)


def test_links_to_parents_end_at_a_bound_and_say_so(base: Path) -> None:
    for number in range(200):
        (base / f"up-{number}").symlink_to(".")
    found = tree(base)
    listed = 0
    for one in found.inside(""):
        for two in found.inside(one):
            listed += len(found.inside(f"{one}/{two}"))
    assert listed <= LISTED
    assert "behind links" in (found.truncated or "")
    assert sum(1 for _ in found.below("")) < 400


def test_what_is_read_through_links_is_bounded(base: Path) -> None:
    (base / "again").symlink_to("code/resnet/main.py")
    found = LinkedTree(base, LIMITS.model_copy(update={"file_bytes": 20}), levels=2)
    assert [found.read("again", 20) for _ in range(2)] == [b"content"] * 2
    with pytest.raises(RefusedError, match="through links"):
        found.read("again", 20)
    assert found.read("code/resnet/main.py", 20) == b"content"


def test_a_folder_swapped_for_a_link_while_it_is_read_gains_nothing(base: Path) -> None:
    (base / "src").symlink_to("code")
    found = tree(base)
    assert found.is_file("src/resnet/main.py")
    (base / "code").rename(base.parents[1] / "moved")
    (base / "code").symlink_to(base.parents[1] / "moved")
    with pytest.raises(RefusedError, match="link"):
        found.read("src/resnet/main.py", 100)
    (base / "src").unlink()
    (base / "src").symlink_to(base.parents[2])  # what was listed holds
    with pytest.raises(RefusedError):
        found.read("src/secret.txt", 100)


def test_a_submitter_may_be_a_link_within_its_round_only(base: Path, tmp_path: Path) -> None:
    (base.parent / "Linked").symlink_to("Example")
    (base.parent / "Out").symlink_to(tmp_path)
    assert tree(base.parent / "Linked").read("code/resnet/main.py", 100) == b"content"
    assert tree(base.parent / "Out").entries == {}


def test_a_few_links_do_not_make_thousands_of_results(base: Path) -> None:
    for at in range(20):
        folder = base / f"results/system{at}"
        folder.mkdir(parents=True)
        for beside in range(20):
            (folder / f"part{beside}").symlink_to(f"../system{(at + 1) % 20}")
    found = tree(base)
    names = [f"results/{a}/{b}" for a in found.inside("results") for b in found.inside(f"results/{a}")]
    scenarios = [name for place in names for name in found.inside(place)]
    assert len(scenarios) <= 1000
    assert "behind links" in (found.truncated or "")


def test_links_with_long_targets_are_followed_in_bounded_time(base: Path) -> None:
    long = "code/../" * 450
    for at in range(40):
        (base / f"chain{at}").symlink_to(f"{long}chain{at + 1}")
    for at in range(500):
        (base / f"link{at}").symlink_to(f"{long}chain2")
    began = perf_counter()
    found = tree(base)
    assert len(list(found.links())) == 540
    assert perf_counter() - began < 20
    assert "lead through more than" in (found.truncated or "")
