"""Ways to put a link in the place of a file or folder of a submission; each takes the submitter's folder and the path.

All lead to what lies in the submission, or nowhere: where a link out of it leads is not the submission's to say.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

Way = Callable[[Path, Path], object]


def moved(base: Path, path: Path) -> Path:
    """Move a file or folder to a folder of its own; return where it is."""
    to = base / "kept" / path.name
    to.parent.mkdir(exist_ok=True)
    return path.rename(to)


def lead(path: Path, to: str | Path) -> None:
    """Leave a link at `path`: as given, or to a path, from where the link lies."""
    path.symlink_to(os.path.relpath(to, path.parent) if isinstance(to, Path) else to)


def _chain(length: int) -> Way:
    def chained(base: Path, path: Path) -> None:
        to = moved(base, path)
        for number in range(length - 1):
            link = base / "kept" / f"link-{number}"
            lead(link, to)
            to = link
        lead(path, to)

    return chained


def _nested(base: Path, path: Path) -> None:
    to = moved(base, path)
    (base / "kept").rename(base / "stored")
    lead(base / "kept", "stored")
    lead(path, to)


def _through(*between: str) -> Way:
    """Lead by way of other names below kept/, where there are a file and a link to a folder deeper down."""

    def led(base: Path, path: Path) -> None:
        to = moved(base, path)
        (to.parent / "file").write_text("x")
        (to.parent / "one/two").mkdir(parents=True)
        lead(to.parent / "deep", "one/two")
        lead(path, "/".join((os.path.relpath(to.parent, path.parent), *between, to.name)))

    return led


def _out_and_in(base: Path, path: Path) -> None:
    to = moved(base, path)
    lead(path, f"{os.path.relpath(base.parent, path.parent)}/{to.relative_to(base.parent)}")


def _away(path: Path, to: str) -> None:
    path.rename(path.with_name(f"{path.name}-away"))
    lead(path, to)


WAYS: dict[str, Way] = {
    "moved": lambda base, path: lead(path, moved(base, path)),
    "by a folder that is a link": _nested,
    "by 9 links": _chain(9),
    "by 40 links": _chain(40),
    "by 41 links": _chain(41),
    "by dots": _through(".", "", "."),
    "by a folder and back": _through("one", ".."),
    "by a linked folder and back": _through("deep", ".."),
    "by a linked folder and back twice": _through("deep", "..", ".."),
    "by a file and back": _through("file", ".."),
    "by what is not there": _through("none", ".."),
    "with a slash at its end": lambda base, path: lead(path, os.path.relpath(moved(base, path), path.parent) + "/"),
    "out and in again": _out_and_in,
    "to nowhere": lambda base, path: _away(path, "nowhere"),
    "to itself": lambda base, path: _away(path, path.name),
    "to its parent": lambda base, path: _away(path, "." if path.parent == base else ".."),
    "to where it lies": lambda base, path: _away(path, "."),
}


def spoils(*paths: str) -> dict[str, Callable[[Path], None]]:
    """Return every way on each path (a pattern, its first match), as functions of the submitter's folder."""

    def spoil(way: Way, pattern: str) -> Callable[[Path], None]:
        return lambda base: way(base, min(base.glob(pattern))) and None

    return {f"link for {path} {name}": spoil(way, path) for path in paths for name, way in WAYS.items()}
