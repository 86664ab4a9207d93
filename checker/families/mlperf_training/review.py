"""A whole review in one pass over the data: logs read once, by two processes, then each organisation judged in turn.

What every run leaves behind for the comparison across organisations is a trace of a few numbers; all else of an
organisation is dropped before the next is judged, so memory does not grow with the round.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

from checker.core.checks import MOST
from checker.core.detection import named_otherwise
from checker.core.findings import Report, Score, TimeToTarget, Violation, limited, plain
from checker.core.ledger import Ledger, Subject, system_of
from checker.core.links import LinkedTree
from checker.core.waivers import Waivers
from checker.families.mlperf_training.checks import CHECKS
from checker.families.mlperf_training.copies import RunTrace
from checker.families.mlperf_training.detect import benchmarks, round_mismatch
from checker.families.mlperf_training.discovery import TrainingScope, find
from checker.families.mlperf_training.facts import LogFacts
from checker.families.mlperf_training.integrity import FolderCase, RunCase
from checker.families.mlperf_training.log_verdict import log_judge
from checker.families.mlperf_training.meters import meter_files
from checker.families.mlperf_training.official import judge_organisation
from checker.families.mlperf_training.organisation import Folder, Organisation, find_organisation
from checker.families.mlperf_training.repository import judge_repository
from checker.families.mlperf_training.scan import scan
from checker.families.mlperf_training.table import LARGEST_FACTOR, NEVER_S, Row, minutes_of, rows
from rules.cards import Severity
from rules.ruleset import load
from rules.systems import node_count
from rules.text import printable
from rules.training import TrainingPackage, package_rules

CHUNK = 4 << 20  # bytes of logs given to a process at a time


def review(
    path: Path, round_name: str, logs_only: bool = False, jobs: int | None = None, waivers: Waivers | None = None
) -> Report:
    """Judge what `path` holds by a round of MLPerf Training or HPC; nothing below `path` is written.

    Raises NothingToCheckError and UsageError as `find` does; whatever a submission holds becomes findings.
    """
    fixed = package_rules(round_name)
    scope = find(path, logs_only)
    ledger = _Ledger(scope.base, waivers or Waivers(), load(round_name), subject_of, fixed=fixed)
    with _readers(round_name, scope, jobs) as readers:
        if scope.logs:
            _loose_logs(ledger, scope, readers)
        pending = [(root, *_listed(root, scope, ledger, readers)) for root in scope.organisations]
        while pending:
            root, organisation, reading = pending.pop(0)
            by_path = {facts.path: facts for facts in reading()}
            for folder in organisation.folders:
                folder.logs = [by_path[log] for log in folder.log_paths if log in by_path]
            _organisation(ledger, root, organisation, scope)
    ledger.across(_raised_across(ledger), but=("rcp", "system"))
    for link in scope.elsewhere:
        what = "is a link to what is no folder of this round: nothing behind it is judged"
        ledger.add(link, "repository-links", Violation(what, "a folder", "a link"))
    if (wrong := round_mismatch(benchmarks(path, logs_only), round_name)) is not None:
        ledger.add(ledger.base, "round-as-given", wrong)
    elif (otherwise := named_otherwise(path, round_name)) is not None:
        ledger.add(ledger.base, "round-as-named", otherwise)
    return ledger.report(path)


# Reading, in processes


@dataclass
class _Readers:
    """Reads logs: in this process, or in a few others."""

    round_name: str
    pool: ProcessPoolExecutor | None

    def read(self, root: Path, paths: Sequence[tuple[str, int]]) -> Iterable[list[LogFacts]]:
        """Start reading logs below `root`, given with their sizes; the result yields facts as they are ready."""
        chunks = list(_chunks(paths))
        if self.pool is None:
            return (_read(self.round_name, root, chunk) for chunk in chunks)
        futures: list[Future[list[LogFacts]]] = [
            self.pool.submit(_read, self.round_name, root, chunk) for chunk in chunks
        ]
        return (future.result() for future in futures)


def _chunks(paths: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    chunk: list[str] = []
    held = 0
    for path, size in paths:
        chunk.append(path)
        held += size
        if held >= CHUNK:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _read(round_name: str, root: Path, paths: list[str]) -> list[LogFacts]:
    tree = LinkedTree(root, load(round_name).limits)
    fixed, judge = package_rules(round_name), log_judge(round_name)
    return [scan(tree, path, fixed, judge) for path in paths]


@contextmanager
def _readers(round_name: str, scope: TrainingScope, jobs: int | None) -> Iterator[_Readers]:
    wanted = jobs if jobs is not None else min(2, os.cpu_count() or 1)
    if wanted < 2 or (not scope.whole and not scope.logs) or len(scope.logs) == 1:
        yield _Readers(round_name, None)
        return
    log_judge(round_name)  # compiled before the processes part, so that each has it
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
    with ProcessPoolExecutor(wanted, mp_context=multiprocessing.get_context(method)) as pool:
        yield _Readers(round_name, pool)


def _listed(root: Path, scope: TrainingScope, ledger: _Ledger, readers: _Readers) -> tuple[Organisation, Any]:
    """List one organisation and start reading its logs."""
    tree = LinkedTree(root, ledger.by.limits)
    organisation = find_organisation(ledger.shown(root, "."), tree, ledger.fixed)
    if scope.only:
        _narrow(organisation, scope.only)
    logs = (log for folder in organisation.folders for log in folder.log_paths)
    sized = [(log, 0 if (entry := tree.at(log)) is None else entry.size) for log in logs]
    started = readers.read(root, sized)
    return organisation, lambda: [facts for chunk in started for facts in chunk]


def _narrow(organisation: Organisation, only: str) -> None:
    """Keep what lies at or below one path, and the systems that its results need."""
    kept = [folder for folder in organisation.folders if folder.path == only or folder.path.startswith(f"{only}/")]
    if only.startswith("systems"):
        kept = []
        organisation.systems = {k: s for k, s in organisation.systems.items() if only in ("systems", s.path)}
    else:
        needed = {folder.system for folder in kept} or {only.split("/")[1] if "/" in only else ""}
        if only != "results":
            organisation.systems = {name: s for name, s in organisation.systems.items() if name in needed}
    organisation.folders = kept


# Findings


@dataclass
class _Ledger(Ledger):
    """What one review gathers, with what is kept for the comparison across organisations."""

    fixed: TrainingPackage = field(kw_only=True)
    traces: list[RunTrace] = field(default_factory=list)


def subject_of(path: str) -> Subject:
    """Return what a path of a submission is about: a system, a results folder, a run, or the submission."""
    if (system := system_of(path.split("/"))) is not None:
        return system
    folder, _, name = path.rpartition("/")
    return ("results", folder, name) if name.endswith(".txt") else ("results", path)


def _raised_across(ledger: _Ledger) -> Iterator[tuple[str, Violation]]:
    """Run the checks of a round; of one rule MOST findings are told of each result, so that none goes free for many."""
    for card, function in CHECKS.of(ledger.by, "round"):
        found = function(ledger.traces)
        for _, problems in groupby(found, key=lambda problem: PurePosixPath(problem.path or ".").parent):
            yield from ((card.id, problem) for problem in limited(problems, MOST))


# One organisation


def _organisation(ledger: _Ledger, root: Path, organisation: Organisation, scope: TrainingScope) -> None:
    judge_organisation(organisation, ledger.by.name)
    start = len(ledger.findings)
    for system in organisation.systems.values():
        assert system.outcome is not None
        failed = ledger.add_all(root, system.outcome.problems)
        ledger.item(root, system.path, "system", failed, system.outcome)
    ledger.add_all(root, organisation.own)
    if scope.whole:
        ledger.add_all(root, judge_repository(organisation))
    table = rows(organisation) if not scope.only.startswith("systems") else []
    for folder in organisation.folders:
        _folder(ledger, root, organisation, folder)
    ledger.add_all(root, CHECKS.problems(ledger.by, "submitter", organisation))
    _scores(ledger, root, organisation, table)
    if scope.whole:
        failed = any(finding.fails for finding in ledger.findings[start:])
        ledger.item(root, ".", "organisation", failed, organisation.outcome)
    ledger.fold()


def _folder(ledger: _Ledger, root: Path, organisation: Organisation, folder: Folder) -> None:
    start, tolerated = len(ledger.findings), len(folder.failing) <= ledger.fixed.trimmed(folder.benchmark)
    folder.meters = meter_files(organisation.tree, folder.logs, folder.power_files)
    for log in folder.logs:
        _log(ledger, root, folder, log, tolerated)
        ledger.traces.append(_trace(ledger, root, organisation, folder, log))
    ledger.add_all(root, [*folder.layout.problems, *folder.compliance.problems])
    if folder.seeds is not None:
        ledger.add_all(root, folder.seeds.problems)
    if folder.convergence is not None:
        failed = ledger.add_all(root, folder.convergence.problems)
        ledger.item(root, folder.path, "rcp", failed, folder.convergence)
    ledger.add_all(root, CHECKS.problems(ledger.by, "result", FolderCase(organisation, folder)))
    failed = any(finding.fails for finding in ledger.findings[start:])
    ledger.item(root, folder.path, "result", failed, folder.outcome)


def _log(ledger: _Ledger, root: Path, folder: Folder, log: LogFacts, tolerated: bool) -> None:
    failing = log.path.rpartition("/")[2].rpartition(".")[0] in folder.failing
    dropped = tolerated and failing and not log.spoiled
    at_most = Severity.WARNING if dropped else None  # olympic scoring leaves the run out: its faults spoil no result
    failed = ledger.add_all(root, _of_log(log), at_most)
    failed |= ledger.add_all(root, CHECKS.problems(ledger.by, "run", RunCase(log, ledger.fixed)), at_most)
    ledger.item(root, log.path, "log", failed, log.official)


def _of_log(log: LogFacts) -> Iterator[tuple[str, Violation]]:
    """Yield what the judge of single logs objects to, with the log's path."""
    for rule, problem in log.verdict.problems if log.verdict is not None else ():
        yield rule, problem if problem.path is not None else replace(problem, path=log.path)


