"""The picture of the house in docs/architecture.md, and the imports it is held against."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("rules", "checker", "suite")
ROOM = re.compile(r'^\s*(\w+)\["([\w/]+)')
ARROW = re.compile(r"^\s*(\w+) --> (\w+)$")


def drawn(page: str) -> tuple[list[str], set[tuple[str, str]]]:
    """Return the rooms of the page's Mermaid picture, as folders, and its arrows: from who imports to what."""
    lines = page.partition("```mermaid")[2].partition("```")[0].splitlines()
    rooms = {found[1]: found[2] for line in lines if (found := ROOM.match(line))}
    return list(rooms.values()), {(rooms[m[1]], rooms[m[2]]) for line in lines if (m := ARROW.match(line))}


def room_of(file: str, rooms: list[str]) -> str | None:
    """Return the innermost room that holds a file, given relative to the project; None where no room does."""
    held = [room for room in rooms if file == f"{room}.py" or file.startswith(f"{room}/")]
    return max(held, key=len, default=None)


def imported(rooms: list[str], root: Path = ROOT) -> Iterator[tuple[str, str, str]]:
    """Yield (room, room it imports, file that does) for every import that crosses rooms."""
    for path in sorted(file for package in PACKAGES for file in (root / package).rglob("*.py")):
        file = path.relative_to(root).as_posix()
        mine = room_of(file, rooms)
        for name in _modules(ast.parse(path.read_bytes()), root):
            theirs = room_of(name, rooms)
            if mine is not None and theirs is not None and theirs != mine:
                yield mine, theirs, file


def _modules(tree: ast.Module, root: Path) -> Iterator[str]:
    """Yield what a file imports of the project, anywhere in it, as files."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            for candidate in (name, name.rpartition(".")[0]):
                file = candidate.replace(".", "/")
                if candidate.split(".")[0] in PACKAGES and (root / f"{file}.py").is_file():
                    yield f"{file}.py"
                    break
                if candidate.split(".")[0] in PACKAGES and (root / file / "__init__.py").is_file():
                    yield f"{file}/__init__.py"
                    break


def reachable(arrows: set[tuple[str, str]]) -> Mapping[str, set[str]]:
    """Return for each room all that lies below it along the arrows."""
    below: dict[str, set[str]] = {}

    def visit(room: str, above: tuple[str, ...]) -> set[str]:
        if room in above:
            raise ValueError(f"a circle: {' -> '.join((*above, room))}")
        if room not in below:
            direct = {end for start, end in arrows if start == room}
            below[room] = direct.union(*(visit(other, (*above, room)) for other in direct))
        return below[room]

    for start, _ in sorted(arrows):
        visit(start, ())
    return below
