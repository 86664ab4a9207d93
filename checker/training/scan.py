"""One log file, read once: facts for the checks on the whole submission, and the judge of the log itself plugged in."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass

from checker.training.facts import KEYS, PREFIXES, TEXTS, LogFacts, LogVerdict, gather
from checker.training.reading import Reading, Wanted, read
from checker.tree import RefusedError, Tree


@dataclass(frozen=True)
class Judge:
    """What judges a log by itself, and the keys whose records it must be given."""

    keys: frozenset[str]
    judge: Callable[[Reading], LogVerdict]

    def __call__(self, reading: Reading) -> LogVerdict:
        """Judge a log as read."""
        return self.judge(reading)


def scan(tree: Tree, path: str, counted_in_samples: frozenset[str], judge: Judge | None = None) -> LogFacts:
    """Return the facts of one log; `judge` is called with its records and what it returns is kept.

    A file that cannot be read (a link, a pipe, too large) is a fact too: `refused` says why.
    """
    wanted = Wanted(TEXTS, KEYS if judge is None else KEYS | judge.keys, PREFIXES)
    # Nothing of a log forms a cycle; the collector would walk its hundred thousand records again and again.
    collecting = gc.isenabled()
    gc.disable()
    try:
        with tree.open(path, tree.limits.log_bytes) as file:
            reading = read(file, wanted, tree.limits.log_bytes)
        facts = gather(path, reading, counted_in_samples)
        if judge is not None:
            facts.verdict = judge(reading)
    except RefusedError as error:
        return LogFacts(path, 0, refused=str(error))
    except OSError as error:
        return LogFacts(path, 0, refused=f"cannot be read: {error.strerror}")
    finally:
        if collecting:
            gc.enable()
    return facts
