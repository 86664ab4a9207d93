"""What a given path is: a log, a part of a submitter's folder, or a folder of submissions; and which round it is of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from checker.core.findings import Problem
from checker.core.strict_json import JsonError, loads
from checker.core.tree import RefusedError, Tree
from checker.families.assay.submission import DIVISIONS
from checker.families.assay.training.submission import RUN_FILE
from rules.errors import NothingToCheckError, UsageError
from rules.known_rounds import archive
from rules.round import rulesets
from rules.ruleset import load
from rules.text import printable

DEFAULT = "assay/1.0"
SERVING = "assay-inference/1.0"  # the same of inference
FAMILIES = {"training": "assay", "inference": "assay-inference"}  # of each suite's rounds
DEPTH = 16  # levels looked into; the layout needs submissions/<suite>/<division>/<submitter>
MOST = 10_000  # folders looked into, and entries of one
REPORTED = 100  # things passed by
SUITES, OURS = set(FAMILIES), set(FAMILIES.values())
BESIDE = (".work", ".replaced", "functional", "uncontained")  # what `assay run` keeps beside submissions
LOOK = 1 << 16  # bytes of a log that are searched for its round
HEAD = 4 << 20  # bytes in which its benchmark is; published logs name it within the first million
ABOVE = 5  # folders from a log up to its submitter's
ASKED = 10  # logs of a submitter that are asked for their round
LONGEST, SLIP = 80, 0.8  # of a benchmark's name: characters compared, and how alike a slip is
OWN = {"manifest.json", "parity.json", "sbom.cdx.json", "observation_idle.json"}  # in a result of Assay's own


@dataclass(frozen=True)
class Passed:
    """What is wrong above the submitters' folders or with the place of one; the cards of `judge` speak of it."""

    judge: str
    path: Path
    problem: Problem


@dataclass
class Found:
    """What there is to check; `base` is what the paths of findings are relative to."""

    base: Path
    log: Path | None = None
    submitters: list[Path] = field(default_factory=list)
    scope: str = ""  # the part of the only submitter's folder that was asked for
    passed: list[Passed] = field(default_factory=list)


def discover(path: Path) -> Found:
    """Find what is judged below `path`; NothingToCheckError where nothing is, UsageError where the path is not."""
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
    walk, inside = _Walk(real), _inside(real)
    if inside is not None and not any((root / "results").is_dir() for root in walk.submitters):
        return Found(real, submitters=[inside], scope=real.relative_to(inside).as_posix())
    if not walk.submitters and not walk.passed:
        raise NothingToCheckError(
            f"{path}: no results below it",
            fix="give a folder that holds results/<system>/<workload>/, or a single log",
        )
    return Found(real, submitters=walk.submitters, passed=walk.passed)


def _inside(path: Path) -> Path | None:
    """Return the submitter's folder that `path` is the results, a system's results, a result or a scenario of."""
    for depth, parent in enumerate((path, *path.parents[:3])):
        if (
            parent.name == "results"
            and parent != parent.parent
            and (depth < 3 or suite_of(parent.parent) == "inference")
        ):
            return parent.parent
    return None


def suite_of(root: Path) -> str:
    """Return which suite's layout the submitter's folder `root` has: what is ours of inference stands in `assay/`."""
    return "inference" if (root / "assay").is_dir() or root.parent.parent.name == "inference" else "training"


class _Walk:
    """Folders at or below `path` that are a submitter's, and what could hide one and was not looked into."""

    def __init__(self, path: Path) -> None:
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
        self.passed += [wrong for root in self.submitters for wrong in _misplaced(path, root)]

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
            self._pass("bounds", folder, "what stands here was not looked into", wanted)
            return []
        is_root = depth == 0 or not SUITES.isdisjoint(folders)
        return [name for name in folders if not (is_root and name in BESIDE)]

    def _pass(self, judge: str, path: Path, message: str, expected: str) -> None:
        if len(self.passed) < REPORTED:
            self.passed.append(Passed(judge, path, Problem(message, expected)))


def _kind(item: os.DirEntry[str]) -> str:
    return "link" if item.is_symlink() else "folder" if item.is_dir(follow_symlinks=False) else "file"


def _submitted(name: str, kind: str) -> bool:
    """Whether an entry shows that its folder is a submitter's, however misspelt."""
    plain = name.casefold()
    return plain == "results" or (kind != "file" and plain in ("systems", "benchmarks"))


def _misplaced(base: Path, root: Path) -> Iterator[Passed]:
    """Yield what is wrong with a submitter's place `<suite>/<division>/<submitter>`, as far as `base` shows it."""
    shown = root.relative_to(base).parts
    division, suite = root.parent.name, root.parent.parent.name
    if (len(shown) > 1 or division.casefold() in DIVISIONS) and division not in DIVISIONS:
        problem = Problem("the submitter's folder is in no division's", "closed or open", printable(division))
        yield Passed("layout", root, problem)
    elif (len(shown) > 2 or (division in DIVISIONS and suite in SUITES)) and suite != suite_of(root):
        problem = Problem("the division's folder is in another suite's", suite_of(root), printable(suite))
        yield Passed("layout", root, problem)
    for part in shown:
        if part.startswith("."):
            yield Passed("names", root, Problem("a folder with results is hidden", "no leading dot", printable(part)))


