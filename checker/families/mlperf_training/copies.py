"""Runs compared across a round: one run submitted as several.

Equal bytes, or equal losses at equal times, are one run. Where something honest accounts for it, a reviewer is asked: a
system listed again with power data, runs that are part of a throughput measurement of the same submitter. Equal losses
at other times are a run made again, bit for bit, if the seed is the same; with another seed they are an edited log, and
so are two runs of one result that log one seed: each was to have its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from checker.core.findings import Violation
from checker.families.mlperf_training.checks import check
from checker.families.mlperf_training.submitter import alike, begins_alike


@dataclass(frozen=True, slots=True)
class RunTrace:
    """What a run leaves for comparison with every other run of the round; paths relative to what is checked."""

    path: str
    result: str  # path of its results folder
    organisation: str  # the submitter's folder
    submitter: str  # as the system description has it, "" where it has none
    benchmark: str
    scaling: str  # strong, weak, or "" where the suite has no such level
    hardware: tuple[str, ...]  # members of the system description that twins have in common, () where there is none
    powered: bool  # power was read while it was timed
    size: int
    checksum: int
    curve: str
    pace: str  # digest of the times between losses and evaluations
    seeds: tuple[int, ...]
    closed: bool  # division: each run of a result is to have a seed of its own


MOST = 64  # results that share a run compared with each further one
Mark = Callable[[RunTrace], object]
Why = Callable[[RunTrace, RunTrace], str]


def _bytes(trace: RunTrace) -> object:
    return (trace.size, trace.checksum) if trace.size else None


def _run(trace: RunTrace) -> object:
    return (trace.curve, trace.pace) if trace.curve else None


def _course(trace: RunTrace) -> object:
    return trace.curve or None


def _twins(traces: Sequence[RunTrace], mark: Mark) -> Iterator[tuple[RunTrace, RunTrace]]:
    """Yield each trace that bears the mark of an earlier one, after one that does: one of its own result if there is.

    Else after one of the results whose likeness nothing accounts for, or the first.
    """
    seen: dict[object, dict[str, RunTrace]] = {}
    for trace in traces:
        sign = mark(trace)
        if sign is None:
            continue
        before = seen.setdefault(sign, {})
        if trace.result in before:
            yield before[trace.result], trace
            continue
        if before:
            unexplained = (other for other in before.values() if not _explained(other, trace))
            yield next(unexplained, next(iter(before.values()))), trace
        if len(before) < MOST:
            before[trace.result] = trace


def _explained(first: RunTrace, other: RunTrace) -> str:
    """Return what honestly accounts for one run in two results, "" where nothing does."""
    if (
        not _of_one(first, other)
        or first.result == other.result
        or first.benchmark != other.benchmark
        or first.seeds != other.seeds
    ):
        return ""
    if {first.scaling, other.scaling} == {"strong", "weak"}:
        return "a run may be one of those that a throughput measurement makes side by side"
    if (first.powered or other.powered) and first.hardware and first.hardware == other.hardware:
        return "the system may be listed again to add power data"
    return ""


def _of_one(first: RunTrace, other: RunTrace) -> bool:
    """Whether two results are of one submitter: of one folder, or of two described as one's and called alike.

    A description alone proves nothing: who copies another's logs copies that, too.
    """
    if first.organisation == other.organisation:
        return True
    same = first.submitter != "" and first.submitter == other.submitter
    mine, theirs = (PurePosixPath(one.organisation).name for one in (first, other))
    beside = begins_alike(mine, theirs)  # as `smc` and `smc-ac-power`
    return same and (beside or all(alike(name, first.submitter) for name in (mine, theirs)))


@check("runs-original", "round")
def runs_original(traces: Sequence[RunTrace]) -> Iterator[Violation]:
    """Judge that no log is a copy of another."""
    for first, other in _twins(traces, _bytes):
        if not _explained(first, other):
            what = f"the log is, byte for byte, {first.path}"
            yield Violation(what, "a run of its own", f"{other.size:,} equal bytes", other.path)


@check("curves-original", "round")
def curves_original(traces: Sequence[RunTrace]) -> Iterator[Violation]:
    """Judge that no two runs show the same course of losses and evaluations, unless one may be the other made again."""
    told = {other.path for first, other in _twins(traces, _bytes) if not _explained(first, other)}  # said to be copies
    edited: dict[str, tuple[RunTrace, RunTrace]] = {}
    for first, other in _twins(traces, _run):
        if other.path not in told and not _explained(first, other):
            edited[other.path] = first, other
    for first, other in _twins(traces, _course):
        if other.path not in told and first.pace != other.pace and not _again(first, other):
            edited.setdefault(other.path, (first, other))
    for first, other in sorted(edited.values(), key=lambda pair: pair[1].path):
        what = f"every loss and evaluation is equal to those of {first.path}, to the last digit"
        what += ", and so are the times between them" if first.pace == other.pace else ""
        yield Violation(what, "a course of its own", _seeds(first, other), other.path)


@check("runs-shared", "round")
def runs_shared(traces: Sequence[RunTrace]) -> Iterator[Violation]:
    """Judge that no two results share runs, even where something honest may account for it."""
    shared = list(_twins(traces, _run))
    known = {other.path for _, other in shared}
    shared += [pair for pair in _twins(traces, _bytes) if pair[1].path not in known]
    for (first, result), (count, why) in _pairs(shared, _explained).items():
        what = f"{count} of its runs are those of {first}, times included: {why}"
        yield Violation(what, "runs of its own, or a word on why they are shared", f"{count} shared", result)


@check("runs-repeated", "round")
def runs_repeated(traces: Sequence[RunTrace]) -> Iterator[Violation]:
    """Judge that no run is another one again, with the same seed at another time."""

    def why(first: RunTrace, other: RunTrace) -> str:
        return _seeds(first, other) if first.pace != other.pace and _again(first, other) else ""

    for (first, result), (count, seeds) in _pairs(_twins(traces, _course), why).items():
        many = "a run shows" if count == 1 else f"{count} runs show"
        whose = "another of this result" if first == result else f"one of {first}"
        what = f"{many} the losses and evaluations of {whose} to the last digit, at other times: it was made again"
        yield Violation(what, "a seed of its own for each run", seeds, result)


def _again(first: RunTrace, other: RunTrace) -> bool:
    """Whether a run may honestly be another one made again: the seed is the same, and neither was to have another."""
    own = first.closed and first.seeds != () and first.result == other.result
    return first.seeds == other.seeds and not own


def _pairs(twins: Iterable[tuple[RunTrace, RunTrace]], why: Why) -> dict[tuple[str, str], tuple[int, str]]:
    """Count the twins for which `why` has a word, by their two results; keep the word on the first."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for first, other in twins:
        if said := why(first, other):
            pair = first.result, other.result
            count, before = found.get(pair, (0, said))
            found[pair] = count + 1, before
    return found


def _seeds(first: RunTrace, other: RunTrace) -> str:
    if first.seeds != other.seeds:
        return f"seeds {first.seeds} and {other.seeds}"
    return "the same seed" if first.seeds else "no seed logged"
