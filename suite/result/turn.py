"""Whose turn it is to measure: one command at a time on a machine, until all of its results stand.

Two would measure each other. The lock is the kernel's, so it ends with the process that holds it, however that ends,
and nobody is ever stopped for the sake of another. An engine that is reached from several hosts shows by its containers
that it is measuring (`Engine.busy`).
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rules.errors import MachineError
from rules.text import printable
from suite.engines.base import Engine
from suite.host.progress import say

FOLDERS = (Path("/run/lock"), Path("/tmp"))  # noqa: S108 (all users of a machine must find the same one)
POLL_S = 0.5
EVERY_S = 60.0  # how often who waits says so
ENDING_S = 10.0  # a container is given to end whose owner was killed
MOST = 4096  # bytes read of what a holder says of itself


@contextmanager
def turn(doing: str, engine: Engine, *, wait: bool) -> Iterator[None]:
    """Hold an engine's machine for `doing`, the command as it was given.

    Where another command holds it, wait for that or raise MachineError, which names it.
    """
    with ExitStack() as held:
        for name in engine.locks():
            held.enter_context(_held(name, doing, wait=wait))
        _until(engine.busy, wait=wait, patience_s=ENDING_S)
        yield


@contextmanager
def _held(name: str, doing: str, *, wait: bool) -> Iterator[None]:
    path = _folder() / f"assay-{name}.lock"
    handle = _opened(path)

    def other() -> str | None:
        nonlocal handle
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return _said(handle)
            if _names_it(path, handle):
                return None
            os.close(handle)  # removed while its holder was waited for: a later one locked another file
            handle = _opened(path)

    try:
        _until(other, wait=wait)
        _say(handle, json.dumps({"pid": os.getpid(), "since": int(time.time()), "doing": doing[:300]}))
        try:
            yield
        finally:
            _say(handle, "")
    finally:
        os.close(handle)


def _names_it(path: Path, handle: int) -> bool:
    """Whether `path` still names the file that was opened."""
    with suppress(OSError):
        return os.path.samestat(path.lstat(), os.fstat(handle))
    return False


def _folder() -> Path:
    return next((folder for folder in FOLDERS if _shared(folder)), FOLDERS[-1])


def _shared(folder: Path) -> bool:
    """Whether every user may put a file there."""
    with suppress(OSError):
        return stat.S_IMODE(folder.stat().st_mode) & 0o777 == 0o777
    return False


def _opened(path: Path) -> int:
    """Open a lock that may be another user's; raise MachineError where it cannot be one."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        for how in (os.O_RDWR | os.O_CREAT | os.O_EXCL, os.O_RDWR, os.O_RDONLY):
            with suppress(FileExistsError, PermissionError):
                handle = os.open(path, how | flags, 0o666)
                if how & os.O_CREAT:
                    os.fchmod(handle, 0o666)  # whatever the umask
                found = os.fstat(handle)
                if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:  # with a second name it is somebody's file
                    return handle
                os.close(handle)
                break
        why = "this user cannot open it as a file"
    except OSError as error:
        why = str(error.strerror)
    raise MachineError(f"{path}, which says whether this machine is measuring: {why}", fix="remove it")


def _until(other: Callable[[], str | None], *, wait: bool, patience_s: float = 0) -> None:
    """Return once nobody is in the way; `other` says who is."""
    began = time.monotonic()
    shown, due = "", began
    while (who := other()) is not None:
        now = time.monotonic()
        if not wait and now - began >= patience_s:
            raise MachineError(
                f"another measurement is running on this machine: {who}; two at a time would disturb each other",
                fix="wait for it to end, or let the command do so with --wait (make run WAIT=1)",
            )
        if wait and (who != shown or now >= due):
            say(f"waiting, for {(now - began) / 60:.0f} min so far, until this ends: {who}")
            shown, due = who, now + EVERY_S
        time.sleep(POLL_S)


def _say(handle: int, words: str) -> None:
    """Leave word in the lock, where this user may."""
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, words.encode(), 0)


def _said(handle: int) -> str:
    """Return what the holder says of itself, whoever wrote it."""
    try:
        said = json.loads(os.pread(handle, MOST, 0))
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(int(said["since"])))
        return f"`{printable(str(said['doing']), 200)}` (process {int(said['pid'])}, since {since})"
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return "another command, which does not name itself"
