"""Two submissions beside each other: what differs in their systems and settings, and whether their scores do.

A score is one number; whether two of them differ by more than chance shows in the times of their runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from checker.core.comparison import Difference, corrected, spread, welch
from checker.core.findings import brief
from checker.core.links import LinkedTree
from checker.families.mlperf_training.discovery import find
from checker.families.mlperf_training.facts import LogFacts
from checker.families.mlperf_training.log_verdict import log_judge
from checker.families.mlperf_training.official import judge_organisation
from checker.families.mlperf_training.organisation import Folder, Organisation, find_organisation
from checker.families.mlperf_training.scan import scan
from checker.families.mlperf_training.table import LARGEST_FACTOR, NEVER_S, Row, minutes_of, rows
from checker.report.comparison import (
    Beside,
    ComparedPair,
    Comparisons,
    Differing,
    differing,
    members,
    paired,
    told,
    wrapped,
)
from checker.report.render.text import duration
from rules.errors import UsageError
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

    def lines(self, name: str) -> Iterator[str]:
        """Yield times and convergence under the name of the side."""
        at = "-"
        if self.converged_at:
            least, most = min(self.converged_at), max(self.converged_at)
            at = f"{fmean(self.converged_at):,.6g} ({least:,.6g}-{most:,.6g})"
        times = (self.score_s, min(self.times_s, default=None), max(self.times_s, default=None))
        row = f"{len(self.times_s)}/{self.runs}".rjust(7) + "".join(f"{duration(time):>11}" for time in times)
        yield f"    {name:<2}{row}  {at:>26}"
        yield from wrapped("      ", self.system)


@dataclass(frozen=True)
class Comparison(ComparedPair):
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

    def body(self) -> dict[str, Any]:
        """Return all members, and whether the difference is more than noise."""
        return {**asdict(self), "more_than_noise": self.more_than_noise}

    def lines(self) -> Iterator[str]:
        """Yield the verdict, both sides, and what differs."""
        yield from wrapped("", f"{self.benchmark}: {verdict(self)}")
        yield ""
        yield f"    {'':<2}{'runs':>7}{'score':>11}{'fastest':>11}{'slowest':>11}{'converged at, ' + self.unit:>28}"
        yield from (*self.a.lines("A"), *self.b.lines("B"))
        yield from (*members("system", self.system), *members("hyperparameters", self.hyperparameters))


def verdict(one: Comparison) -> str:
    """Return in words whether two scores differ by more than noise."""
    found = one.difference
    if found is None:
        return f"not tested: {one.untested}"
    if found.seconds == 0 and found.probability == 1:
        return "no difference"
    by = f"{found.slower.upper()} takes {found.seconds:,.2f} s longer on average"
    by += f" ({(found.ratio - 1) * 100:.1f} %)" if found.ratio is not None else ""
    # Below this the t distribution's tail is rounding, and "p = 0" would claim too much.
    chance = f"p = {found.probability:.2g}" if found.probability >= 1e-12 else "p < 1e-12"
    interval = f"95 % interval {found.low:,.2f} to {found.high:,.2f} s, {chance}"
    if one.more_than_noise:
        return f"more than noise: {by}; {interval}"
    return f"not more than noise: {by}, which the scatter of the runs explains; {interval}"


@dataclass(frozen=True)
class _Found:
    """A results folder and what was made of it; its counterpart lies at the same path."""

    side: Side
    name: str  # the benchmark
    unit: str
    description: dict[str, str]
    settings: dict[str, str]

    @property
    def namesake(self) -> str:
        return self.side.path


def compare(a: Path, b: Path, round_name: str) -> Comparisons[Comparison]:
    """Compare two organisations, systems or results of an MLPerf round.

    Raises NothingToCheckError where they have no benchmark in common, UsageError for a path that holds no or several
    submissions.
    """
    fixed = package_rules(round_name)
    first, second = _submission(a, fixed, round_name), _submission(b, fixed, round_name)
    sides = Beside(a, b, *({folder.benchmark for folder in one.folders} for one in (first, second)))
    common = sides.common("benchmark")
    pairs = paired(_results(first, common, round_name), _results(second, common, round_name), _beside)
    return sides.comparisons(round_name, METHOD, "benchmarks", _tested(pairs))


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


def _results(organisation: Organisation, common: set[str], round_name: str) -> list[_Found]:
    """Read the logs of the benchmarks that are compared, and score them as the official table does."""
    fixed, judge = organisation.fixed, log_judge(round_name)
    organisation.folders = [
        f for f in organisation.folders if f.benchmark in common and f.benchmark in fixed.benchmarks
    ]
    for folder in organisation.folders:
        folder.logs = [scan(organisation.tree, log, fixed, judge) for log in folder.log_paths]
    judge_organisation(organisation, round_name)
    table = {row.system: row for row in rows(organisation)}
    found = (_found(organisation, folder, table.get(folder.system)) for folder in organisation.folders)
    return sorted(found, key=lambda one: (one.name, one.side.path))


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
    unit = "samples" if folder.benchmark in organisation.fixed.counted_in_samples else "epochs"
    system = organisation.described(folder)
    description = told(system.document if system is not None else None)
    return _Found(side, folder.benchmark, unit, description, _settings(folder.logs))


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
            if key not in IDENTITY and value not in values.setdefault(printable(key, 80), []):
                values[printable(key, 80)].append(value)
    return {key: " or ".join(some[:3]) + (" or more" if len(some) > 3 else "") for key, some in values.items()}


def _beside(one: _Found, other: _Found) -> Comparison:
    lacking = [side for side in (one.side, other.side) if not side.whole]
    return Comparison(
        benchmark=one.name,
        a=one.side,
        b=other.side,
        unit=one.unit,
        system=differing(one.description, other.description),
        hyperparameters=differing(one.settings, other.settings),
        difference=None,
        untested="; ".join(f"{s.system}: {len(s.times_s)} of {s.runs} runs have a time" for s in lacking),
    )


def _tested(pairs: list[Comparison]) -> Iterator[Comparison]:
    """Test what can be; Holm's correction is for these comparisons, not for every pair of results."""
    whole = [one for one in pairs if not one.untested]
    raw = [welch(("a", spread(one.a.times_s)), ("b", spread(one.b.times_s))) for one in whole]
    found = iter(corrected(raw))
    yield from (replace(one, difference=None if one.untested else next(found)) for one in pairs)
