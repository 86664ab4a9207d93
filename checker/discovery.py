"""What a given path is: a log, a part of a submitter's folder, or a folder of submissions; and which round it is of."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from checker.strict_json import JsonError, loads
from checker.tree import RefusedError, Tree
from rules.errors import NothingToCheckError, UsageError
from rules.ruleset import load, rulesets

DEFAULT = "assay/1.0"
FAMILY = "assay"  # of the rounds whose submissions have Assay's layout
DEPTH = 4  # submissions/<suite>/<division>/<submitter>, and one to spare
MOST = 10_000  # folders looked at
LOOK = 1 << 16  # bytes of a log that are searched for its round


@dataclass
class Found:
    """What there is to check; `base` is what the paths of findings are relative to."""

    base: Path
    log: Path | None = None
    submitters: list[Path] = field(default_factory=list)
    scope: str = ""  # the part of the only submitter's folder that was asked for


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
    submitters, inside = _below(real), _inside(real)
    if not submitters and inside is not None:
        return Found(real, submitters=[inside], scope=real.relative_to(inside).as_posix())
    if not submitters:
        raise NothingToCheckError(
            f"{path}: no results below it",
            fix="give a folder that holds results/<system>/<workload>/, or a single log",
        )
    return Found(real, submitters=submitters)


def _inside(path: Path) -> Path | None:
    """Return the submitter's folder that `path` is the results, a system's results or a result of."""
    for depth, parent in enumerate((path, path.parent, path.parent.parent)):
        if parent.name == "results" and depth < 3 and parent != parent.parent:
            return parent.parent
    return None


def _below(path: Path) -> list[Path]:
    """Return the submitters' folders at or below `path`, sorted; links and hidden folders are passed by."""
    found, waiting, seen = [], [(path, 0)], 0
    while waiting and seen < MOST:
        folder, depth = waiting.pop()
        seen += 1
        try:
            with os.scandir(folder) as listing:
                names = sorted(item.name for item in listing if item.is_dir(follow_symlinks=False))
        except OSError:
            continue
        if "results" in names:
            found.append(folder)
        elif depth < DEPTH:
            waiting += [(folder / name, depth + 1) for name in names if not name.startswith(".")]
    return sorted(found)


def round_of(root: Path, scope: str) -> str:
    """Return the round that the first log of the submitter's folder `root` says it is of, within `scope`.

    Only rounds of Assay's own layout are taken from a log; else the default, whose rules then name the line.
    """
    tree = Tree(root, load(DEFAULT).limits)
    for entry in tree.files(scope if scope not in ("", ".") else "results"):
        if entry.path.endswith("/result_0.txt") and (stated := _stated(tree, entry.path)) in _own_rounds():
            return stated
    return DEFAULT


def round_of_log(log: Path) -> str:
    """Return the round a single log says it is of, or the default; as `round_of`."""
    stated = _stated(Tree(log.parent, load(DEFAULT).limits), log.name)
    return stated if stated in _own_rounds() else DEFAULT


def _own_rounds() -> list[str]:
    return [name for name in rulesets() if load(name).family == FAMILY]


def _stated(tree: Tree, path: str) -> str:
    """Return the value of the first `ruleset` line near the start of a log, empty where there is none."""
    try:
        with tree.open(path) as file:
            head = file.read(LOOK)
    except (RefusedError, OSError):
        return ""
    for line in head.split(b"\n"):
        if b'"ruleset"' in line:
            try:
                record = loads(line.partition(b":::MLLOG ")[2])
            except JsonError:
                continue
            if isinstance(record, dict) and record.get("key") == "ruleset" and isinstance(record.get("value"), str):
                return str(record["value"])
    return ""
