"""What a given path is: a log, a part of a submitter's folder, or a folder of submissions; and which round it is of."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

import checker.core.discovery
from checker.core.discovery import LOOK, Found, Passed, folders_in, is_loadgens, is_mllog, listed, stated_benchmark
from checker.core.findings import Violation
from checker.core.marks import head
from checker.core.strict_json import JsonError, loads
from checker.core.tree import Tree
from checker.families.assay.submission import DIVISIONS
from checker.families.assay.training.submission import RUN_FILE
from rules.errors import NothingToCheckError, UsageError
from rules.round import rulesets
from rules.ruleset import load
from rules.text import printable

DEFAULT = "assay/1.0"
SERVING = "assay-inference/1.0"  # the same of inference
FAMILIES = {"training": "assay", "inference": "assay-inference"}  # of each suite's rounds
SUITES, OURS = set(FAMILIES), set(FAMILIES.values())
BESIDE = (".work", ".replaced", "functional", "uncontained")  # what `assay run` keeps beside submissions
ABOVE = 5  # folders from a log up to its submitter's
ASKED = 10  # logs of a submitter that are asked for their round
LONGEST, SLIP = 80, 0.8  # of a benchmark's name: characters compared, and how alike a slip is
OWN = {"manifest.json", "parity.json", "sbom.cdx.json", "observation_idle.json"}  # in a result of Assay's own


def discover(path: Path) -> Found:
    """Find what is judged below `path`, as `checker.core.discovery` does, within Assay's own layout."""
    found = checker.core.discovery.discover(path, lambda root: suite_of(root) == "inference", _passed_over)
    found.passed += [wrong for root in found.submitters if not found.scope for wrong in _misplaced(found.base, root)]
    return found


def _passed_over(depth: int, names: Collection[str]) -> Collection[str]:
    return BESIDE if depth == 0 or not SUITES.isdisjoint(names) else ()


def suite_of(root: Path) -> str:
    """Return which suite's layout the submitter's folder `root` has: what is ours of inference stands in `assay/`."""
    return "inference" if (root / "assay").is_dir() or root.parent.parent.name == "inference" else "training"


def _misplaced(base: Path, root: Path) -> Iterator[Passed]:
    """Yield what is wrong with a submitter's place `<suite>/<division>/<submitter>`, as far as `base` shows it."""
    shown = root.relative_to(base).parts
    division, suite = root.parent.name, root.parent.parent.name
    if (len(shown) > 1 or division.casefold() in DIVISIONS) and division not in DIVISIONS:
        problem = Violation("the submitter's folder is in no division's", "closed or open", printable(division))
        yield Passed("layout", root, problem)
    elif (len(shown) > 2 or (division in DIVISIONS and suite in SUITES)) and suite != suite_of(root):
        problem = Violation("the division's folder is in another suite's", suite_of(root), printable(suite))
        yield Passed("layout", root, problem)
    for part in shown:
        if part.startswith("."):
            yield Passed("names", root, Violation("a folder with results is hidden", "no leading dot", printable(part)))


def round_of(root: Path, scope: str) -> str:
    """Return the round that the first log of the submitter's folder `root` says it is of, within `scope`.

    Only rounds of the suite's own layout are taken from a log; else its default, whose rules then name the line.
    """
    suite = suite_of(root)
    default, name = (DEFAULT, "/result_0.txt") if suite == "training" else (SERVING, "/log.txt")
    where = "results" if scope in ("", ".") else scope
    where = where if suite == "training" else f"assay{where.removeprefix('results')}"
    tree, known = Tree(root, load(default).limits), _our_rounds(FAMILIES[suite])
    for entry in tree.files(where):
        if entry.path.endswith(name) and (stated := _stated(head(root / entry.path, LOOK))) in known:
            return stated
    return default


def round_of_log(log: Path) -> str:
    """Return the round a single log says it is of, or the default; as `round_of`."""
    stated = _stated(head(log, LOOK))
    return stated if stated in _our_rounds() else DEFAULT


def _stated(start: bytes) -> str:
    """Return the value of the first `ruleset` line near the start of a log, empty where there is none."""
    for line in start.split(b"\n"):
        if b'"ruleset"' in line:
            try:
                record = loads(line.partition(b":::MLLOG ")[2])
            except JsonError:
                continue
            if isinstance(record, dict) and record.get("key") == "ruleset" and isinstance(record.get("value"), str):
                return str(record["value"])
    return ""


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


def _own_log(log: Path) -> bool:
    """Whether a log names one of our rounds or workloads, also misspelt, or names none and may be ours."""
    if _stated(head(log, LOOK)) in _our_rounds():
        return True
    benchmark = stated_benchmark(log)
    if benchmark is None:
        return RUN_FILE.fullmatch(log.name) is not None or (is_mllog(log) and not is_loadgens(log))
    return bool(get_close_matches(benchmark[:LONGEST], _workloads(), n=1, cutoff=SLIP))


def _own(root: Path) -> bool:
    """Whether a submitter's folder is laid out as ours are, or a result in it holds what only ours do."""
    if (root / "assay").is_dir():
        return True
    results = [result for system in folders_in(root / "results") for result in folders_in(system)]
    ours, workloads = _our_rounds(), _workloads()
    if any(result.name in workloads for result in results):
        return True
    files = [Path(item.path) for result in results for item in listed(result)]
    runs = [file for file in files if RUN_FILE.fullmatch(file.name)]
    if any(file.name in OWN for file in files) or any(file.suffix != ".txt" for file in runs):
        return True
    asked = runs[:: max(1, len(runs) // ASKED)][:ASKED]
    return any(_stated(head(log, LOOK)) in ours for log in asked)


def _our_rounds(*series: str) -> set[str]:
    return {name for name in rulesets() if load(name).series in (series or OURS)}


def _workloads() -> set[str]:
    return {name for own in _our_rounds() for name in load(own).workloads()}


def refuse_neither(path: Path, found: Found) -> None:
    """Raise an error for what has no mark of Assay's own, where nobody named a round to judge it by."""
    if owned(found) or placed(found):
        return
    if found.log is not None:
        benchmark = stated_benchmark(found.log)
        if benchmark is not None:
            what = f"{path}: a log of '{printable(benchmark, 80)}', which is a benchmark of no round that Assay knows"
            raise UsageError(what, fix="name its round, if Assay has rules of it: --round ROUND")
        if is_loadgens(found.log):
            what = f"{path}: a log of LoadGen, which says little by itself"
            raise UsageError(what, fix="give the folder of its result, in closed/<submitter>/results")
        raise NothingToCheckError(f"{path}: holds no log of a run", fix="give a submission, a result or a log")
    if found.submitters and all(one.check == "layout" for one in found.passed):
        what = f"{path}: results of no layout that Assay knows, neither its own nor of a round of MLPerf"
        raise NothingToCheckError(what, fix="give the folder of one round, or name the round: --round ROUND")
