"""What lies where in an MLPerf Inference round: divisions, submitters, systems, benchmarks and their scenario folders.

One result per folder `{division}/{submitter}/results/{system}/{benchmark}/{scenario}`, in the order in which the
official checker comes to them: sorted at every level. Links are listed and never followed; but a link to a plain file
of the same submitter stands for that file, since the official checker reads it so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import BinaryIO

from checker.findings import Problem
from checker.tree import EntryKind, Tree
from rules.errors import NothingToCheckError, UsageError
from rules.ruleset import Limits

LINKS = 8  # that may lead to each other
DIVISIONS = ("closed", "network", "open")
FIX = "give a round (a folder that holds closed/, network/ or open/), or a submitter's or a result's folder in one"


@dataclass(frozen=True, slots=True)
class Place:
    """A result: one scenario folder. Names are path components, as they stand."""

    division: str
    submitter: str
    system: str
    benchmark: str
    scenario: str

    @property
    def path(self) -> str:
        """The scenario folder, relative to the submitter's folder."""
        return f"results/{self.system}/{self.benchmark}/{self.scenario}"


class SubmitterTree(Tree):
    """A submitter's folder, in which a link to one of its plain files is read as that file, itself opened as ever."""

    def __init__(self, root: Path, limits: Limits) -> None:
        super().__init__(root, limits)
        self._behind: dict[str, str] = {}

    def behind(self, path: str) -> str:
        """Return the path of the plain file that a link at `path` leads to; `path` where it is no such link."""
        if path not in self._behind:
            self._behind[path] = path
            at, entry = path, self.entries.get(path)
            for _ in range(LINKS):
                if entry is None or entry.kind != "link":
                    break
                try:
                    leads = str((self.root / at).readlink())
                except OSError:
                    break
                at = normpath(join(dirname(at), leads))  # never absolute, nor outside: unlisted
                entry = self.entries.get(at)
            if entry is not None and entry.kind == "file":
                self._behind[path] = at
        return self._behind[path]

    def is_file(self, path: str) -> bool:
        """Whether `path` is a plain file of the tree, or a link to one."""
        return super().is_file(self.behind(path))

    @contextmanager
    def open(self, path: str, most: int | None = None) -> Iterator[BinaryIO]:
        """Open a plain file, or the one that a link leads to."""
        with super().open(self.behind(path), most) as file:
            yield file


class Listing:
    """What lies in each folder of a submitter, listed once; paths are relative to the submitter's folder."""

    def __init__(self, tree: SubmitterTree) -> None:
        self.tree = tree
        self._in: dict[str, dict[str, EntryKind]] = {}
        for entry in tree.entries.values():
            folder, _, name = entry.path.rpartition("/")
            kind = "file" if entry.kind == "link" and tree.is_file(entry.path) else entry.kind
            self._in.setdefault(folder, {})[name] = kind

    def names(self, folder: str) -> dict[str, EntryKind]:
        """Return what lies directly in `folder`, sorted, each with its kind; nothing where there is no such folder."""
        return self._in.get(folder, {})

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders directly in `folder`, sorted."""
        return sorted(name for name, kind in self.names(folder).items() if kind in ("folder", "unreadable"))

    def files(self, folder: str) -> list[str]:
        """Return the names of the plain files directly in `folder`, sorted."""
        return sorted(name for name, kind in self.names(folder).items() if kind == "file")

    def exists(self, path: str) -> bool:
        """Whether anything lies at `path` that is no link, or one to a plain file."""
        entry = self.tree.entries.get(self.tree.behind(path.rstrip("/")))
        return entry is not None and entry.kind != "link"

    def is_folder(self, path: str) -> bool:
        """Whether `path` is a folder."""
        entry = self.tree.entries.get(path)
        return entry is not None and entry.kind in ("folder", "unreadable")

    def size(self, path: str) -> int | None:
        """Return a plain file's bytes; None where there is no such file."""
        entry = self.tree.entries.get(self.tree.behind(path))
        return entry.size if entry is not None and entry.kind == "file" else None


