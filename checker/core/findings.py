"""What the checker says: findings, the verdict on each judged thing, scores. Every renderer reads this one model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, Literal

from rules.errors import Exit
from rules.text import printable

Verdict = Literal["pass", "fail"]
Authority = Literal["assay", "official"]
ItemKind = Literal["log", "system", "rcp", "result", "organisation"]


@dataclass(frozen=True)
class Violation:
    """One thing a rule objects to, before the rule's card is attached; `path` is relative to the submitter's folder."""

    message: str
    expected: str = ""
    found: str = ""
    path: str | None = None  # None: the log being read
    line: int | None = None  # from 1; None where no line can be named (a missing file, a key never logged)
    first: str = ""  # what to try before what the rule's card advises


@dataclass(frozen=True)
class Waived:
    """Who accepts a finding, why, and the last day of it, as YYYY-MM-DD."""

    by: str
    why: str
    until: str


@dataclass(frozen=True)
class Finding:
    """A rule's objection, complete; `path` is relative to the path that was checked."""

    rule: str
    severity: Literal["error", "warning", "note"]
    authority: Authority
    audience: Literal["submitter", "reviewer", "auditor"]
    path: str
    line: int | None
    message: str
    expected: str
    found: str
    clause: str
    fix: str
    waived: Waived | None = None  # shown, and fails nothing
    cause: bool = False  # says what a file is: it stands before what else is found

    @property
    def fails(self) -> bool:
        """Whether it fails what it is on."""
        return self.severity == "error" and self.waived is None


@dataclass(frozen=True)
class Item:
    """A judged thing; `official_verdict` is None where no official checker exists."""

    path: str
    kind: ItemKind
    verdict: Verdict
    official_verdict: Verdict | None = None
    official_crash: str | None = None  # where the official checker stops with a traceback: its cause; a rejection
    official_phases: dict[str, bool] | None = None  # MLPerf Inference: the six phases, where it comes to judge them


@dataclass(frozen=True)
class TimeToTarget:
    """The score of a training result: the olympic mean of its runs' times to target, in seconds; None where none."""

    runs: int
    converged: int
    score_s: float | None
    fastest_s: float | None
    slowest_s: float | None
    scaled_by: float | None = None  # to reference convergence, all three times; None where they are as measured


@dataclass(frozen=True)
class Windows:
    """The windows in which a device was timed, and how many of them are as long as the rules ask."""

    count: int
    long_enough: int
    shortest_s: float | None
    longest_s: float | None


@dataclass(frozen=True)
class InferenceScore:
    """The score of an inference result. Latencies by percentile: min, 50, 90, …, max; empty: not logged."""

    scenario: str
    metric: float | None
    unit: str
    accuracy: dict[str, float] = field(default_factory=dict)  # by metric
    power: float | None = None
    power_unit: str = ""  # W, or mJ per query; of Tiny mW, or uJ/inf.
    inferred: bool = False  # from a run of another scenario
    latency_ms: dict[str, float] = field(default_factory=dict)  # of a query
    first_token_ms: dict[str, float] = field(default_factory=dict)
    output_token_ms: dict[str, float] = field(default_factory=dict)
    windows: Windows | None = None  # None: a run of LoadGen


@dataclass(frozen=True)
class AboveIdle:
    """An energy without what the idle machine takes in the same time, by a declared baseline."""

    joules: float | None  # of a run; None where it is not known
    reason: str = ""  # why it is not
    uncertainty: float | None = None  # relative: of the energy and of the idle energy, added
    watts: float | None = None  # mean power of the idle machine
    watts_uncertainty: float | None = None  # relative


@dataclass(frozen=True)
class Energy:
    """What a result's timed regions took, as a mean of its runs; `joules` is None where it was not measured.

    Always a meter's word: nothing is estimated from load, and idle power is taken off in `above_idle` alone.
    """

    joules: float | None  # of a run, or of one inference
    reason: str = ""  # why it was not measured
    source: str = ""
    uncertainty: float | None = None  # relative: of sampling, and with `stated` of the meter too
    stated: bool = False
    rate_hz: float | None = None
    coverage: float | None = None  # share of the region that the samples cover, in the worst run
    per: Literal["run", "inference"] = "run"
    delay_product: float | None = None  # joule-seconds: energy times the time that the run, or the inference, took
    above_idle: AboveIdle | None = None  # only where a baseline was declared


