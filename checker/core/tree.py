"""The folder of a submission, read as hostile: no link is followed, no path leaves it, only plain files are opened.

Every step down goes through a directory descriptor with O_NOFOLLOW, so that swapping a folder for a link while it is
read gains nothing. Those on the way to the file opened last are kept for the next one.
"""

from __future__ import annotations

import hashlib
import os
import stat
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, cast
from weakref import ref

from rules.ruleset import ReadingLimits

EntryKind = Literal["file", "folder", "link", "special", "unreadable"]
FOLDER = "is a folder, not a file"
PIECE = 1 << 20  # bytes read at once of a file that grows while it is read


class RefusedError(Exception):
    """A path of a submission that is not read; the message says why, in words for a finding."""


class Entry(NamedTuple):
    """One file or folder; `path` is POSIX, relative to the tree's root."""

    path: str
    kind: EntryKind
    size: int
    target: str = ""  # of a link, as it was written


def _parts(path: str) -> list[str]:
    """Split a relative path, refusing whatever could leave the tree."""
    if not path or path.startswith("/") or "\\" in path or "\0" in path:
        raise RefusedError("is not a relative path")
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise RefusedError("is not a plain path inside the submission")
    return parts


class Tree:
    """A folder and everything below it, within limits."""

    def __init__(self, root: Path, limits: ReadingLimits) -> None:
        self.root = root
        self.limits = limits
        self.truncated: str | None = None  # why the listing is incomplete
        self._entries: dict[str, Entry] | None = None
        self._sorted: list[str] = []
        self._listed_bytes = 0
        self._digests: dict[str, str] = {}

    @property
    def entries(self) -> dict[str, Entry]:
        """All files and folders by path, sorted; links and special files are listed and never opened."""
        if self._entries is None:
            found: dict[str, Entry] = {}
            self._list("", self.root, None, 1, found)
            self._entries = dict(sorted(found.items()))
            self._sorted = list(self._entries)
        return self._entries

    def _list(self, prefix: str, folder: str | Path, above: int | None, depth: int, found: dict[str, Entry]) -> bool:
        """List a folder, named from the descriptor of the one above, into `found`; return whether there is room."""
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        except OSError:
            if prefix:
                found[prefix.rstrip("/")] = Entry(prefix.rstrip("/"), "unreadable", 0)
            return True
        try:
            with os.scandir(descriptor) as listing:
                for item in listing:
                    if len(found) >= self.limits.entries:
                        self.truncated = f"more than {self.limits.entries} files and folders"
                        return False
                    path = prefix + item.name
                    found[path] = entry = _entry(path, item, descriptor)
                    self._listed_bytes += entry.size
                    if self.limits.total_bytes is not None and self._listed_bytes > self.limits.total_bytes:
                        self.truncated = f"more than {self.limits.total_bytes:,} bytes"
                        return False
                    if entry.kind != "folder":
                        continue
                    if depth >= self.limits.depth:
                        self.truncated = f"folders nested deeper than {self.limits.depth}"
                    elif not self._list(f"{path}/", item.name, descriptor, depth + 1, found):
                        return False
        except OSError:
            self.truncated = "a folder that could not be listed"
        finally:
            os.close(descriptor)
        return True

    def files(self, folder: str) -> list[Entry]:
        """Return what is not a folder below `folder`, at any depth."""
        entries = self.entries
        first, end = bisect_left(self._sorted, f"{folder}/"), bisect_left(self._sorted, f"{folder}0")  # "0" follows "/"
        return [entries[path] for path in self._sorted[first:end] if entries[path].kind != "folder"]

    def is_file(self, path: str) -> bool:
        """Whether `path` is a plain file of the tree."""
        entry = self.entries.get(path)
        return entry is not None and entry.kind == "file"

    @contextmanager
    def open(self, path: str, most: int | None = None) -> Iterator[BinaryIO]:
        """Open a plain file for reading; RefusedError for anything else, or one above `most` bytes."""
        descriptor, _ = self._opened(path, most)
        with os.fdopen(descriptor, "rb") as file:
            yield file

    def read(self, path: str, most: int) -> bytes:
        """Return a file's bytes, at most `most` of them; RefusedError otherwise."""
        descriptor, size = self._opened(path, most)
        try:
            raw = os.read(descriptor, size + 1)  # not `most`: room for that would be made for every file
            while (
                len(raw) != size and len(raw) <= most and (more := os.read(descriptor, min(PIECE, most + 1 - len(raw))))
            ):
                raw += more
        except OSError as error:
            raise RefusedError(_reason(error)) from None
        finally:
            os.close(descriptor)
        if len(raw) > most:
            raise RefusedError(f"grew beyond {most:,} bytes while it was read")
        return raw

    def _opened(self, path: str, most: int | None) -> tuple[int, int]:
        """Open a plain file of at most `most` bytes; return its descriptor, for the caller to close, and its size."""
        *folders, name = _parts(path)
        if len(folders) > self.limits.depth:  # each takes a descriptor
            raise RefusedError(f"lies deeper than {self.limits.depth} folders")
        try:
            at = _way.to(self, folders)
            _plain(os.stat(name, dir_fd=at, follow_symlinks=False))
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        except OSError as error:
            raise RefusedError(_reason(error)) from None
        try:
            status = os.fstat(descriptor)
            _plain(status)
            most = self.limits.file_bytes if most is None else most
            if status.st_size > most:
                raise RefusedError(f"has {status.st_size:,} bytes; at most {most:,} are read")
        except RefusedError:
            os.close(descriptor)
            raise
        return descriptor, status.st_size

    def sha256(self, path: str, most: int | None = None) -> str:
        """Return the SHA-256 of a file's bytes, read once; RefusedError as `open`, and for a file not listed."""
        if path in self._digests:
            return self._digests[path]
        with self.open(path, most) as file:
            if path not in self.entries:
                raise RefusedError("was not listed: there is more than is read")
            try:
                self._digests[path] = hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()
            except OSError as error:
                raise RefusedError(_reason(error)) from None
        return self._digests[path]