@dataclass
class Submitter:
    """One submitter's folder in one division."""

    division: str
    name: str
    root: Path
    listing: Listing

    @property
    def tree(self) -> Tree:
        """The folder, to read from."""
        return self.listing.tree

    @property
    def systems(self) -> list[str]:
        """Names of the folders of results/, sorted: systems with results."""
        return self.listing.folders("results")

    def benchmarks(self, system: str) -> list[str]:
        """Names of a system's benchmark folders, sorted."""
        return self.listing.folders(f"results/{system}")

    def scenarios(self, system: str, benchmark: str) -> list[str]:
        """Names of a benchmark's scenario folders, sorted."""
        return self.listing.folders(f"results/{system}/{benchmark}")

    @property
    def places(self) -> Iterator[Place]:
        """All results, in the official checker's order."""
        for system in self.systems:
            for benchmark in self.benchmarks(system):
                for scenario in self.scenarios(system, benchmark):
                    yield Place(self.division, self.name, system, benchmark, scenario)


@dataclass
class Scope:
    """What is to be judged: `base` is what paths are shown relative to.

    `only` is empty, or the part of the only submitter's folder that was asked for, such as `results/box/resnet`.
    """

    base: Path
    submitters: list[tuple[str, Path]] = field(default_factory=list)  # division, folder; sorted
    only: str = ""
    odd: list[tuple[Path, Problem]] = field(default_factory=list)  # what stands above the submitters and is passed over

    def wanted(self, place: Place) -> bool:
        """Whether a result lies in the part that was asked for, or is what that part belongs to."""
        if not self.only:
            return True
        top, *rest = self.only.split("/")
        mine = [place.system, place.benchmark, place.scenario]
        if top == "systems":
            return not rest or rest[0] in (f"{place.system}.json", f"{place.system}_power.yaml")
        return mine[: len(rest)] == rest[: len(mine)]


def find(path: Path) -> Scope:
    """Return what `path` holds; UsageError where it does not exist, NothingToCheckError where it is of no round."""
    try:
        real = path.resolve(strict=True)
        is_folder = real.is_dir()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "a link that leads to itself"
        raise UsageError(f"{path}: {reason}", fix=FIX) from None
    base = real if is_folder else real.parent
    for root in (real, *real.parents):
        if root.parent.name in DIVISIONS and root.is_dir() and _submitters(root):
            return Scope(base, [(root.parent.name, root)], "" if root == real else real.relative_to(root).as_posix())
    scope = Scope(base)
    if real.name in DIVISIONS and is_folder:
        _division(scope, real)
    elif is_folder:
        for child in sorted(real.iterdir()):
            if child.name in DIVISIONS and child.is_dir() and not child.is_symlink():
                _division(scope, child)
            elif child.name in DIVISIONS:
                scope.odd.append((child, Problem("is no folder, or a link; links are not followed", "a folder")))
            elif child.name.casefold() in DIVISIONS and child.is_dir():
                what = "the folder is passed over: divisions are written in small letters"
                scope.odd.append((child, Problem(what, ", ".join(DIVISIONS), child.name)))
    if not scope.submitters and not scope.odd:
        raise NothingToCheckError(f"{path}: no result of MLPerf Inference here", fix=FIX)
    return scope


def _submitters(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in ("results", "systems", "measurements", "compliance", "code", "src"))


def _division(scope: Scope, division: Path) -> None:
    for folder in sorted(division.iterdir()):
        if folder.is_symlink():
            scope.odd.append((folder, Problem("is a symbolic link; links are not followed", "a folder")))
        elif folder.is_dir():
            scope.submitters.append((division.name, folder))


def read_submitter(division: str, root: Path, limits: Limits) -> Submitter:
    """List one submitter's folder."""
    return Submitter(division, root.name, root, Listing(SubmitterTree(root, limits)))
