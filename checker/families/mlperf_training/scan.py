"""One log file, read once: facts for the checks on the whole submission, and the judge of the log itself plugged in."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass

from checker.core.files import BOM, HEAD, STATES, FileState, state_of, state_of_tail, tail_of
from checker.core.findings import Violation
from checker.core.outcome import OfficialOutcome
from checker.core.tree import RefusedError, Tree
from checker.families.mlperf_training.facts import KEYS, PREFIXES, TEXTS, LogFacts, gather
from checker.families.mlperf_training.reading import TOKEN, LogReading, Wanted, read
from rules.training import TrainingPackage


@dataclass(frozen=True)
class Judge:
    """What judges a log by itself, and the keys whose records it must be given."""

    keys: frozenset[str]
    judge: Callable[[LogReading], OfficialOutcome]

    def __call__(self, reading: LogReading) -> OfficialOutcome:
        """Judge a log as read."""
        return self.judge(reading)


def scan(tree: Tree, path: str, fixed: TrainingPackage, judge: Judge | None = None) -> LogFacts:
    """Return the facts of one log; `judge` is called with its records and what it returns is kept.

    A file that cannot be read (a link, a pipe, too large) is a fact too: `refused` says why.
    """
    wanted = Wanted(TEXTS, KEYS if judge is None else KEYS | judge.keys, PREFIXES)
    # Nothing of a log forms a cycle; the collector would walk its hundred thousand records again and again.
    collecting = gc.isenabled()
    gc.disable()
    try:
        with tree.open(path, tree.limits.log_bytes) as file:
            head, size = file.read(HEAD), os.fstat(file.fileno()).st_size
            file.seek(0)
            reading = read(file, wanted, tree.limits.log_bytes)
            state = _state(reading, head, size, tail_of(file, size))
        facts = gather(path, reading, fixed)
        facts.state = state
        if judge is not None:
            facts.verdict = judge(reading)
            facts.verdict.problems[:0] = _told(path, state)
    except RefusedError as error:
        return LogFacts(path, 0, refused=str(error))
    except OSError as error:
        return LogFacts(path, 0, refused=f"cannot be read: {error.strerror}")
    finally:
        if collecting:
            gc.enable()
    return facts


def _state(reading: LogReading, head: bytes, size: int, tail: bytes) -> FileState | None:
    """Return what a file is instead of a whole log; a byte-order mark before records is all the same to MLCommons."""
    if not reading.empty:
        marked = head.startswith(BOM)
        return state_of_tail(tail, TOKEN) or (STATES["byte-order mark"] if marked else None)
    state = state_of(head, size)
    return STATES["no log"] if state is None or state.name == "byte-order mark" else state


def _told(path: str, state: FileState | None) -> list[tuple[str, Violation]]:
    if state is None:
        return []
    rule = "mlperf-byte-order-mark" if state.name == "byte-order mark" else "mlperf-file-readable"
    return [(rule, state.problem(path, "a run's log, as MLCommons' logger writes it"))]
