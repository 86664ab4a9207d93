"""What a given path is: a log, a part of a submitter's folder, or a folder of them; and what a log says first."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from checker.core.findings import Violation
from checker.core.marks import head
from checker.core.strict_json import JsonError, loads
from rules.errors import NothingToCheckError, UsageError
from rules.known_rounds import archive

DIVISIONS = ("closed", "open")
DEPTH = 16  # levels looked into; the layout needs submissions/<suite>/<division>/<submitter>
MOST = 10_000  # folders looked into, and entries of one
REPORTED = 100  # things passed by
HEAD = 4 << 20  # bytes in which a log's benchmark is; published logs name it within the first million
LOOK = 1 << 16  # bytes of a log that are searched for who wrote it


@dataclass(frozen=True)
class Passed:
    """What is wrong above the submitters' folders or with the place of one; the cards of `check` speak of it."""

    check: str
    path: Path
    problem: Violation


@dataclass
class Found:
    """What there is to check; `base` is what the paths of findings are relative to."""

    base: Path
    log: Path | None = None
    submitters: list[Path] = field(default_factory=list)
    scope: str = ""  # the part of the only submitter's folder that was asked for
    passed: list[Passed] = field(default_factory=list)


def discover(
    path: Path,
    has_scenarios: Callable[[Path], bool] | None = None,
    passed_over: Callable[[int, Collection[str]], Collection[str]] | None = None,
) -> Found:
    """Find what is judged below `path`; NothingToCheckError where nothing is, UsageError where the path is not.

    `has_scenarios`: whether a submitter's results have folders below those of workloads. `passed_over`: which of the
    folders at a depth hold no submission, by their names.
    """
    try:
        real = path.resolve(strict=True)
        is_folder = real.is_dir()
        is_file = real.is_file()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "a link that leads to itself"
        raise UsageError(f"{path}: {reason}", fix="give a submission, a result or a log") from None
    if is_file:
        return Found(real.parent, log=real)
    if not is_folder:
        raise NothingToCheckError(f"{path}: neither a folder nor a plain file", fix="give a folder or a log")
    walk, inside = _Walk(real, passed_over), _inside(real, has_scenarios)
    if inside is not None and not any((root / "results").is_dir() for root in walk.submitters):
        return Found(real, submitters=[inside], scope=real.relative_to(inside).as_posix())
    if not walk.submitters and not walk.passed:
        raise NothingToCheckError(
            f"{path}: no results below it",
            fix="give a folder that holds results/<system>/<workload>/, or a single log",
        )
    return Found(real, submitters=walk.submitters, passed=walk.passed)


def _inside(path: Path, has_scenarios: Callable[[Path], bool] | None) -> Path | None:
    """Return the submitter's folder that `path` is the results, a system's results, a result or a scenario of."""
    for depth, parent in enumerate((path, *path.parents[:3])):
        if parent.name == "results" and parent != parent.parent:
            deep = has_scenarios is not None and has_scenarios(parent.parent)
            if depth < 3 or deep:
                return parent.parent
    return None


class _Walk:
    """Folders at or below `path` that are a submitter's, and what could hide one and was not looked into."""

    def __init__(self, path: Path, passed_over: Callable[[int, Collection[str]], Collection[str]] | None) -> None:
        self._passed_over = passed_over
        self.submitters: list[Path] = []
        self.passed: list[Passed] = []
        waiting, seen = [(path, 0)], 0
        while waiting:
            folder, depth = waiting.pop()
            if seen == MOST:
                self._pass("bounds", path, "more folders stand here than are looked into", f"at most {MOST:,}")
                break
            seen += 1
            waiting += [(folder / name, depth + 1) for name in self._inside(folder, depth)]
        self.submitters.sort()

    def _inside(self, folder: Path, depth: int) -> list[str]:
        """Take `folder` for a submitter's, or return the names of the folders in it that may hold one."""
        try:
            with os.scandir(folder) as listing:
                items = sorted(islice(listing, MOST + 1), key=lambda item: item.name)
                kinds = {item.name: _kind(item) for item in items}
        except OSError as error:
            self._pass("plain-files", folder, "the folder cannot be listed", error.strerror or "an error")
            return []
        if (depth and folder.parent.name.casefold() in DIVISIONS) or any(map(_submitted, kinds, kinds.values())):
            self.submitters.append(folder)
            return []
        for name in (name for name, kind in kinds.items() if kind == "link"):
            self._pass("plain-files", folder / name, "is a symbolic link; links are not followed", "a folder or a file")
        folders = [name for name, kind in kinds.items() if kind == "folder"]
        if len(kinds) > MOST or (folders and depth == DEPTH):
            wanted = f"at most {MOST:,} entries in a folder, {DEPTH} levels"
            self._pass("bounds", folder, "its contents were not read", wanted)
            return []
        left_out = self._passed_over(depth, folders) if self._passed_over is not None else ()
        return [name for name in folders if name not in left_out]

    def _pass(self, check: str, path: Path, message: str, expected: str) -> None:
        if len(self.passed) < REPORTED:
            self.passed.append(Passed(check, path, Violation(message, expected)))


def _kind(item: os.DirEntry[str]) -> str:
    return "link" if item.is_symlink() else "folder" if item.is_dir(follow_symlinks=False) else "file"


def _submitted(name: str, kind: str) -> bool:
    """Whether an entry shows that its folder is a submitter's, however misspelt."""
    plain = name.casefold()
    return plain == "results" or (kind != "file" and plain in ("systems", "benchmarks"))


def refuse_archive(path: Path) -> None:
    """Raise UsageError where `path` is a packed file."""
    if path.is_file() and (kind := archive(head(path, LOOK))):
        raise UsageError(f"{path}: an archive ({kind})", fix="unpack it, and give the folder that was in it")


def is_mllog(log: Path) -> bool:
    """Whether a file holds a line of MLPerf's logging, near its start."""
    return b":::MLLOG " in head(log, LOOK)


def is_loadgens(log: Path) -> bool:
    """Whether a log is one that LoadGen wrote."""
    return b'"mlperf::logging"' in head(log, LOOK)


def stated_benchmark(log: Path) -> str | None:
    """Return the benchmark that a log states near its start; None where it states none."""
    start_of = head(log, HEAD)
    at = start_of.find(b'"submission_benchmark"')
    if at < 0:
        return None
    start, end = start_of.rfind(b"\n", 0, at) + 1, start_of.find(b"\n", at)
    line = start_of[start : end if end >= 0 else len(start_of)].rpartition(b":::MLLOG ")[2]
    try:
        record = loads(line)
    except JsonError:
        return None
    value = record.get("value") if isinstance(record, dict) else None
    return value if isinstance(value, str) else None


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder."""
    return [Path(item.path) for item in listed(folder) if item.is_dir(follow_symlinks=False)]


def listed(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, none where it cannot be listed."""
    try:
        with os.scandir(folder) as listing:
            return list(islice(listing, MOST))
    except OSError:
        return []