def round_of(root: Path, scope: str) -> str:
    """Return the round that the first log of the submitter's folder `root` says it is of, within `scope`.

    Only rounds of the suite's own layout are taken from a log; else its default, whose rules then name the line.
    """
    suite = suite_of(root)
    default, name = (DEFAULT, "/result_0.txt") if suite == "training" else (SERVING, "/log.txt")
    where = "results" if scope in ("", ".") else scope
    where = where if suite == "training" else f"assay{where.removeprefix('results')}"
    tree = Tree(root, load(default).limits)
    for entry in tree.files(where):
        if entry.path.endswith(name) and (stated := _stated(tree, entry.path)) in _own_rounds(suite):
            return stated
    return default


def round_of_log(log: Path) -> str:
    """Return the round a single log says it is of, or the default; as `round_of`."""
    stated = _stated(Tree(log.parent, load(DEFAULT).limits), log.name)
    return stated if any(stated in _own_rounds(suite) for suite in FAMILIES) else DEFAULT


def _own_rounds(suite: str) -> list[str]:
    return [name for name in rulesets() if load(name).family == FAMILIES[suite]]


def _stated(tree: Tree, path: str) -> str:
    """Return the value of the first `ruleset` line near the start of a log, empty where there is none."""
    for line in _head(tree, path, LOOK).split(b"\n"):
        if b'"ruleset"' in line:
            try:
                record = loads(line.partition(b":::MLLOG ")[2])
            except JsonError:
                continue
            if isinstance(record, dict) and record.get("key") == "ruleset" and isinstance(record.get("value"), str):
                return str(record["value"])
    return ""


def _head(tree: Tree, path: str, most: int) -> bytes:
    try:
        with tree.open(path) as file:
            return file.read(most)
    except (RefusedError, OSError):
        return b""


def owned(found: Found) -> bool:
    """Whether something here has a mark of Assay's own layout or logs, however spoilt the rest is."""
    if found.log is not None:
        return _own_log(found.log) or any(_own(root) for root in islice(found.log.parents, ABOVE))
    return any(_own(root) for root in found.submitters)


def placed(found: Found) -> bool:
    """Whether a submitter's folder stands where Assay's own do, or only what hides one was found."""
    places = [(root.parent.parent.name, root.parent.name) for root in found.submitters]
    in_place = any(suite in SUITES and division in DIVISIONS for suite, division in places)
    return in_place or (bool(found.passed) and not found.submitters)


def refuse_archive(path: Path) -> None:
    """Raise UsageError where `path` is a packed file."""
    if path.is_file() and (kind := archive(_head(Tree(path.parent, load(DEFAULT).limits), path.name, LOOK))):
        raise UsageError(f"{path}: an archive ({kind})", fix="unpack it, and give the folder that was in it")


def is_mllog(log: Path) -> bool:
    """Whether a file holds a line of MLPerf's logging, near its start."""
    return b":::MLLOG " in _head(Tree(log.parent, load(DEFAULT).limits), log.name, LOOK)


def is_loadgens(log: Path) -> bool:
    """Whether a log is one that LoadGen wrote."""
    return b'"mlperf::logging"' in _head(Tree(log.parent, load(DEFAULT).limits), log.name, LOOK)


def stated_benchmark(log: Path) -> str | None:
    """Return the benchmark that a log states near its start; None where it states none."""
    head = _head(Tree(log.parent, load(DEFAULT).limits), log.name, HEAD)
    at = head.find(b'"submission_benchmark"')
    if at < 0:
        return None
    start, end = head.rfind(b"\n", 0, at) + 1, head.find(b"\n", at)
    line = head[start : end if end >= 0 else len(head)].rpartition(b":::MLLOG ")[2]
    try:
        record = loads(line)
    except JsonError:
        return None
    value = record.get("value") if isinstance(record, dict) else None
    return value if isinstance(value, str) else None


def _own_log(log: Path) -> bool:
    """Whether a log names one of our rounds or workloads, also misspelt, or names none and may be ours."""
    if _stated(Tree(log.parent, load(DEFAULT).limits), log.name) in _our_rounds():
        return True
    benchmark = stated_benchmark(log)
    if benchmark is None:
        return RUN_FILE.fullmatch(log.name) is not None or (is_mllog(log) and not is_loadgens(log))
    return bool(get_close_matches(benchmark[:LONGEST], _workloads(), n=1, cutoff=SLIP))


def _own(root: Path) -> bool:
    """Whether a submitter's folder is laid out as ours are, or a result in it holds what only ours do."""
    if (root / "assay").is_dir():
        return True
    results = [result for system in _folders(root / "results") for result in _folders(system)]
    ours, workloads = _our_rounds(), _workloads()
    if any(result.name in workloads for result in results):
        return True
    files = [Path(item.path) for result in results for item in _listed(result)]
    runs = [file for file in files if RUN_FILE.fullmatch(file.name)]
    if any(file.name in OWN for file in files) or any(file.suffix != ".txt" for file in runs):
        return True
    asked = runs[:: max(1, len(runs) // ASKED)][:ASKED]
    return any(_stated(Tree(log.parent, load(DEFAULT).limits), log.name) in ours for log in asked)


def _our_rounds() -> set[str]:
    return {name for name in rulesets() if load(name).family in OURS}


def _workloads() -> set[str]:
    return {name for own in _our_rounds() for name in load(own).workloads()}


def _folders(folder: Path) -> list[Path]:
    return [Path(item.path) for item in _listed(folder) if item.is_dir(follow_symlinks=False)]


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            return list(islice(listing, MOST))
    except OSError:
        return []