def _trace(ledger: _Ledger, root: Path, organisation: Organisation, folder: Folder, log: LogFacts) -> RunTrace:
    system = organisation.described(folder)
    path, run = ledger.shown(root, log.path), log.path.rpartition("/")[2].removesuffix(".txt")
    return RunTrace(
        path=path,
        result=path.rpartition("/")[0],
        organisation=organisation.name,
        submitter="" if system is None else system.stated("submitter"),
        benchmark=folder.benchmark,
        scaling=folder.scaling,
        hardware=() if system is None else tuple(map(system.stated, ledger.fixed.reviewed.twins)),
        powered=any(file.inside and file.path.split("/")[-2] == run for file in folder.meters),
        size=0 if log.spoiled else log.size,
        checksum=log.checksum,
        curve=log.curve,
        pace=log.pace,
        seeds=tuple(seed.value for seed in log.seeds[:4]),
        closed=system is not None and system.division == "closed",
    )


def _scores(ledger: _Ledger, root: Path, organisation: Organisation, table: list[Row]) -> None:
    by_system = {row.system: row for row in table}
    for folder in organisation.folders:
        row, system = by_system.get(folder.system), organisation.described(folder)
        if row is None or row.crash or system is None or folder.benchmark not in ledger.fixed.benchmarks:
            continue
        factor = row.columns.get(f"{folder.benchmark}:rcp_scaling_factor", 1.0)
        scaled = factor != 1.0 and 0 < factor < LARGEST_FACTOR
        minutes = [time * factor for log in folder.logs if (time := minutes_of(log)) is not None]
        ledger.scores.append(
            Score(
                path=ledger.shown(root, folder.path),
                submitter=printable(str(row.columns.get("submitter", ""))),
                system=printable(folder.system),
                workload=folder.benchmark,
                division="closed" if system.division == "closed" else "open",  # as the official tools take it
                framework=printable(str(row.columns.get("framework", ""))),
                training=TimeToTarget(
                    runs=len(folder.logs),
                    converged=len(minutes),
                    score_s=_seconds(row.minutes.get(folder.path)),
                    fastest_s=_seconds(min(minutes, default=None)),
                    slowest_s=_seconds(max(minutes, default=None)),
                    scaled_by=factor if scaled else None,
                ),
                official=_official_row(row, folder.benchmark),
                nodes=node_count(system.document["number_of_nodes"]),
            )
        )


def _seconds(minutes: float | None) -> float | None:
    """Return a time in seconds; None where it is none, as of a run that stops before it starts."""
    return minutes * 60 if minutes is not None and 0 <= minutes * 60 < NEVER_S else None


def _official_row(row: Row, benchmark: str) -> dict[str, Any]:
    mine: Mapping[str, Any] = {**row.columns, **row.weak}
    return {name: plain(value) for name, value in mine.items() if ":" not in name or name.startswith(f"{benchmark}:")}


# Loose logs


def _loose_logs(ledger: _Ledger, scope: TrainingScope, readers: _Readers) -> None:
    sized = [(path.relative_to(scope.base).as_posix(), path.stat().st_size) for path in scope.logs]
    for log in (log for chunk in readers.read(scope.base, sized) for log in chunk):
        failed = ledger.add_all(scope.base, _of_log(log))
        if log.refused is not None:
            refused = Violation(f"the log {log.refused}", path=log.path)
            failed |= ledger.add(scope.base, "official-crash", refused).fails
        ledger.item(scope.base, log.path, "log", failed, log.official)
        ledger.fold()
