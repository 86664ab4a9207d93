"""What a submission says about each result, read within the rule set's limits; whatever cannot be read is a sentence.

The page judges nothing: verdict, findings and scores are the checker's. This only gathers what the page shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from checker.core.findings import Report, Score, Verdict
from checker.core.mllog import LogRecord, ParsedLog
from checker.core.tree import Tree
from checker.families.assay.discovery import discover, suite_of
from checker.families.assay.kinds import KINDS
from checker.families.assay.page.traces import Seen, seen
from checker.families.assay.submission import Result
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from checker.report.page.quantity import number
from rules.documents import Outcome, RunRecord
from rules.ruleset import RuleSet
from rules.text import printable

RESULTS = 40  # shown on one page
RUNS = 100  # of one result
LOGGED_DIGESTS = ("source_sha256", "initial_weights_sha256", "final_weights_sha256")


@dataclass(frozen=True)
class LoggedValue:
    """A logged value inside the clock: seconds since run_start, training samples so far, the value."""

    seconds: float
    samples: float
    value: float


@dataclass(frozen=True)
class RunEvidence:
    """One run: its record, and what its log says; None wherever a file or line was missing or unusable."""

    index: int
    record: RunRecord | None
    began_s: float | None = None  # Unix time of the log's first line
    seconds: float | None = None  # run_start to run_stop
    samples: float | None = None  # trained on, up to run_stop
    reached: bool | None = None  # run_stop says success; None: no run_stop
    metric: tuple[LoggedValue, ...] = ()  # the workload's, at each evaluation
    loss: tuple[LoggedValue, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)  # what the log itself says, by key
    clock_gap_s: float | None = None  # largest |host's receipt - log's own time| of a line
    problems: tuple[str, ...] = ()
    seen: Seen | None = None  # what was sampled of the machine
    unobserved: str = ""  # why nothing was

    @property
    def outcome(self) -> str:
        """How the run ended, in the record's words, else as far as the log tells."""
        if self.record is not None:
            claimed = self.record.outcome.value
            return f"{claimed} (the log disagrees)" if self.reached is (claimed != Outcome.SUCCESS) else claimed
        return {True: Outcome.SUCCESS.value, False: "target not reached (log)", None: "not stated"}[self.reached]

    @property
    def to_target_s(self) -> float | None:
        """Seconds to the target; None for a run that did not reach it."""
        return self.seconds if self.reached and self.outcome == Outcome.SUCCESS.value else None


R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class JudgedResult(Generic[R]):
    """One result as judged: what was found of it, and what the report says of each path."""

    SUITE: ClassVar[str]

    path: str  # relative to the path that was checked
    found: R
    verdicts: Mapping[str, Verdict]
    scores: Mapping[str, Score]

    @property
    def framework(self) -> str:
        """The framework, in words where it is not known."""
        return printable(self.found.framework, 100) or "framework not stated"

    @property
    def system(self) -> str:
        """The system."""
        return printable(self.found.system, 100)

    @property
    def workload(self) -> str:
        """The workload."""
        return printable(self.found.workload, 100)

    @property
    def name(self) -> str:
        """The result in a few words."""
        return f"{self.framework}, {self.system}, {self.workload}, {self.found.division}"


class ResultEvidence(JudgedResult[TrainingResult]):
    """A result of training: a system on a workload, and its runs."""

    SUITE = "training"

    @cached_property
    def runs(self) -> list[RunEvidence]:
        """The runs that are shown."""
        return [_run(run) for run in self.found.runs[:RUNS]]

    @property
    def score(self) -> Score | None:
        """The score."""
        return self.scores.get(self.path)

    @property
    def submitter(self) -> str:
        """The submitter, in words where it is not known."""
        return self.found.submitter or (self.score.submitter if self.score else "") or "submitter not stated"

    def times_to_target(self) -> list[float]:
        """Return the seconds of every run that reached the target, in the order of the runs."""
        return [run.to_target_s for run in self.runs if run.to_target_s is not None]

    def first(self) -> RunRecord | None:
        """Return the first run's record that could be read."""
        return next((run.record for run in self.runs if run.record is not None), None)


J = TypeVar("J", bound=JudgedResult[Any])


