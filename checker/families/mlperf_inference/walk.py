"""What lies where in an MLPerf Inference round: divisions, submitters, systems, benchmarks and their scenario folders.

One result per folder `{division}/{submitter}/results/{system}/{benchmark}/{scenario}`, in the order in which the
official checker comes to them: sorted at every level, links followed to what lies in the submitter's folder. The folder
of a submitter or a division may itself be a link, to another of the same round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from checker.core.findings import Violation
from checker.core.links import LinkedTree, within
from checker.core.tree import EntryKind
from rules.errors import NothingToCheckError, UsageError
from rules.ruleset import ReadingLimits

DIVISIONS = ("closed", "network", "open")
MAPPING = "model_mapping.json"  # of a submitter: own names of benchmarks -> official ones
ELSEWHERE = "a link to what is no folder of this round"
FIX = "give a round (a folder that holds closed/, network/ or open/), or a submitter's or a result's folder in one"


@dataclass(frozen=True, slots=True, order=True)
class ResultFolder:
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


class Listing:
    """What lies in each folder of a submitter, links followed; paths are relative to the submitter's folder."""

    def __init__(self, tree: LinkedTree) -> None:
        self.tree = tree
        self._in: dict[str, dict[str, EntryKind]] = {}

    def names(self, folder: str) -> dict[str, EntryKind]:
        """Return what lies directly in `folder`, sorted, each with its kind; nothing where there is no such folder."""
        if folder not in self._in:
            self._in[folder] = {name: entry.kind for name, entry in self.tree.inside(folder).items()}
        return self._in[folder]

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders directly in `folder`, sorted."""
        return sorted(name for name, kind in self.names(folder).items() if kind in ("folder", "unreadable"))

    def files(self, folder: str) -> list[str]:
        """Return the names of the plain files directly in `folder`, sorted."""
        return sorted(name for name, kind in self.names(folder).items() if kind == "file")

    def exists(self, path: str) -> bool:
        """Whether `path` leads to anything."""
        return self.tree.at(path) is not None

    def is_folder(self, path: str) -> bool:
        """Whether `path` leads to a folder."""
        entry = self.tree.at(path)
        return entry is not None and entry.kind in ("folder", "unreadable")

    def size(self, path: str) -> int | None:
        """Return a plain file's bytes; None where there is no such file."""
        entry = self.tree.at(path)
        return entry.size if entry is not None and entry.kind == "file" else None


@dataclass
class Submitter:
    """One submitter's folder in one division."""

    division: str
    name: str
    root: Path
    listing: Listing

    @property
    def tree(self) -> LinkedTree:
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
    def places(self) -> Iterator[ResultFolder]:
        """All results, in the official checker's order."""
        for system in self.systems:
            for benchmark in self.benchmarks(system):
                for scenario in self.scenarios(system, benchmark):
                    yield ResultFolder(self.division, self.name, system, benchmark, scenario)


@dataclass
class InferenceScope:
    """What is to be judged: `base` is what paths are shown relative to.

    `only` is empty, or the part of the only submitter's folder that was asked for, such as `results/box/resnet`.
    """

    base: Path
    submitters: list[tuple[str, Path]] = field(default_factory=list)  # division, folder; sorted
    only: str = ""
    odd: list[tuple[Path, Violation]] = field(
        default_factory=list
    )  # what stands above the submitters and is passed over

    def wanted(self, place: ResultFolder) -> bool:
        """Whether a result lies in the part that was asked for, or is what that part belongs to."""
        if not self.only:
            return True
        top, *rest = self.only.split("/")
        mine = [place.system, place.benchmark, place.scenario]
        if top == "systems":
            return not rest or rest[0] in (f"{place.system}.json", f"{place.system}_power.yaml")
        return mine[: len(rest)] == rest[: len(mine)]


def find(path: Path) -> InferenceScope:
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
            return InferenceScope(
                base, [(root.parent.name, root)], "" if root == real else real.relative_to(root).as_posix()
            )
    scope = InferenceScope(base)
    if real.name in DIVISIONS and is_folder:
        _division(scope, real)
    elif is_folder:
        for child in sorted(real.iterdir()):
            if child.name in DIVISIONS and within(child, real) is not None:
                _division(scope, child)
            elif child.name in DIVISIONS:
                scope.odd.append((child, Violation(f"is no folder, or {ELSEWHERE}", "a folder")))
            elif child.name.casefold() in DIVISIONS and child.is_dir():
                what = "the folder is passed over: divisions are written in small letters"
                scope.odd.append((child, Violation(what, ", ".join(DIVISIONS), child.name)))
    if not scope.submitters and not scope.odd:
        raise NothingToCheckError(f"{path}: no result of MLPerf Inference here", fix=FIX)
    return scope


def _submitters(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in ("results", "systems", "measurements", "compliance", "code", "src"))


def _division(scope: InferenceScope, division: Path) -> None:
    for folder in sorted(division.iterdir()):
        if within(folder, division.parent) is not None:
            scope.submitters.append((division.name, folder))
        elif folder.is_symlink():
            scope.odd.append((folder, Violation(f"is {ELSEWHERE}", "a folder")))


def read_submitter(division: str, root: Path, limits: ReadingLimits) -> Submitter:
    """List one submitter's folder."""
    return Submitter(division, root.name, root, Listing(LinkedTree(root, limits, levels=2)))
