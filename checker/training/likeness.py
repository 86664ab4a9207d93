"""Which MLPerf Training or HPC round a path looks like, by the benchmarks in it.

Rounds differ in their benchmarks, so all of an organisation's together often leave one round only. A name never makes
a submission pass: it is judged by a round that somebody named, or by the only one whose benchmarks these can be.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from checker.discovery import OURS, discover
from checker.findings import Problem
from checker.strict_json import JsonError, loads
from checker.training.discovery import find
from checker.tree import RefusedError, Tree
from rules.errors import AssayError, UsageError
from rules.ruleset import load, rulesets
from rules.text import printable
from rules.training import FAMILIES, package_rules

LEVELS = ("strong", "weak")  # between system and benchmark in HPC rounds
MOST = 5000  # entries of a folder that are looked at
LOGS = 100  # loose logs that are looked into
HEAD = 4 << 20  # bytes of a log in which its benchmark is looked for; published ones name it within the first million
PUBLISHED = re.compile(r"\b(training|hpc)(?:_results)?_v(\d+\.\d+)\b")


@dataclass(frozen=True)
class Likeness:
    """What a path looks like: benchmarks that some round has, and the rounds that have all of them."""

    path: Path
    benchmarks: tuple[str, ...]
    rounds: tuple[str, ...]

    def only(self) -> str:
        """Return the one round this can be, or UsageError with the candidates."""
        if len(self.rounds) == 1:
            return self.rounds[0]
        if named := _published(self.path, self.rounds):
            return named
        seen = f"{self.path} looks like an MLPerf submission ({listed(self.benchmarks)})"
        if not self.rounds:
            several = "; ".join(f"{name} of {listed(rounds_of([name]))}" for name in self.benchmarks)
            raise UsageError(f"{seen}, of no single round: {several}", fix="give the folder of one round, and --round")
        options = [f"add --round {name}" for name in reversed(self.rounds)]
        raise UsageError(f"{seen}, and several rounds have these benchmarks", fix=", or ".join(options))


def likeness(path: Path, logs_only: bool = False) -> Likeness | None:
    """Return what `path` looks like; None where no benchmark of MLPerf, or one of Assay's workloads, is in it."""
    names = set(_benchmarks(path, logs_only))
    ours = {name for own in rulesets() if load(own).family in OURS for name in load(own).workloads()}
    table = _rounds_by_benchmark(tuple(rulesets()))
    known = tuple(sorted(name for name in names if name in table))
    if not known or names & ours:
        return None
    return Likeness(path, known, rounds_of(known))


def rounds_of(benchmarks: Iterable[str]) -> tuple[str, ...]:
    """Return the rounds that have every one of `benchmarks`, older first."""
    table = _rounds_by_benchmark(tuple(rulesets()))
    common = set.intersection(*(set(table.get(name, ())) for name in benchmarks))
    return tuple(sorted(common))


def foreign(seen: Likeness, round_name: str) -> Problem | None:
    """Return what is wrong with judging this by `round_name`; None where that round has all its benchmarks."""
    strange = [name for name in seen.benchmarks if round_name not in rounds_of([name])]
    if not strange:
        return None
    if seen.rounds:
        found = f"what is here looks like {listed(seen.rounds)}"
    else:
        found = "; ".join(f"{name} is of {listed(rounds_of([name]))}" for name in strange)
    are = "is no benchmark" if len(strange) == 1 else "are no benchmarks"
    return Problem(f"{listed(strange)} {are} of {round_name}: {found}", f"benchmarks of {round_name}", listed(strange))


def listed(names: Iterable[str]) -> str:
    """Return names in a sentence."""
    return ", ".join(printable(name, 80) for name in names)


@cache
def _rounds_by_benchmark(rounds: tuple[str, ...]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for name in rounds:
        if load(name).family in FAMILIES:
            for benchmark in package_rules(name).benchmarks:
                table.setdefault(benchmark, []).append(name)
    return table


def _published(path: Path, rounds: tuple[str, ...]) -> str | None:
    """Return the round that a folder's name says, as the published repositories are called: training_results_v5.1."""
    for part in reversed(path.absolute().parts):
        if (match := PUBLISHED.search(part)) and (name := f"mlperf-{match[1]}/{match[2]}") in rounds:
            return name
    return None


def _benchmarks(path: Path, logs_only: bool) -> Iterator[str]:
    """Yield the names that could be benchmarks': of results folders, and as loose logs state them."""
    try:
        if logs_only:
            for log in find(path, True).logs[:LOGS]:
                yield from _stated(log)
            return
        found = discover(path)
    except (AssayError, OSError):
        return  # whatever is wrong with the path, its judge says it
    for root in found.submitters:
        yield from _folders(root)
    if found.log is not None:
        yield from _stated(found.log)
        for root in islice(found.log.parents, 5):
            if (root / "results").is_dir():
                yield from _folders(root)
                return


def _folders(root: Path) -> Iterator[str]:
    """Yield the names of the folders below those of results/, which are the systems'."""
    for system in _inside(root / "results"):
        for name in (folder.name for folder in _inside(system)):
            if name in LEVELS:
                yield from (folder.name for folder in _inside(system / name))
            else:
                yield name


def _inside(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as listing:
            return [Path(item.path) for item in islice(listing, MOST) if item.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _stated(log: Path) -> Iterator[str]:
    """Yield the benchmark that a log states near its start."""
    try:
        with Tree(log.parent, load("assay/1.0").limits).open(log.name) as file:
            head = file.read(HEAD)
    except (RefusedError, OSError):
        return
    at = head.find(b'"submission_benchmark"')
    if at < 0:
        return
    start, end = head.rfind(b"\n", 0, at) + 1, head.find(b"\n", at)
    line = head[start : end if end >= 0 else len(head)].rpartition(b":::MLLOG ")[2]
    try:
        record = loads(line)
    except JsonError:
        return
    if isinstance(record, dict) and isinstance(record.get("value"), str):
        yield record["value"]
