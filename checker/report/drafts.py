"""A folder of drafts: files that a command wrote and a person may then edit, replaced without losing what is hers.

Each file ends with a line that holds the digest of what stands above it. A file without that line, or whose text no
longer has that digest, belongs to a person: it is neither replaced nor removed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rules.errors import UsageError

MARK = re.compile(rb"<!-- drafted by assay; sha256 of the text above: ([0-9a-f]{64}) -->\n\Z")
LARGEST = 4 << 20  # bytes; a larger file is no draft


@dataclass
class Written:
    """What became of a folder: names of the files written, removed, and kept as they are because a person's."""

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def refuse_inside(folder: Path, judged: Sequence[Path]) -> None:
    """Raise UsageError where `folder` lies in one of the folders that are judged, links resolved."""
    resolved = folder.resolve()
    for root in (path.resolve() for path in judged):
        if resolved == root or root in resolved.parents:
            raise UsageError(f"{folder}: lies inside what is judged, {root}", fix="give a folder elsewhere")


def replace_drafts(folder: Path, texts: Mapping[str, str]) -> Written:
    """Make the drafts in `folder` these, by file name: each whole or not at all, the last one last.

    Drafts of an earlier run that are not among them are removed. Raises UsageError where it cannot be written.
    """
    done = Written()
    try:
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            if (folder / name).is_symlink() or ((folder / name).exists() and not _ours(folder / name)):
                done.kept.append(name)
            else:
                write_whole(folder / name, _sealed(text))
                done.written.append(name)
        for path in sorted(folder.glob("*.md")):
            if path.name not in texts and _ours(path):
                path.unlink()
                done.removed.append(path.name)
    except OSError as error:
        fix = "give a folder whose parent exists, with the right to write there and space"
        raise UsageError(f"{folder}: {error.strerror}", fix=fix) from None
    return done


def _sealed(text: str) -> bytes:
    body = text.encode("utf-8", "backslashreplace")
    return body + f"<!-- drafted by assay; sha256 of the text above: {hashlib.sha256(body).hexdigest()} -->\n".encode()


def _ours(path: Path) -> bool:
    """Whether a file is a draft as it was written."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        return False
    content = path.read_bytes()
    mark = MARK.search(content)
    return mark is not None and hashlib.sha256(content[: mark.start()]).hexdigest().encode() == mark[1]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; OSError where it cannot be written."""
    partial = path.parent / f".{path.name}.{os.getpid()}.partial"
    try:
        with partial.open("xb") as file:
            file.write(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
