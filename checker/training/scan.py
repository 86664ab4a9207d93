"""One log file, read once: facts for the checks on the whole submission, and the judge of the log itself plugged in."""

from __future__ import annotations

import gc
from collections.abc import Callable

from checker.training.facts import NAMES, LogFacts, LogVerdict, gather
from checker.training.reading import Reading, read
from checker.tree import RefusedError, Tree

Judge = Callable[[Reading, bytes], LogVerdict]


def scan(tree: Tree, path: str, counted_in_samples: frozenset[str], judge: Judge | None = None) -> LogFacts:
    """Return the facts of one log; `judge` is called with its records and bytes and what it returns is kept.

    A file that cannot be read (a link, a pipe, too large) is a fact too: `refused` says why.
    """
    try:
        data = tree.read(path, tree.limits.log_bytes)
    except RefusedError as error:
        return LogFacts(path, 0, refused=str(error))
    # Nothing of a log forms a cycle; the collector would walk its hundred thousand records again and again.
    collecting = gc.isenabled()
    gc.disable()
    try:
        reading = read(data, NAMES)
        facts = gather(path, data, reading, counted_in_samples)
        if judge is not None:
            facts.verdict = judge(reading, data)
    finally:
        if collecting:
            gc.enable()
    return facts
