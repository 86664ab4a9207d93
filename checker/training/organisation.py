"""One organisation's submission as found on disk: systems, results folders, and what lies in them.

Names are taken as the official package checker takes them, so that it is judged on what it looks at: every folder of
results/ is a system, every folder below (HPC: below strong or weak) a benchmark, result_*.txt the runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from checker.training.facts import LogFacts
from checker.training.systems import System, read_system
from checker.tree import Entry, RefusedError, Tree
from rules.training import PackageRules

PARAMETERS = "package_checker_params"
MAGIC = frozenset("*?[")


@dataclass
class Folder:
    """A results folder: the runs of one benchmark on one system; paths relative to the organisation's folder."""

    path: str
    system: str
    benchmark: str
    scaling: str  # strong, weak, or "" where the suite has no such level
    log_paths: list[str]
    others: list[str]  # what else lies in it
    power: str | None  # path of power/
    power_files: dict[str, list[str]]  # what lies in the folders there, which are named as runs
    logs: list[LogFacts] = field(default_factory=list)
    rcp_bypass: bool = False
    seed_bypass: bool = False
    unreadable: str = ""  # why its parameter file stops the official tool


@dataclass
class Organisation:
    """One submitter's folder."""

    name: str  # as shown: relative to what is checked
    tree: Tree
    systems: dict[str, System] = field(default_factory=dict)
    folders: list[Folder] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)  # HPC: folders that are neither strong nor weak
    has_results: bool = True

    def children(self, folder: str) -> list[Entry]:
        """Return what lies directly in a folder, by name."""
        prefix = f"{folder}/" if folder else ""
        return [e for e in self.tree.entries.values() if e.path.startswith(prefix) and "/" not in e.path[len(prefix) :]]


def find_organisation(name: str, tree: Tree, fixed: PackageRules) -> Organisation:
    """List an organisation's folder and read its system descriptions; logs are read later, all together."""
    found = Organisation(name, tree)
    below: dict[str, list[Entry]] = {}
    for entry in tree.entries.values():
        below.setdefault(entry.path.rpartition("/")[0], []).append(entry)
    for entry in below.get("systems", ()):
        file = entry.path.removeprefix("systems/")
        if file.endswith(".json") and not file.startswith("."):
            system = read_system(tree, entry.path, fixed)
            found.systems[system.name] = system
    results = tree.entries.get("results")
    found.has_results = results is not None and results.kind == "folder"

    def folders(path: str) -> list[str]:
        return [entry.path for entry in below.get(path, ()) if entry.kind == "folder"]

    for system_path in folders("results"):
        levels = folders(system_path) if fixed.scaling else [system_path]
        found.misplaced += [path for path in levels if fixed.scaling and path.rpartition("/")[2] not in fixed.scaling]
        for level in levels:
            for path in folders(level):
                found.folders.append(_folder(found, path, system_path, level, below))
    return found


def _folder(found: Organisation, path: str, system_path: str, level: str, below: dict[str, list[Entry]]) -> Folder:
    parts = path.split("/")
    scaling = level.rpartition("/")[2] if level != system_path else ""
    matched = [path]
    if MAGIC & set(path):
        # The official tool hands the path to glob: brackets in a name match other folders, not this one.
        matched = [other for other in below if _globbed(other, path)]
    logs, others, power = [], [], None
    for entry in (entry for other in matched for entry in below.get(other, ())):
        name = entry.path.rpartition("/")[2]
        if fnmatchcase(name, "result_*.txt"):
            logs.append(entry.path)
        elif not name.startswith("."):
            others.append(entry.path)
        if name == "power" and entry.path == f"{path}/power":
            power = entry.path
    measured = {
        run.path.rpartition("/")[2]: sorted(file.path for file in below.get(run.path, ()))
        for run in below.get(f"{path}/power", ())
    }
    folder = Folder(path, parts[1], parts[-1], scaling, sorted(logs), sorted(others), power, measured)
    for place in (system_path, path):
        _parameters(found.tree, f"{place}/{PARAMETERS}", folder)
    return folder


def _globbed(path: str, pattern: str) -> bool:
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def _parameters(tree: Tree, path: str, folder: Folder) -> None:
    """Read bypasses as the official tool does: a line counts only where no newline follows it."""
    if path not in tree.entries:
        return
    try:
        text = tree.read(path, tree.limits.document_bytes).decode("utf-8")
    except (RefusedError, UnicodeDecodeError) as error:
        folder.unreadable = f"{path} {error}"
        return
    last = text.replace("\r\n", "\n").replace("\r", "\n").rpartition("\n")[2]
    folder.rcp_bypass |= last == "rcp-bypass"
    folder.seed_bypass |= last == "seed-checker-bypass"
