"""Which round of MLPerf Tiny a path looks like: by its layout, its benchmarks' names and how its folder is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from checker.tiny.submission import find
from rules.errors import AssayError, UsageError
from rules.ruleset import load, rulesets
from rules.tiny import tiny_rules

FAMILY = "mlperf-tiny"
MOST = 500  # results looked at
TELLING = frozenset({"kws", "vww", "sww"})  # names of benchmarks that no other suite has
PUBLISHED = re.compile(r"\btiny(?:_results)?_v(\d+\.\d+)\b")


@dataclass(frozen=True)
class Likeness:
    """What a path looks like: the rounds that have all its benchmarks, older first."""

    path: Path
    rounds: tuple[str, ...]

    def only(self) -> str:
        """Return the one round this can be, or UsageError with the candidates."""
        if len(self.rounds) == 1:
            return self.rounds[0]
        for part in reversed(self.path.absolute().parts):
            if (match := PUBLISHED.search(part)) and (name := f"{FAMILY}/{match[1]}") in known_rounds():
                return name
        options = [f"add --round {name}" for name in reversed(self.rounds or known_rounds())]
        seen = f"{self.path} looks like a submission to MLPerf Tiny, and several rounds have its benchmarks"
        raise UsageError(seen, fix=", or ".join(options))


def likeness(path: Path) -> Likeness | None:
    """Return what `path` looks like; None where it holds no result of a benchmark that only MLPerf Tiny has."""
    newest = next(reversed(known_rounds()), None)
    if newest is None:
        return None
    try:
        scope = find(path, tiny_rules(newest), load(newest).limits)
    except (AssayError, OSError):
        return None
    found = (result for submitter in scope.submitters for result in submitter.results)
    names = {result.benchmark for result in islice(found, MOST)}
    if TELLING.isdisjoint(names):
        return None
    known = names & tiny_rules(newest).benchmarks.keys()
    return Likeness(path, tuple(name for name in known_rounds() if known <= tiny_rules(name).benchmarks.keys()))


def known_rounds() -> tuple[str, ...]:
    """Return the rounds of MLPerf Tiny, older first."""
    return tuple(name for name in rulesets() if name.startswith(f"{FAMILY}/"))
