"""What a submission says about each result, read within the rule set's limits; whatever cannot be read is a sentence.

The page judges nothing: verdict, findings and scores are the checker's. This only gathers what the page shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from checker.core.findings import Item, Report, Score, Verdict
from checker.core.mllog import LogRecord, ParsedLog
from checker.core.tree import Tree
from checker.families.assay.discovery import discover, suite_of
from checker.families.assay.page.traces import Seen, seen
from checker.families.assay.training.submission import TrainingResult, TrainingRun, TrainingSubmission
from checker.report.page.quantity import number
from rules.documents import FileDigest, Outcome, ParityCertificate, RunRecord, SystemDescription
from rules.ruleset import RuleSet
from rules.text import printable
from rules.workload import WorkloadRules

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


@dataclass(frozen=True)
class ResultEvidence:
    """One result: a system on a workload, its runs and what stands beside them."""

    path: str  # relative to the path that was checked
    verdict: Verdict
    score: Score | None
    submitter: str
    system: str
    workload: str
    division: str
    framework: str
    runs: tuple[RunEvidence, ...]
    more_runs: int  # found, not shown
    declared_runs: int | None
    files: tuple[FileDigest, ...]  # as the manifest lists them
    rules: WorkloadRules | None
    description: SystemDescription | None
    parity: ParityCertificate | None
    parity_problem: str  # why there is none

    @property
    def name(self) -> str:
        """The result in a few words."""
        return f"{self.framework}, {self.system}, {self.workload}, {self.division}"

    def times_to_target(self) -> list[float]:
        """Return the seconds of every run that reached the target, in the order of the runs."""
        return [run.to_target_s for run in self.runs if run.to_target_s is not None]

    def first(self) -> RunRecord | None:
        """Return the first run's record that could be read."""
        return next((run.record for run in self.runs if run.record is not None), None)


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
        for names in (
            [r.framework for r in self.results],
            [f"{r.framework} · {r.system}" for r in self.results],
            [f"{r.framework} · {r.system} · {r.submitter}" for r in self.results],
        ):
            if len(set(names)) == len(names):
                return names
        return [f"{r.framework} · {r.path}" for r in self.results]


def groups(results: Iterable[ResultEvidence]) -> list[WorkloadGroup]:
    """Return the results by workload and division, in the order in which these first occur."""
    found: dict[tuple[str, str], list[ResultEvidence]] = {}
    for result in results:
        found.setdefault((result.workload, result.division), []).append(result)
    return [WorkloadGroup(workload, division, tuple(some)) for (workload, division), some in found.items()]


def gather(path: Path, report: Report, ruleset: RuleSet) -> tuple[list[ResultEvidence], int]:
    """Read what `report` judged below `path`; return the results, and how many more there are than are shown."""
    found = discover(path)
    judged = {item.path: item for item in report.items if item.kind == "result"}
    scores = {score.path: score for score in report.scores}
    results: list[ResultEvidence] = []
    more = 0
    for root in (root for root in found.submitters if suite_of(root) == "training"):
        submitted = TrainingSubmission(root, found.scope, Tree(root, ruleset.limits), ruleset)
        for folder in submitted.result_folders:
            shown = printable(Path(os.path.relpath(root / folder, found.base)).as_posix(), 1000)
            if shown in judged and len(results) == RESULTS:
                more += 1
            elif shown in judged:
                results.append(_result(submitted.read(folder), judged[shown], scores.get(shown)))
    return results, more


def _result(found: TrainingResult, item: Item, score: Score | None) -> ResultEvidence:
    system = found.system_document
    absent = "the submission holds no parity certificate" if "parity-document" not in found.flaws else ""
    return ResultEvidence(
        path=item.path,
        verdict=item.verdict,
        score=score,
        submitter=found.submitter or (score.submitter if score else "") or "submitter not stated",
        system=found.system,
        workload=found.workload,
        division=found.division,
        framework=found.framework or (score.framework if score else "") or "framework not stated",
        runs=tuple(_run(run) for run in found.runs[:RUNS]),
        more_runs=len(found.runs[RUNS:]),
        declared_runs=found.manifest.model.runs if found.manifest else None,
        files=tuple(found.manifest.model.files) if found.manifest else (),
        rules=found.rules,
        description=system.model if system else None,
        parity=found.certificate.model if found.certificate else None,
        parity_problem=absent or "; ".join(p.message for p in found.flaws["parity-document"]),
    )


def _run(run: TrainingRun) -> RunEvidence:
    record = run.record.model if run.record else None
    flaws = [p for name in ("log-present", "record") for p in run.flaws.get(name, [])]
    problems = tuple(f"{problem.path}: {problem.message}" for problem in flaws)
    if run.log is None:
        return RunEvidence(run.index, record, problems=problems, unobserved=run.unobserved)
    log = run.log
    start, stop = log.first("run_start"), log.first("run_stop")
    first = number(log.records[0].time_ms) if log.records else None
    return RunEvidence(
        index=run.index,
        record=record,
        began_s=None if first is None else first / 1000,
        seconds=None if stop is None else _between(start, stop),
        samples=None if stop is None else number(stop.metadata.get("samples_count")),
        reached=None if stop is None else run.converged,
        metric=_moments(log, run.metric, start),
        loss=_moments(log, "train_loss", start),
        digests={key: value for key in LOGGED_DIGESTS if isinstance(value := log.value(key), str)},
        clock_gap_s=_clock_gap(log, record),
        problems=problems,
        seen=seen(run),
        unobserved=run.unobserved,
    )


def _clock_gap(log: ParsedLog, record: RunRecord | None) -> float | None:
    """Return how far the log's times and the host's receipts of its lines part; None where they do not pair up."""
    if record is None or not record.receipts or len(record.receipts) != len(log.records):
        return None
    times = [number(line.time_ms) for line in log.records]
    gaps = [abs(host - own / 1000) for host, own in zip(record.receipts, times, strict=True) if own is not None]
    return max(gaps, default=None)


def _moments(log: ParsedLog, key: str, start: LogRecord | None) -> tuple[LoggedValue, ...]:
    found = ((_between(start, r), number(r.metadata.get("samples_count")), number(r.value)) for r in log.all(key))
    return tuple(LoggedValue(s, n, v) for s, n, v in found if s is not None and n is not None and v is not None)


def _between(start: LogRecord | None, stop: LogRecord) -> float | None:
    began, ended = number(start.time_ms if start else None), number(stop.time_ms)
    return None if began is None or ended is None or ended < began else (ended - began) / 1000
