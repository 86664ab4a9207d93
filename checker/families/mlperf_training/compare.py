"""Two submissions beside each other: what differs in their systems and settings, and whether their scores do.

A score is one number; whether two of them differ by more than chance shows in the times of their runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from checker.core.comparison import Difference, Spread, differences, spread
from checker.core.findings import brief
from checker.core.links import LinkedTree
from checker.families.mlperf_training.discovery import find
from checker.families.mlperf_training.facts import LogFacts
from checker.families.mlperf_training.log_verdict import log_judge
from checker.families.mlperf_training.official import judge_organisation
from checker.families.mlperf_training.organisation import Folder, Organisation, find_organisation
from checker.families.mlperf_training.scan import scan
from checker.families.mlperf_training.systems import SystemFile
from checker.families.mlperf_training.table import LARGEST_FACTOR, NEVER_S, Row, minutes_of, rows
from checker.report.comparison import Differing, listed, refuse_many
from rules.errors import NothingToCheckError, UsageError
from rules.ruleset import load
from rules.text import printable
from rules.training import TrainingPackage, package_rules

SIGNIFICANCE = 0.05
METHOD = (
    "Welch's two-sided t test on the mean over all runs' times, each times its result's scaling factor; p values "
    "corrected after Holm for all comparisons here together; more than noise where p < "
    f"{SIGNIFICANCE:g}. Tested only where every run of both results reached the target: those that did are a choice "
    "of the fast ones."
)
IDENTITY = frozenset({"submission_org", "submission_platform", "submission_benchmark", "config_filename"})


@dataclass(frozen=True)
class Side:
    """One result of one of the two: names, its runs' times, its score and where its runs converged."""

    path: str
    system: str
    runs: int
    times_s: tuple[float, ...]  # of runs that comply and reached the target, scaled
    score_s: float | None  # olympic, scaled, as the official table has it
    scaling: float
    converged_at: tuple[float, ...]

    @property
    def whole(self) -> bool:
        """Whether every run has a time, and there are enough for a spread."""
        return len(self.times_s) == self.runs > 1


@dataclass(frozen=True)
class Comparison:
    """One benchmark on a system of each side."""

    benchmark: str
    a: Side
    b: Side
    unit: str  # of converged_at: samples or epochs
    system: tuple[Differing, ...]
    hyperparameters: tuple[Differing, ...]
    difference: Difference | None  # `slower` and `faster` are a and b; the p value is corrected; None: not tested
    untested: str  # why not

    @property
    def more_than_noise(self) -> bool | None:
        """Whether the scores differ by more than the runs scatter; None where that was not tested."""
        return None if self.difference is None else self.difference.probability < SIGNIFICANCE


