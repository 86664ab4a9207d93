"""What a path holds of an MLPerf Tiny round: submitters, their systems, and one result for each benchmark folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from checker.core.links import LinkedTree, within
from rules.errors import NothingToCheckError, UsageError
from rules.ruleset import ReadingLimits
from rules.tiny import TinyRules


@dataclass
class TinyResult:
    """One benchmark folder: `results/<system>/<benchmark>` of a submitter."""

    system: str
    benchmark: str

    @property
    def path(self) -> str:
        """The folder, relative to the submitter's."""
        return f"results/{self.system}/{self.benchmark}"


@dataclass
class TinySubmitter:
    """One folder `<division>/<submitter>`."""

    root: Path
    division: str
    tree: LinkedTree
    results: list[TinyResult] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)  # folders of results/

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.root.name

    @property
    def closed(self) -> bool:
        """Whether the closed division's rules apply."""
        return self.division == "closed"

    def folders(self, path: str) -> list[str]:
        """Return the names of the folders right in `path`."""
        return [name for name, entry in self.tree.inside(path).items() if entry.kind == "folder"]

    def files(self, path: str) -> list[str]:
        """Return the names of the files right in `path`."""
        return [name for name, entry in self.tree.inside(path).items() if entry.kind != "folder"]

    def has(self, path: str) -> bool:
        """Whether `path` leads to anything."""
        return self.tree.at(path) is not None

    def is_folder(self, path: str) -> bool:
        """Whether `path` leads to a folder."""
        entry = self.tree.at(path)
        return entry is not None and entry.kind == "folder"


@dataclass
class TinyScope:
    """What is to be judged. `base` is what paths are shown relative to."""

    base: Path
    submitters: list[TinySubmitter]
    only: str = ""  # within the one submitter: a folder below results/
    strangers: list[Path] = field(default_factory=list)  # folders beside the divisions that are none
    elsewhere: list[Path] = field(default_factory=list)  # links above the submitters to what is no folder of the round

    @property
    def whole(self) -> bool:
        """Whether whole submitters are judged, not a part of one."""
        return not self.only


def find(path: Path, fixed: TinyRules, limits: ReadingLimits) -> TinyScope:
    """Return what `path` holds; UsageError where it does not exist, NothingToCheckError where it holds nothing."""
    if not path.exists():
        raise UsageError(f"{path} does not exist", fix="give a round, a submitter's folder or a benchmark's")
    real = path.resolve()
    nothing = NothingToCheckError(
        f"{path}: no submitter and no result here", fix="give a folder that holds closed/<submitter>/results/"
    )
    if not real.is_dir():
        raise nothing
    divisions = [name for name in fixed.divisions if within(real / name, real) is not None]
    if divisions:
        roots = [child for name in sorted(divisions) for child in _inside(real / name, real)]
        known = {*fixed.divisions, *fixed.passed_over}
        scope = TinyScope(path, [_submitter(root, limits) for root in roots if _submits(root)])
        scope.strangers = [child for child in _inside(real, real) if child.name not in known]
        scope.elsewhere = [one for at in (real, *(real / name for name in divisions)) for one in _elsewhere(at, real)]
    elif real.name in fixed.divisions:
        scope = TinyScope(path, [_submitter(root, limits) for root in _inside(real, real.parent) if _submits(root)])
        scope.elsewhere = _elsewhere(real, real.parent)
    elif _submits(real):
        scope = TinyScope(path, [_submitter(real, limits)])
    else:
        scope = TinyScope(path, [])
        for root in list(real.parents)[:3]:
            only = real.relative_to(root).as_posix()
            if _submits(root) and only.partition("/")[0] == "results":
                scope = TinyScope(path, [_submitter(root, limits)], only)
                break
    if not scope.submitters:
        raise nothing
    for submitter in scope.submitters:
        _list(submitter, scope.only)
    return scope


def _list(submitter: TinySubmitter, only: str) -> None:
    submitter.systems = submitter.folders("results")
    found = [
        TinyResult(system, name) for system in submitter.systems for name in submitter.folders(f"results/{system}")
    ]
    kept = [r for r in found if not only or r.path == only or r.path.startswith(f"{only}/") or only.startswith(r.path)]
    submitter.results = kept
    if only:
        submitter.systems = sorted({result.system for result in kept})


def _submitter(root: Path, limits: ReadingLimits) -> TinySubmitter:
    division = "open" if root.parent.name == "open" else "closed"
    return TinySubmitter(root, division, LinkedTree(root, limits, levels=2))


def _submits(root: Path) -> bool:
    return (root / "results").is_dir() or (root / "systems").is_dir()


def _inside(folder: Path, round_: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if within(child, round_) is not None)


def _elsewhere(folder: Path, round_: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_symlink() and within(child, round_) is None)
