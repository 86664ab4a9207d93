"""One organisation's submission as found on disk: systems, results folders, and what lies in them.

Names are taken as the official package checker takes them, so that it is judged on what it looks at: every folder of
results/ is a system, every folder below (HPC: below strong or weak) a benchmark, result_*.txt the runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from checker.core.findings import Violation
from checker.core.links import LinkedTree
from checker.core.outcome import OfficialOutcome
from checker.core.tree import RefusedError
from checker.families.mlperf_training.convergence import Decision
from checker.families.mlperf_training.facts import LogFacts
from checker.families.mlperf_training.meters import MeterFile
from checker.families.mlperf_training.systems import SystemFile, read_system
from rules.training import TrainingPackage

PARAMETERS = "package_checker_params"
MAGIC = frozenset("*?[")


@dataclass
class Folder:
    """A results folder: the runs of one benchmark on one system; paths relative to the organisation's folder.

    What the official tool decides on it comes with `judge_folder`; parts it does not run stay None.
    """

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
    meters: list[MeterFile] = field(default_factory=list)
    layout: OfficialOutcome = field(default_factory=OfficialOutcome)
    compliance: OfficialOutcome = field(default_factory=OfficialOutcome)
    seeds: OfficialOutcome | None = None
    convergence: OfficialOutcome | None = None
    decision: Decision | None = None
    failing: set[str] = field(default_factory=set)  # runs whose log or power data do not comply

    @property
    def outcome(self) -> OfficialOutcome:
        """The folder as a whole."""
        whole = OfficialOutcome()
        whole.merge(part for part in (self.layout, self.compliance, self.seeds, self.convergence) if part is not None)
        return whole


@dataclass
class Organisation:
    """One submitter's folder."""

    name: str  # as shown: relative to what is checked
    tree: LinkedTree
    fixed: TrainingPackage  # by the round
    systems: dict[str, SystemFile] = field(default_factory=dict)
    folders: list[Folder] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)  # HPC: folders that are neither strong nor weak
    has_results: bool = True
    own: list[tuple[str, Violation]] = field(default_factory=list)  # what is said of no system and no results folder
    outcome: OfficialOutcome = field(default_factory=OfficialOutcome)  # with `judge_organisation`

    def described(self, folder: Folder) -> SystemFile | None:
        """Return the description of a results folder's system; None where there is none."""
        return self.systems.get(folder.system)


def find_organisation(name: str, tree: LinkedTree, fixed: TrainingPackage) -> Organisation:
    """List an organisation's folder and read its system descriptions; logs are read later, all together."""
    found = Organisation(name, tree, fixed)
    for file in tree.inside("systems"):
        if file.endswith(".json") and not file.startswith("."):
            system = read_system(tree, f"systems/{file}", fixed)
            found.systems[system.name] = system
    results = tree.at("results")
    found.has_results = results is not None and results.kind == "folder"

    def folders(path: str) -> list[str]:
        return [f"{path}/{below}" for below, entry in tree.inside(path).items() if entry.kind == "folder"]

    for system_path in folders("results"):
        levels = folders(system_path) if fixed.scaling else [system_path]
        found.misplaced += [path for path in levels if fixed.scaling and path.rpartition("/")[2] not in fixed.scaling]
        for level in levels:
            for path in folders(level):
                found.folders.append(_folder(found, path, system_path, level))
    return found


def _folder(found: Organisation, path: str, system_path: str, level: str) -> Folder:
    parts = path.split("/")
    scaling = level.rpartition("/")[2] if level != system_path else ""
    matched = [path]
    if MAGIC & set(path):
        # The official tool hands the path to glob: brackets in a name match other folders, not this one.
        matched = _globbed(found.tree, path)
    logs, others = [], []
    for other in matched:
        for name in found.tree.inside(other):
            if fnmatchcase(name, "result_*.txt"):
                logs.append(f"{other}/{name}")
            elif not name.startswith("."):
                others.append(f"{other}/{name}")
    power = f"{path}/power" if found.tree.at(f"{path}/power") is not None else None
    measured = {
        run: [f"{path}/power/{run}/{file}" for file in found.tree.inside(f"{path}/power/{run}")]
        for run in found.tree.inside(f"{path}/power")
    }
    folder = Folder(path, parts[1], parts[-1], scaling, sorted(logs), sorted(others), power, measured)
    for place in (system_path, path):
        _parameters(found.tree, f"{place}/{PARAMETERS}", folder)
    return folder


def _globbed(tree: LinkedTree, pattern: str) -> list[str]:
    """Return the folders whose paths match a pattern, level by level."""
    found = [""]
    for part in pattern.split("/"):
        found = [f"{at}/{name}".lstrip("/") for at in found for name in tree.inside(at) if fnmatchcase(name, part)]
    return found


def _parameters(tree: LinkedTree, path: str, folder: Folder) -> None:
    """Read bypasses as the official tool does: a line counts only where no newline follows it."""
    if tree.at(path) is None:
        return
    try:
        text = tree.read(path, tree.limits.document_bytes).decode("utf-8")
    except (RefusedError, UnicodeDecodeError) as error:
        folder.unreadable = f"{path} {error}"
        return
    last = text.replace("\r\n", "\n").replace("\r", "\n").rpartition("\n")[2]
    folder.rcp_bypass |= last == "rcp-bypass"
    folder.seed_bypass |= last == "seed-checker-bypass"