@dataclass(frozen=True)
class Comparisons:
    """All benchmarks that both submissions have results of, and those that only one has."""

    ruleset: str
    a: str
    b: str
    method: str
    benchmarks: tuple[Comparison, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """A results folder and what was made of it."""

    side: Side
    benchmark: str
    description: SystemFile | None
    settings: dict[str, str]


def compare(a: Path, b: Path, round_name: str) -> Comparisons:
    """Compare two organisations, systems or results of an MLPerf round.

    A system is compared with its namesake; one that has none, with each of the other side that has none either.

    Raises NothingToCheckError where they have no benchmark in common, UsageError for a path that holds no or several
    submissions.
    """
    fixed = package_rules(round_name)
    first, second = _submission(a, fixed, round_name), _submission(b, fixed, round_name)
    mine, theirs = ({folder.benchmark for folder in one.folders} for one in (first, second))
    common = mine & theirs
    if not common:
        what = f"no common benchmark: {listed(mine)} in the one, {listed(theirs)} in the other"
        raise NothingToCheckError(what, fix="give two submissions that ran the same benchmark")
    found = [_results(one, common, fixed, round_name) for one in (first, second)]
    pairs = list(_pairs(*found))
    refuse_many(pairs)
    return Comparisons(
        ruleset=round_name,
        a=printable(str(a)),
        b=printable(str(b)),
        method=METHOD,
        benchmarks=tuple(_tested([_beside(one, other, fixed) for one, other in pairs])),
        only_a=tuple(sorted(map(printable, mine - theirs))),
        only_b=tuple(sorted(map(printable, theirs - mine))),
    )


def _submission(path: Path, fixed: TrainingPackage, round_name: str) -> Organisation:
    scope = find(path, logs_only=False)
    if len(scope.organisations) != 1:
        fix = "give one organisation's folder, or a folder below its results/"
        raise UsageError(f"{path}: holds {len(scope.organisations) or 'no'} submissions", fix=fix)
    found = find_organisation(".", LinkedTree(scope.organisations[0], load(round_name).limits), fixed)
    if scope.only:
        below = f"{scope.only}/"
        found.folders = [folder for folder in found.folders if f"{folder.path}/".startswith(below)]
    return found


def _results(organisation: Organisation, common: set[str], fixed: TrainingPackage, round_name: str) -> list[_Found]:
    """Read the logs of the benchmarks that are compared, and score them as the official table does."""
    organisation.folders = [
        f for f in organisation.folders if f.benchmark in common and f.benchmark in fixed.benchmarks
    ]
    judge = log_judge(round_name)
    for folder in organisation.folders:
        folder.logs = [scan(organisation.tree, log, fixed, judge) for log in folder.log_paths]
    judge_organisation(organisation, round_name)
    table = {row.system: row for row in rows(organisation)}
    return [_found(organisation, folder, table.get(folder.system)) for folder in organisation.folders]


def _found(organisation: Organisation, folder: Folder, row: Row | None) -> _Found:
    described = row is not None and not row.crash
    factor = row.columns.get(f"{folder.benchmark}:rcp_scaling_factor", 1.0) if row is not None and described else 1.0
    score = row.minutes.get(folder.path) if row is not None and described else None
    if not 0 < factor < LARGEST_FACTOR:  # what a submission's scaling.json says can be anything
        factor, score = 1.0, None
    times = [seconds * factor for log in folder.logs if (seconds := _seconds(log)) is not None]
    side = Side(
        path=printable(folder.path),
        system=printable(folder.system),
        runs=len(folder.logs),
        times_s=tuple(times),
        score_s=None if score is None or not 0 <= score * 60 < NEVER_S else score * 60,
        scaling=factor,
        converged_at=tuple(float(at) for log in folder.logs if (at := _place(log)) is not None),
    )
    return _Found(side, folder.benchmark, organisation.systems.get(folder.system), _settings(folder.logs))


def _seconds(log: LogFacts) -> float | None:
    """Return the time of a run that complies and reached its target; None for any other."""
    minutes = minutes_of(log)
    return minutes * 60 if minutes is not None and not log.converged.failed and 0 < minutes * 60 < NEVER_S else None


def _place(log: LogFacts) -> float | None:
    at = log.converged.at
    good = isinstance(at, int | float) and not isinstance(at, bool) and 0 <= at < 1e18
    return at if good and not log.converged.failed and log.converged.crash is None else None


def _settings(logs: list[LogFacts]) -> dict[str, str]:
    """Return what each key was logged with in a result's runs; several values where the runs differ."""
    values: dict[str, list[str]] = {}
    for log in logs:
        for key, places in log.kept.items():
            value = brief(places[0].value)
            if key not in IDENTITY and value not in values.setdefault(key, []):
                values[key].append(value)
    return {key: " or ".join(some[:3]) + (" or more" if len(some) > 3 else "") for key, some in values.items()}


def _pairs(first: list[_Found], second: list[_Found]) -> Iterator[tuple[_Found, _Found]]:
    for one in sorted(first, key=lambda f: (f.benchmark, f.side.path)):
        others = sorted((o for o in second if o.benchmark == one.benchmark), key=lambda f: f.side.path)
        same = [other for other in others if other.side.path == one.side.path]
        taken = {f.side.path for f in first if f.benchmark == one.benchmark}
        yield from ((one, other) for other in same or [o for o in others if o.side.path not in taken])


def _beside(one: _Found, other: _Found, fixed: TrainingPackage) -> Comparison:
    unit = "samples" if one.benchmark in fixed.counted_in_samples else "epochs"
    lacking = [side for side in (one.side, other.side) if not side.whole]
    return Comparison(
        benchmark=one.benchmark,
        a=one.side,
        b=other.side,
        unit=unit,
        system=_differing(_members(one.description), _members(other.description)),
        hyperparameters=_differing(one.settings, other.settings),
        difference=None,
        untested="; ".join(f"{s.system}: {len(s.times_s)} of {s.runs} runs have a time" for s in lacking),
    )


def _members(system: SystemFile | None) -> dict[str, str]:
    document = system.document if system is not None else None
    return {printable(name, 80): brief(value) for name, value in document.items()} if isinstance(document, dict) else {}


def _differing(a: dict[str, str], b: dict[str, str]) -> tuple[Differing, ...]:
    names = sorted(name for name in {*a, *b} if a.get(name) != b.get(name))
    return tuple(Differing(printable(name, 80), a.get(name, "not there"), b.get(name, "not there")) for name in names)


def _tested(compared: list[Comparison]) -> Iterator[Comparison]:
    """Test what can be; Holm's correction is for these comparisons, not for every pair of results."""
    raw = {
        position: differences([("a", _spread(one.a)), ("b", _spread(one.b))])[0]
        for position, one in enumerate(compared)
        if not one.untested
    }
    corrected, least = {}, 0.0
    for rank, position in enumerate(sorted(raw, key=lambda position: raw[position].probability)):
        least = max(least, min(1.0, (len(raw) - rank) * raw[position].probability))
        corrected[position] = replace(raw[position], probability=least)
    for position, one in enumerate(compared):
        yield replace(one, difference=corrected.get(position))


def _spread(side: Side) -> Spread:
    return spread(side.times_s)


def mean_of_convergence(side: Side) -> float | None:
    """Return where a result's runs converged on average; None where none did."""
    return fmean(side.converged_at) if side.converged_at else None
