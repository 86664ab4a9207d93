"""Which MLPerf Training or HPC round a path looks like, by the benchmarks in it.

Rounds differ in their benchmarks, so all of an organisation's together often leave one round only. A name never makes
a submission pass: it is judged by a round that somebody named, or by the only one whose benchmarks these can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from checker.core.detection import DetectedRound
from checker.core.discovery import discover, folders_in, stated_benchmark
from checker.core.findings import Violation
from checker.families.mlperf_training.discovery import find
from rules.errors import AssayError, UsageError
from rules.known_rounds import families, without_rules
from rules.round import rulesets
from rules.ruleset import load
from rules.text import printable
from rules.training import FAMILIES, package_rules

LEVELS = ("strong", "weak")  # between system and benchmark in HPC rounds
LOGS = 100  # loose logs that are looked into


def detect_round(path: Path, logs_only: bool = False) -> DetectedRound | None:
    """Return what `path` looks like; None where no benchmark of MLPerf, or a workload of another family, is in it.

    Raises UsageError where no round has all the benchmarks.
    """
    known = benchmarks(path, logs_only)
    if not known:
        return None
    rounds, seen = rounds_of(known), f"looks like an MLPerf submission ({listed(known)})"
    if not rounds:
        several = "; ".join(f"{name} of {listed(rounds_of([name]))}" for name in known)
        raise UsageError(
            f"{path} {seen}, of no single round: {several}", fix="give the folder of one round, and --round"
        )
    return DetectedRound(path, seen, rounds, "several rounds have these benchmarks")


def benchmarks(path: Path, logs_only: bool = False) -> tuple[str, ...]:
    """Return the benchmarks of MLPerf Training and HPC in `path`; none where it holds a workload of another family."""
    names = set(_names(path, logs_only))
    others = {name for of in rulesets() if load(of).series not in FAMILIES for name in load(of).workloads()}
    table = _rounds_by_benchmark(tuple(rulesets()))
    return () if names & others else tuple(sorted(name for name in names if name in table))


def rounds_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the rounds that have every one of these benchmarks, older first; also those without rules."""
    table = _rounds_by_benchmark(tuple(rulesets()))
    common = set.intersection(*(set(table.get(name, ())) for name in names))
    return tuple(sorted(common))


def round_mismatch(names: Iterable[str], round_name: str) -> Violation | None:
    """Return what is wrong with judging these benchmarks by `round_name`; None where that round has them all."""
    names = list(names)
    strange = [name for name in names if round_name not in rounds_of([name])]
    if not strange:
        return None
    if rounds := rounds_of(names):
        found = f"what is here looks like {listed(rounds)}"
    else:
        found = "; ".join(f"{name} is of {listed(rounds_of([name]))}" for name in strange)
    are = "is no benchmark" if len(strange) == 1 else "are no benchmarks"
    return Violation(
        f"{listed(strange)} {are} of {round_name}: {found}", f"benchmarks of {round_name}", listed(strange)
    )


def listed(names: Iterable[str]) -> str:
    """Return names in a sentence."""
    return ", ".join(printable(name, 80) for name in names)


@cache
def _rounds_by_benchmark(rounds: tuple[str, ...]) -> dict[str, list[str]]:
    table = {
        name: without_rules(name)
        for family in families().values()
        for have in family.benchmarks.values()
        for name in have
    }
    for name in rounds:
        if load(name).series in FAMILIES:
            for benchmark in package_rules(name).benchmarks:
                table.setdefault(benchmark, []).append(name)
    return table


def _names(path: Path, logs_only: bool) -> Iterator[str]:
    """Yield the names that could be benchmarks': of results folders, and as loose logs state them."""
    try:
        if logs_only:
            yield from filter(None, map(stated_benchmark, find(path, True).logs[:LOGS]))
            return
        found = discover(path)
    except (AssayError, OSError):
        return  # whatever is wrong with the path, its judge says it
    for root in found.submitters:
        yield from _folders(root)
    if found.log is not None:
        yield from filter(None, [stated_benchmark(found.log)])
        for root in islice(found.log.parents, 5):
            if (root / "results").is_dir():
                yield from _folders(root)
                return


def _folders(root: Path) -> Iterator[str]:
    """Yield the names of the folders below those of results/, which are the systems'."""
    for system in folders_in(root / "results"):
        for name in (folder.name for folder in folders_in(system)):
            if name in LEVELS:
                yield from (folder.name for folder in folders_in(system / name))
            else:
                yield name
