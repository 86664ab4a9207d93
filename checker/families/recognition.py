"""Which family judges a path, and by which round: the one that somebody names, or what the path shows.

What a family owns shows in its layout or in what its logs say, however spoilt it is; no mark of a round outweighs that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checker.core.detection import DetectedRound
from checker.core.discovery import discover
from checker.core.family import Family
from checker.core.marks import marked, sampled
from checker.families import families, family_of
from rules.errors import AssayError, UsageError
from rules.known_rounds import named
from rules.ruleset import load


def judged_by(path: Path, round_name: str | None = None, logs_only: bool = False) -> tuple[Family, str | None]:
    """Return the family that judges `path` and the round; no round where each submission says its own.

    Raises UsageError where `path` is of no single round, of one without rules, or of another than the round given.
    """
    if round_name is not None:
        family = family_of(load(round_name).name)
        if family.exclusive and (seen := recognised(path, logs_only)) is not None:
            looks = seen.only()
            raise UsageError(
                f"{path} is no submission of {round_name}: it looks like {looks}", fix=f"give --round {looks}"
            )
        return family, round_name
    if (seen := recognised(path, logs_only)) is not None:
        round_name = seen.only()
        return family_of(round_name), round_name
    if logs_only:
        raise UsageError(f"{path}: these logs do not say of which round they are", fix="give --round")
    return list(families())[-1], None


def recognised(path: Path, logs_only: bool = False) -> DetectedRound | None:
    """Return which rounds `path` may be of; None where it is of the family that judges all else.

    Raises UsageError for what is of several rounds.
    """
    owned = not logs_only and any(family.owns(path) for family in families())
    seen = None if owned else _marked(path, logs_only)
    for family in families():
        seen = seen or family.detect(path, logs_only)
    if seen is None and not owned and (said := named(path)) is not None:
        seen = DetectedRound(path, "is named as a round of MLPerf is", (said[0],))
    return seen


def _marked(path: Path, logs_only: bool) -> DetectedRound | None:
    rounds = marked(sampled([path]) if logs_only else list(_files(path)))
    return DetectedRound(path, "has marks of it", rounds, "several rounds have them") if rounds else None


def _files(path: Path) -> Iterator[str]:
    """Yield some of the files of results in `path`; none where it holds none, which its judge then says."""
    try:
        found = discover(path)
    except (AssayError, OSError):
        return
    if found.log is not None:
        yield found.log.as_posix()
    yield from sampled(root / (found.scope or "results") for root in found.submitters)