@dataclass(frozen=True)
class WorkloadGroup:
    """Results that may be compared: one workload in one division."""

    workload: str
    division: str
    results: tuple[ResultEvidence, ...]

    @property
    def name(self) -> str:
        """The group's heading."""
        return f"{self.workload}, {self.division} division"

    def labels(self) -> list[str]:
        """Return the shortest names that tell the results apart."""
        return telling_apart(
            [r.framework for r in self.results],
            [f"{r.framework} · {r.system}" for r in self.results],
            [f"{r.framework} · {r.system} · {r.submitter}" for r in self.results],
            [f"{r.framework} · {r.path}" for r in self.results],
        )


def telling_apart(*namings: list[str]) -> list[str]:
    """Return the first of `namings` in which no name is another's, else the last."""
    return next((names for names in namings if len(set(names)) == len(names)), namings[-1])


def groups(results: Iterable[ResultEvidence]) -> list[WorkloadGroup]:
    """Return the results by workload and division, in the order in which these first occur."""
    found: dict[tuple[str, str], list[ResultEvidence]] = {}
    for result in results:
        found.setdefault((result.workload, result.found.division), []).append(result)
    return [WorkloadGroup(workload, division, tuple(some)) for (workload, division), some in found.items()]


def gather(kind: type[J], path: Path, report: Report, ruleset: RuleSet) -> tuple[list[J], int]:
    """Read the results of a kind that `report` judged below `path`; return those shown, and how many more there are."""
    found = discover(path)
    verdicts = {item.path: item.verdict for item in report.items if item.kind == "result"}
    scores = {score.path: score for score in report.scores}
    results: list[J] = []
    more = 0
    for root in (root for root in found.submitters if suite_of(root) == kind.SUITE):
        submission = KINDS[kind.SUITE].submission(root, found.scope, Tree(root, ruleset.limits), ruleset)
        for folder in submission.result_folders:
            shown = printable(Path(os.path.relpath(root / folder, found.base)).as_posix(), 1000)
            if not any(f"{judged}/".startswith(f"{shown}/") for judged in verdicts):
                continue
            if len(results) == RESULTS:
                more += 1
            else:
                results.append(kind(shown, submission.read(folder), verdicts, scores))
    return results, more


def _run(run: TrainingRun) -> RunEvidence:
    record, start, stop = run.record.model if run.record else None, run.first("run_start"), run.stop
    flaws = [p for name in ("log-present", "record") for p in run.flaws.get(name, [])]
    first = number(run.log.records[0].time_ms) if run.log and run.log.records else None
    return RunEvidence(
        index=run.index,
        record=record,
        began_s=None if first is None else first / 1000,
        seconds=None if stop is None else _between(start, stop),
        samples=None if stop is None else number(stop.metadata.get("samples_count")),
        reached=None if stop is None else run.converged,
        metric=_moments(run, run.metric, start),
        loss=_moments(run, "train_loss", start),
        digests={key: value for key in LOGGED_DIGESTS if isinstance(value := run.value(key), str)},
        clock_gap_s=_clock_gap(run.log, record),
        problems=tuple(f"{problem.path}: {problem.message}" for problem in flaws),
        seen=seen(run) if run.log else None,
        unobserved=run.unobserved,
    )


def _clock_gap(log: ParsedLog | None, record: RunRecord | None) -> float | None:
    """Return how far the log's times and the host's receipts of its lines part; None where they do not pair up."""
    if log is None or record is None or not record.receipts or len(record.receipts) != len(log.records):
        return None
    times = [number(line.time_ms) for line in log.records]
    gaps = [abs(host - own / 1000) for host, own in zip(record.receipts, times, strict=True) if own is not None]
    return max(gaps, default=None)


def _moments(run: TrainingRun, key: str, start: LogRecord | None) -> tuple[LoggedValue, ...]:
    lines = run.log.all(key) if run.log else ()
    found = ((_between(start, r), number(r.metadata.get("samples_count")), number(r.value)) for r in lines)
    return tuple(LoggedValue(s, n, v) for s, n, v in found if s is not None and n is not None and v is not None)


def _between(start: LogRecord | None, stop: LogRecord) -> float | None:
    began, ended = number(start.time_ms if start else None), number(stop.time_ms)
    return None if began is None or ended is None or ended < began else (ended - began) / 1000