@dataclass(frozen=True)
class Use:
    """What a result used of its machine, and what disturbed it."""

    memory_bytes: int | None = None  # the largest peak of a run's container
    accelerator_memory_bytes: int | None = None  # the largest peak of an accelerator, as sampled
    utilisation: float | None = None  # mean over timed regions, from 0 to 1
    utilised: str = ""  # what that is of: accelerators, or the container's processors
    runs: int = 0
    disturbed: int = 0  # of them
    unobserved: int = 0  # of them


@dataclass(frozen=True)
class Score:
    """A result with the score of its kind: a time to target of training, or what inference measured.

    Both verdicts are those of the item at `path`: `with_verdicts` sets them once every item is judged.
    """

    path: str
    submitter: str
    system: str
    workload: str
    division: str
    framework: str
    training: TimeToTarget | None = None
    inference: InferenceScore | None = None
    verdict: Verdict = "fail"
    official_verdict: Verdict | None = None  # None where no official checker exists
    official: dict[str, Any] | None = None  # the row of the official result table this stands for, by its column names
    energy: Energy | None = None  # None: a round that knows no meters
    use: Use | None = None
    nodes: int | None = None  # of the system, by its description; None where that says no number


@dataclass(frozen=True)
class Report:
    """Everything one check found."""

    assay: str
    path: str
    ruleset: str
    items: list[Item] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Pass unless an error was found or a judged thing failed, even should every error on it be folded away.

        A failed log is no failure by itself: olympic scoring may leave its run out, and else its result fails too.
        """
        failed = any(finding.fails for finding in self.findings)
        return "fail" if failed or any(i.verdict == "fail" and i.kind != "log" for i in self.items) else "pass"

    @property
    def passed(self) -> bool:
        """Whether the verdict is pass."""
        return self.verdict == "pass"

    @property
    def exit_code(self) -> Exit:
        """The command's exit code."""
        if any(finding.rule == DEFECT for finding in self.findings):
            return Exit.DEFECT
        return Exit.PASS if self.passed else Exit.FINDINGS

    @property
    def base(self) -> str:
        """The folder that the paths of findings are relative to."""
        alone = len(self.items) == 1 and self.items[0].kind == "log"
        return str(PurePosixPath(self.path).parent) if alone else self.path

    def of(self, path: str) -> Iterator[Finding]:
        """Yield the findings on `path` or below it."""
        return (f for f in self.findings if f.path == path or f.path.startswith(f"{path}/") or path == ".")


def with_verdicts(scores: Iterable[Score], items: Iterable[Item]) -> list[Score]:
    """Return scores with both verdicts of the results they are of."""
    judged = {item.path: item for item in items if item.kind == "result"}
    return [
        replace(score, verdict=item.verdict, official_verdict=item.official_verdict)
        for score in scores
        for item in [judged[score.path]]
    ]


DEFECT = "assay-defect"  # names the finding that Assay itself failed on a part of what was checked
COUNTED = 10_000  # problems of one rule in one place that are counted


def brief(value: Any) -> str:
    """Return a value from a submission as a short, safe text, JSON-like."""
    if isinstance(value, str):
        return printable(f'"{value}"', 120)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a huge integer"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    return "nothing"  # a member that is not there


def plain(value: Any) -> Any:
    """Return a value as a report may hold it: a description's members can be anything."""
    if isinstance(value, str):
        return printable(value, 2000)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or (isinstance(value, bool | int) and abs(value) < 10**30) else brief(value)


def limited(problems: Iterable[Violation], most: int = 10) -> Iterator[Violation]:
    """Yield at most `most` problems of one rule in one place; the last says how many more there are."""
    last, more = None, 0
    for position, problem in enumerate(islice(problems, COUNTED)):
        if position < most - 1:
            yield problem
        elif last is None:
            last = problem
        else:
            more += 1
    if last is not None:
        note = f" (and {more} more like it)" if more else ""
        note = note.replace("and", "and at least") if more + most == COUNTED else note
        yield replace(last, message=last.message + note)
