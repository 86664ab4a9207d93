"""Seeds of a result's runs: logged, whole numbers, and never the same from the same line of source."""

from __future__ import annotations

from collections.abc import Sequence

from checker.core.findings import Violation, brief
from checker.core.outcome import OfficialOutcome
from checker.families.mlperf_training.facts import LogFacts


def judge_seeds(logs: Sequence[LogFacts], bypass: bool) -> OfficialOutcome:
    """Judge the seeds of one results folder as the official check does; (file, line, seed) is what must differ."""
    outcome = OfficialOutcome()
    if bypass:
        return outcome
    seen: dict[tuple[object, object, int], str] = {}
    for log in logs:
        if log.refused is not None:
            continue  # which is said of the log
        if log.seed_error is not None:
            what, asked = "the seeds of this log cannot be read", "whole numbers with file and line"
            outcome.fail("seeds-logged", Violation(what, asked, log.seed_error, log.path, log.parse_error))
            continue
        if not log.seeds:
            outcome.fail("seeds-logged", Violation("the log states no seed", "a 'seed' line", "none", log.path))
        if len(log.seeds) > 1:
            found = f"{len(log.seeds)} seeds"
            outcome.warn("seeds-several", Violation("the log states more than one seed", "one", found, log.path))
        for seed in log.seeds:
            try:
                other = seen.get((seed.file, seed.lineno, seed.value))
            except TypeError as error:
                outcome.crash(f"TypeError: {error}", log.path)
                return outcome
            if other is not None:
                what = f"seed {seed.value} was already used by {_run(other)}, from the same line of source"
                expected = "a seed of its own for each run"
                found = f"{seed.value} at {brief(seed.file)}:{brief(seed.lineno)}"
                outcome.fail("seeds-unique", Violation(what, expected, found, log.path, seed.line))
            else:
                seen[(seed.file, seed.lineno, seed.value)] = log.path
    return outcome


def _run(path: str) -> str:
    return path.rpartition("/")[2]
