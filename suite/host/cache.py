"""Where fetched packages, base layers and image records live between builds.

Everything in the cache appears by one rename, so a build that was killed leaves nothing half valid, and one lock
per name keeps two builds from doing the same work at once.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rules.errors import MachineError
from rules.text import printable
from suite.host.disk import NO_SPACE


def root() -> Path:
    """Return the cache folder: $ASSAY_CACHE, else assay in $XDG_CACHE_HOME, else ~/.cache/assay.

    Raises MachineError where no folder can be at that place.
    """
    path = _named()
    try:
        if not path.is_dir() and path.lstat():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise unusable(error) from None
    return path


def _named() -> Path:
    if own := os.environ.get("ASSAY_CACHE"):
        return Path(own).absolute()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg).absolute() / "assay"
    try:
        return Path.home().absolute() / ".cache" / "assay"
    except RuntimeError:
        raise MachineError("this user has no home folder to keep the cache in", fix=_FIX) from None


_FIX = "set ASSAY_CACHE to a folder this user may write to"


def unusable(error: OSError) -> MachineError:
    """Return what the file system refuses in the cache, as a sentence."""
    if error.errno in NO_SPACE:
        return MachineError(f"the disk of the cache ({_named()}) is full", fix="free space there, or set ASSAY_CACHE")
    where = printable(str(error.filename or _named()), 200)
    return MachineError(f"the cache cannot be kept at {where}: {error.strerror}", fix=_FIX)


def folder(*parts: str) -> Path:
    """Return the folder `parts` of the cache, created when missing; raise MachineError where it cannot be."""
    path = root().joinpath(*parts)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(error) from None
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock `name` of this cache; a second holder, in any process of this machine, waits."""
    try:
        file = (folder("locks") / name).open("w")
    except OSError as error:
        raise unusable(error) from None
    with file:
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
        try:
            path = Path(tempfile.mkdtemp(dir=shelf))
        except OSError as error:
            raise unusable(error) from None
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