class _Way:
    """The folders from a tree's root down to where a file was opened last: most files lie beside that one."""

    def __init__(self) -> None:
        self._tree: ref[Tree] | None = None
        self._names: list[str] = []
        self._descriptors: list[int] = []  # the root's, then one for each name

    def to(self, tree: Tree, folders: list[str]) -> int:
        """Return the descriptor of a folder of `tree`; OSError where one on the way is none, or a link."""
        if self._tree is None or self._tree() is not tree:
            self._back_to(0)
            self._descriptors.append(os.open(tree.root, os.O_RDONLY | os.O_DIRECTORY))
            self._tree = ref(tree)
        shared = 0
        for one, other in zip(self._names, folders, strict=False):
            if one != other:
                break
            shared += 1
        self._back_to(1 + shared)
        for folder in folders[shared:]:
            above = self._descriptors[-1]
            self._descriptors.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above))
            self._names.append(folder)
        return self._descriptors[-1]

    def _back_to(self, kept: int) -> None:
        if kept == 0:
            self._tree = None
        while len(self._descriptors) > kept:
            os.close(self._descriptors.pop())
        del self._names[max(0, kept - 1) :]


_way = _Way()


def _entry(path: str, item: os.DirEntry[str], folder: int) -> Entry:
    """Return what a name is, in the folder of that descriptor."""
    try:
        if item.is_dir(follow_symlinks=False):
            return Entry(path, "folder", 0)
        if item.is_symlink():
            return Entry(path, "link", 0, os.readlink(item.name, dir_fd=folder))
        status = item.stat(follow_symlinks=False)
    except OSError:
        return Entry(path, "unreadable", 0)
    return Entry(path, "file" if stat.S_ISREG(status.st_mode) else "special", status.st_size)


def _plain(status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise RefusedError("is a symbolic link; links are not followed")
    if stat.S_ISDIR(status.st_mode):
        raise RefusedError(FOLDER)
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError("is not a plain file (a pipe, socket or device)")


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied"
    if isinstance(error, NotADirectoryError):
        return "lies below something that is not a folder, or below a link"
    return f"cannot be read: {os.strerror(error.errno or 0)}"
