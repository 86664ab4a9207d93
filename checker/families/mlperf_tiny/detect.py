"""Which round of MLPerf Tiny a path looks like: by its layout, its benchmarks' names and how its folder is called."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from checker.core.detection import DetectedRound, known_rounds
from checker.core.findings import Violation
from checker.core.marks import marked, sampled
from checker.families.mlperf_tiny.submission import TinyScope, find
from rules.errors import AssayError
from rules.known_rounds import title
from rules.ruleset import load
from rules.tiny import tiny_rules

FAMILY = "mlperf-tiny"
MOST = 500  # results looked at
TELLING = frozenset({"kws", "vww", "sww"})  # names of benchmarks that no other suite has


def detect_round(path: Path) -> DetectedRound | None:
    """Return what `path` looks like; None where no result is of a benchmark, or holds a file, that only Tiny has."""
    newest = next(reversed(known_rounds(FAMILY)), None)
    if newest is None:
        return None
    try:
        scope = find(path, tiny_rules(newest), load(newest).limits)
    except (AssayError, OSError):
        return None
    names = benchmarks(scope)
    if TELLING.isdisjoint(names) and not _holds(scope, "performance/results.txt", "accuracy/results.txt"):
        return None
    rounds = rounds_of(names)
    if _holds(scope, tiny_rules(newest).marker):
        rounds = tuple(name for name in rounds if "eembc" in tiny_rules(name).allowed_runners)
    seen = "looks like a submission to MLPerf Tiny"
    return DetectedRound(path, seen, rounds or (FAMILY,), "several rounds have its benchmarks")


def _holds(scope: TinyScope, *names: str) -> bool:
    """Whether a result of a benchmark of Tiny holds a file of such a name."""
    known = {name for round_ in known_rounds(FAMILY) for name in tiny_rules(round_).benchmarks}
    return any(
        submitter.has(f"{result.path}/{name}")
        for submitter in scope.submitters
        for result in islice(submitter.results, MOST)
        if result.benchmark in known
        for name in names
    )


def benchmarks(scope: TinyScope) -> set[str]:
    """Return the names of the results' folders."""
    found = (result for submitter in scope.submitters for result in submitter.results)
    return {result.benchmark for result in islice(found, MOST)}


def rounds_of(names: set[str]) -> tuple[str, ...]:
    """Return the rounds that have all of these benchmarks that any has, older first."""
    rounds = {name: tiny_rules(name).benchmarks.keys() for name in known_rounds(FAMILY)}
    known = {name for name in names if any(name in have for have in rounds.values())}
    return tuple(name for name, have in rounds.items() if known <= have)


def round_mismatch(scope: TinyScope, round_name: str) -> Violation | None:
    """Return what is wrong with judging this by `round_name`; None where no benchmark is another round's."""
    marks = marked(sampled(submitter.root / "results" for submitter in scope.submitters))
    if marks and round_name not in marks:
        what = f"the files are those of {title(marks)}, which Assay has no rules for; you asked for {round_name}"
        return Violation(what, round_name, ", ".join(marks), ".")
    strange = sorted(name for name in benchmarks(scope) if round_name not in rounds_of({name}))
    if not strange:
        return None
    are = "is no benchmark" if len(strange) == 1 else "are no benchmarks"
    others = ", ".join(rounds_of(benchmarks(scope))) or "no single round"
    what = f"{', '.join(strange)} {are} of {round_name}: what is here looks like {others}"
    return Violation(what, f"benchmarks of {round_name}", ", ".join(strange), ".")
