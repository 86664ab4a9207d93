"""Where fetched packages, base layers and image records live between builds.

Everything in the cache appears by one rename, so a build that was killed leaves nothing half valid, and one lock
per name keeps two builds from doing the same work at once.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def root() -> Path:
    """Return the cache folder: $ASSAY_CACHE, else assay in $XDG_CACHE_HOME, else ~/.cache/assay."""
    if own := os.environ.get("ASSAY_CACHE"):
        return Path(own).absolute()
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache").absolute() / "assay"


def folder(*parts: str) -> Path:
    """Return the folder `parts` of the cache, created when missing."""
    path = root().joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock `name` of this cache; a second holder, in any process of this machine, waits."""
    with (folder("locks") / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder on the cache's file system; it is gone afterwards, whatever happened.

    A process that was killed leaves its folder behind, but not the lock on it: the next caller removes it.
    """
    shelf = folder("scratch")
    with locked("scratch"):
        for left in shelf.iterdir():
            if (handle := _try_lock(left)) is not None:
                shutil.rmtree(left, ignore_errors=True)
                os.close(handle)
        path = Path(tempfile.mkdtemp(dir=shelf))
        held = _try_lock(path)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if held is not None:
            os.close(held)


def _try_lock(path: Path) -> int | None:
    """Return a handle that holds the lock on the folder `path`, or None where another process holds it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def publish(finished: Path, place: Path) -> None:
    """Move `finished` (from `scratch`) to `place` by one rename, its bytes on disk first."""
    with finished.open("rb") as file:
        os.fsync(file.fileno())
    place.parent.mkdir(parents=True, exist_ok=True)
    finished.replace(place)
