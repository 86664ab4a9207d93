"""What a file system refuses, as a sentence."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rules.errors import MachineError

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class DiskError(MachineError):
    """The submissions folder cannot be written."""


@contextmanager
def disk(place: Path) -> Iterator[None]:
    """Turn what the file system refuses below `place` into a sentence."""
    try:
        yield
    except OSError as error:
        fix = (
            "free space, then repeat the command with --resume"
            if error.errno in NO_SPACE
            else "choose another folder with --output, or change its owner"
        )
        raise DiskError(f"{error.filename or place}: {error.strerror}", fix=fix) from None
