"""The picture in docs/architecture.md is the house that stands."""

from __future__ import annotations

import ast

import pytest

from tests.unit.house.picture import PACKAGES, ROOT, drawn, imported, reachable, room_of

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
ROOMS, ARROWS = drawn(PAGE)


def test_every_file_with_code_stands_in_a_room() -> None:
    files = [path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    homeless = [file for file in files if room_of(file, ROOMS) is None]
    assert not [file for file in homeless if not _is_bare(file)]


def _is_bare(file: str) -> bool:
    """Whether a file holds nothing but a docstring."""
    return all(isinstance(node, ast.Expr) for node in ast.parse((ROOT / file).read_bytes()).body)


def test_imports_run_along_the_arrows_and_none_runs_up() -> None:
    below = reachable(ARROWS)  # raises for a circle
    astray = {f"{file}: {mine} imports {theirs}" for mine, theirs, file in imported(ROOMS) if theirs not in below[mine]}
    assert not astray


def test_every_arrow_is_an_import_and_none_only_shortens_a_way() -> None:
    real = {(mine, theirs) for mine, theirs, _ in imported(ROOMS)}
    assert real >= ARROWS
    for start, end in ARROWS:
        others = reachable(ARROWS - {(start, end)})
        assert end not in others.get(start, set()), f"{start} --> {end} follows from other arrows"


def test_a_circle_is_found() -> None:
    with pytest.raises(ValueError, match="a circle: a -> b -> a"):
        reachable({("a", "b"), ("b", "a")})


def test_an_import_that_runs_up_is_found(tmp_path) -> None:
    for file, text in {"rules/a.py": "from checker import b\n", "checker/b.py": "import rules.a\n"}.items():
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text(text)
    assert set(imported(["rules", "checker"], tmp_path)) == {
        ("rules", "checker", "rules/a.py"),
        ("checker", "rules", "checker/b.py"),
    }
