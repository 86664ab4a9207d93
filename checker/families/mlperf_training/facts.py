"""What the checks on a whole submission need of one log, gathered in the same pass that decodes it.

The official tools read a log several times, each time their own way: seeds by key, convergence by searching the text
of a line, times by the first pair seen. Their ways are kept apart here, so that each official answer can be given
exactly; the integrity checks use the records as they stand.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from checker.core.files import FileState
from checker.core.outcome import OfficialOutcome
from checker.families.mlperf_training.reading import LogReading, Malformed, ReadRecord
from rules.training import TrainingPackage

MOST = 10_000  # evaluations kept of one log: no real one comes near
NEVER = 1e9  # where the official tool says a run converges that did not
TEXTS = (b"eval_accuracy", b"eval_error", b"global_batch_size", b"submission_benchmark", b"run_stop")
DISTINCT = 1000  # keys kept of one log
NOTED = 20  # lines out of order noted of each kind
METRICS = ("eval_accuracy", "eval_error")
STARTS = {"block_start": "block_stop", "epoch_start": "epoch_stop", "eval_start": "eval_stop"}
STOPS = {stop: start for start, stop in STARTS.items()}
KEPT = (
    "submission_benchmark",
    "submission_division",
    "submission_org",
    "submission_platform",
    "config_filename",
    "target_accuracy",
    "evaluation_frequency",
    "train_samples",
    "eval_samples",
    "gradient_accumulation_steps",
    "number_of_nodes",
    "accelerators_per_node",
)
PREFIXES = ("opt_", "lora_", "max_", "global_")  # of hyperparameters, kept too
KEYS = frozenset((*METRICS, *STARTS, *STOPS, *KEPT, "train_loss", "seed", "run_start", "run_stop", "init_start"))


@dataclass(slots=True)
class Seed:
    """A seed as the official check identifies it."""

    file: Any
    lineno: Any
    value: int
    line: int


@dataclass(slots=True)
class Converged:
    """What the official convergence check reads of a log; `crash` where it stops with a traceback."""

    failed: bool = True
    at: Any = NEVER
    batch_size: Any = -1
    benchmark: Any = None
    crash: str | None = None


@dataclass(slots=True)
class LogFacts:
    """All that is kept of a log once it was read."""

    path: str
    size: int
    records: int = 0
    malformed: int = 0
    refused: str | None = None  # why the file was not read
    state: FileState | None = None  # what the file is where it is no log, or a part of one
    crash: str | None = None  # why MLCommons' parser stops with a traceback
    parse_error: int | None = None  # the first line that parser refuses
    seeds: list[Seed] = field(default_factory=list)
    seed_error: str | None = None
    converged: Converged = field(default_factory=Converged)
    started: float | None = None  # ms, by the official rule: first pair seen
    stopped: float | None = None
    run_start: ReadRecord | None = None  # the first of each
    run_stop: ReadRecord | None = None
    init_start: ReadRecord | None = None
    kept: dict[str, list[ReadRecord]] = field(default_factory=dict)
    evaluations: list[ReadRecord] = field(default_factory=list)
    # What is out of order, as the lines that show it, the first few of each kind.
    backwards: list[tuple[int, float]] = field(default_factory=list)  # line, by how many ms
    unpaired: list[tuple[int, str]] = field(default_factory=list)  # line, key
    negative: list[tuple[int, str]] = field(default_factory=list)  # an interval that ends before it begins
    curve: str = ""  # digest of the evaluations and losses, "" where there are too few to tell runs apart
    pace: str = ""  # digest of the times between those lines, from run_start to run_stop
    checksum: int = 0  # of the file's bytes: equal files have equal ones, and little else has
    verdict: OfficialOutcome | None = None  # of the judge plugged into the scan, with all that it objects to

    @property
    def official(self) -> OfficialOutcome | None:
        """The official answer on the log; None where no judge was plugged in."""
        return self.verdict if self.refused is None else OfficialOutcome("crash", cause=f"the log {self.refused}")

    @property
    def spoiled(self) -> bool:
        """Whether the file is no log, or a part of one."""
        return self.state is not None and self.state.name != "byte-order mark"

    def value(self, key: str) -> Any:
        """Return the first value kept of `key`, None where it was not logged."""
        places = self.kept.get(key)
        return places[0].value if places else None


def gather(path: str, reading: LogReading, fixed: TrainingPackage) -> LogFacts:
    """Return the facts of a log as read, with at least the lines of TEXTS, KEYS and PREFIXES."""
    facts = LogFacts(path, reading.size, records=reading.tokens - reading.refused, malformed=reading.refused)
    facts.crash = reading.crash
    facts.parse_error = next((line.line for line in reading.malformed if not line.crash), None)
    facts.checksum = reading.checksum
    facts.backwards = reading.backwards
    _keep(facts, reading.records)
    facts.converged = _converged(reading, fixed)
    _seeds(facts, reading)
    facts.started, facts.stopped = _official_times(reading.records)
    return facts


def _keep(facts: LogFacts, records: Iterable[ReadRecord]) -> None:
    curve, pace = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    distinct, latest = 0, math.nan  # time of the line before; none before the first
    kept, opened = facts.kept, dict[str, ReadRecord]()

    for record in records:
        key = record.key
        if type(key) is not str:
            continue
        if key in METRICS or key == "train_loss":
            curve.update(repr(record.value).encode())
            pace.update(b"%r " % (record.time_ms - latest))
            latest = record.time_ms
            distinct += type(record.value) is float
            if key in METRICS and len(facts.evaluations) < MOST:
                facts.evaluations.append(record)
        elif key in STARTS:
            if key in opened and len(facts.unpaired) < NOTED:
                facts.unpaired.append((opened[key].line, key))
            opened[key] = record
        elif key in STOPS:
            start = opened.pop(STOPS[key], None)
            if start is None:
                if len(facts.unpaired) < NOTED:
                    facts.unpaired.append((record.line, key))
            elif record.time_ms < start.time_ms and len(facts.negative) < NOTED:
                facts.negative.append((record.line, key))
        elif key == "run_start":
            facts.run_start = facts.run_start or record
            latest = facts.run_start.time_ms
        elif key == "run_stop":
            if facts.run_stop is None:
                facts.run_stop = record
                pace.update(b"%r" % (record.time_ms - latest))
        elif key == "init_start":
            facts.init_start = facts.init_start or record
        elif key in KEPT or (key.startswith(PREFIXES) and (key in kept or len(kept) < DISTINCT)):
            places = kept.setdefault(key, [])
            places += [record] if len(places) < 64 else []
    for key, record in opened.items():
        facts.unpaired.append((record.line, key))
    if distinct >= 4:
        facts.curve, facts.pace = curve.hexdigest(), pace.hexdigest()


def _official_times(records: Iterable[ReadRecord]) -> tuple[float | None, float | None]:
    """Return run_start and run_stop as the summariser takes them: it looks no further once both were seen."""
    start = stop = None
    for record in records:
        if record.key == "run_start":
            start = float(record.time_ms)
        elif record.key == "run_stop":
            stop = float(record.time_ms)
        else:
            continue
        if start is not None and stop is not None:
            break
    return start, stop


def _seeds(facts: LogFacts, reading: LogReading) -> None:
    if facts.crash is not None or facts.parse_error is not None:
        facts.seed_error = facts.crash or "the log has lines that cannot be parsed"
        return
    for record in reading.records:
        if record.key != "seed":
            continue
        try:
            file, lineno = record.metadata["file"], record.metadata["lineno"]
            facts.seeds.append(Seed(file, lineno, int(record.value), record.line))
        except (KeyError, TypeError, ValueError, OverflowError, IndexError) as error:
            facts.seed_error = f"seed {type(error).__name__}: {error}"
            facts.seeds.clear()
            return


def _converged(reading: LogReading, fixed: TrainingPackage) -> Converged:
    state = _ConvergenceScan(fixed)
    for line, texts in reading.marked:
        if isinstance(line, Malformed) and line.text is None:
            state.found.crash = line.cause
            break
        try:
            state.see(_members(line), texts)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError, RecursionError) as error:
            state.found.crash = f"{type(error).__name__}: {error}"
            break
    return state.found


def _members(line: ReadRecord | Malformed) -> Any:
    if isinstance(line, ReadRecord):
        return {"key": line.key, "value": line.value, "metadata": line.metadata}
    return json.loads(line.text or "")


class _ConvergenceScan:
    """The official convergence reader's state: it looks for names anywhere in a line's text, not at its key."""

    def __init__(self, fixed: TrainingPackage) -> None:
        self.found = Converged()
        self.fixed = fixed
        self.position: Any = _UNSEEN
        self.by_step: dict[Any, dict[Any, Any]] = {}

    def see(self, line: Any, texts: frozenset[bytes]) -> None:
        """Take in one line that holds some of TEXTS; whatever this raises, the official tool raises too."""
        found = self.found
        if b"global_batch_size" in texts:
            found.batch_size = line["value"]
        if b"submission_benchmark" in texts:
            found.benchmark = line["value"]
            hash(found.benchmark)  # the official tool looks it up in a set; a list or an object stops it
        if b"eval_accuracy" in texts or b"eval_error" in texts:
            self._evaluation(line)
        if b"run_stop" in texts and line["key"] == "run_stop":
            self._stop(line["metadata"]["status"])

    def _evaluation(self, line: Any) -> None:
        if self.found.benchmark in self.fixed.several_metrics:
            metadata = line["metadata"]
            step = metadata["samples_count" if self.found.benchmark in self.fixed.counted_in_samples else "step_num"]
            self.by_step.setdefault(step, {})[metadata["metric"]] = line["value"]
        elif self.found.benchmark in self.fixed.counted_in_samples:
            self.position = line["metadata"]["samples_count"]
            line["value"]
        else:
            self.position = round(line["metadata"]["epoch_num"], 3)

    def _stop(self, status: Any) -> None:
        if status != "success":
            self.found.failed, self.found.at = True, NEVER
            return
        self.found.failed = False
        if bounds := self.fixed.several_metrics.get(self.found.benchmark):
            self.position = min(
                step
                for step, metrics in self.by_step.items()
                if all(bound.met(metrics[name]) for name, bound in bounds.items())
            )
        if self.position is _UNSEEN:
            raise ValueError("run_stop with status success, and no evaluation before it")
        self.found.at = self.position


_UNSEEN = object()
