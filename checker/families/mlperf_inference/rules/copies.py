"""Runs compared across a round: one run submitted as several, and runs on one system at the same time.

A machine is often published twice, once with its power measured, from one run or with the accuracy run and the tests of
the other. Such a pair is said once, with that explanation; no other rule here is asked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from checker.core.findings import Violation
from checker.families.mlperf_inference.cases import ResultTrace
from checker.families.mlperf_inference.checks import check

RUN = "the run (equal times and latencies)"


def _twins(
    traces: Sequence[ResultTrace], mark: Callable[[ResultTrace], object]
) -> Iterator[tuple[ResultTrace, ResultTrace]]:
    """Yield each trace that bears the mark of an earlier one, after the first that bears it."""
    seen: dict[object, ResultTrace] = {}
    for trace in traces:
        sign = mark(trace)
        if sign is None:
            continue
        if sign in seen:
            yield seen[sign], trace
        else:
            seen[sign] = trace


def _run(trace: ResultTrace) -> object:
    return trace.run or None


def may_share(first: ResultTrace, other: ResultTrace) -> bool:
    """Whether two results of one system may share a run; between which scenarios, the official check says."""
    sides = [(one.division, one.submitter, one.system, one.model) for one in (first, other)]
    return sides[0] == sides[1]


def _with_power(first: ResultTrace, other: ResultTrace) -> bool:
    """Whether both can be results of one machine that was published twice, once with its power measured."""
    sides = [(one.division, one.submitter, one.model, one.scenario, one.machine) for one in (first, other)]
    return sides[0] == sides[1] and first.system != other.system and first.power != other.power


@check("inference-runs-original", "round")
def runs_original(traces: Sequence[ResultTrace]) -> Iterator[Violation]:
    """Judge that no run is a result of two submitters."""
    for first, other in _twins(traces, _run):
        if first.submitter != other.submitter:
            what = f"the performance run is that of {first.path}, another submitter's"
            yield Violation(what, "a run of its own", "equal times and latencies", other.path)


@check("inference-run-of-one-system", "round")
def run_of_one_system(traces: Sequence[ResultTrace]) -> Iterator[Violation]:
    """Judge that no run is a result of two systems, or of two models, of one submitter."""
    shared: dict[tuple[str, ...], list[tuple[ResultTrace, ResultTrace]]] = {}
    for first, other in _twins(traces, _run):
        if first.submitter == other.submitter and not may_share(first, other) and not _with_power(first, other):
            pair = (first.division, first.submitter, first.system, other.division, other.system)
            # Of one system, what differs is the model, and each such result is a matter of its own.
            own = other.path if first.system == other.system and first.division == other.division else ""
            shared.setdefault((*pair, own), []).append((first, other))
    for pairs in shared.values():
        first, other = pairs[0]
        of = "system" if first.system != other.system else "division" if first.division != other.division else "model"
        more = f" (and so for {len(pairs) - 1} more results of the two)" if len(pairs) > 1 else ""
        what = f"the performance run is that of {first.path}, of another {of}{more}"
        yield Violation(what, "a run of its own", "equal times and latencies", other.path)


def shares_accuracy(traces: Sequence[ResultTrace]) -> Iterator[tuple[ResultTrace, ResultTrace]]:
    """Yield two results of different performance runs that share an accuracy run, as often as there are such."""
    for first, other in _twins(traces, lambda trace: trace.accuracy or None):
        if _run(first) != _run(other) and other.run:
            yield first, other


@check("inference-accuracy-of-its-own", "round")
def accuracy_of_its_own(traces: Sequence[ResultTrace]) -> Iterator[Violation]:
    """Judge that results of different runs do not share an accuracy run."""
    for first, other in shares_accuracy(traces):
        of_endpoints = first.endpoint and other.endpoint and may_share(first, other)  # endpoint-accuracy-shared asks
        if not of_endpoints and not _with_power(first, other):
            what = f"the accuracy log is that of {first.accuracy_path}, whose performance run is another"
            yield Violation(what, "an accuracy run for each performance run", "equal records", other.accuracy_path)


@check("inference-tests-original", "round")
def tests_original(traces: Sequence[ResultTrace]) -> Iterator[Violation]:
    """Judge that a compliance test is of the result it stands beside, not of one with another performance run."""
    seen: dict[tuple[str, int], tuple[ResultTrace, str]] = {}
    for trace in traces:
        for name, fingerprint, path in trace.tests:
            first, other = seen.setdefault((name, fingerprint), (trace, path))
            if first is trace or _run(first) == _run(trace) or _with_power(first, trace):
                continue
            if trace.run:
                what = f"the log of {name} is that of {other}, of another result"
                yield Violation(what, "a test of this result", "equal records", path)


@check("inference-power-twin", "round")
def power_twin(traces: Sequence[ResultTrace]) -> Iterator[Violation]:
    """Judge that a machine published with and without power has a run, an accuracy run and tests of its own in each."""
    plain: dict[tuple[object, ...], ResultTrace] = {}  # of what a result without power has: the first that has it
    for trace in (one for one in traces if not one.power):
        for part in _parts(trace):
            plain.setdefault(part, trace)
    shared: dict[tuple[str, str, str, str], list[tuple[ResultTrace, ResultTrace, str]]] = {}
    for power in (one for one in traces if one.power):
        found = {
            str(part[0]): other for part in _parts(power) if (other := plain.get(part)) and _with_power(other, power)
        }
        if found:
            other, said = next(iter(found.values())), RUN if RUN in found else " and ".join(found)
            shared.setdefault((power.division, power.submitter, other.system, power.system), []).append(
                (other, power, said)
            )
    for pairs in shared.values():
        other, power, said = pairs[0]
        more = f" (and so for {len(pairs) - 1} more results of the two)" if len(pairs) > 1 else ""
        what = f"the result has {said} of {other.path}{more}; one machine may be published twice, "
        yield Violation(f"{what}once with its power measured", "runs of its own", said, power.path)


def _parts(trace: ResultTrace) -> Iterator[tuple[object, ...]]:
    """Yield what another result of the same case could have of a result: in words, by the case, by its mark."""
    case = (trace.division, trace.submitter, trace.model, trace.scenario, trace.machine)
    if trace.run:
        yield RUN, case, trace.run
    if trace.accuracy:
        yield "the accuracy run", case, trace.accuracy
    for name, fingerprint, _ in trace.tests:
        yield f"the run of {name}", case, fingerprint


@check("inference-runs-in-turn", "round")
def runs_in_turn(traces: Sequence[ResultTrace]) -> Iterator[Violation]:
    """Judge that runs on one system do not overlap in time."""
    by_system: dict[tuple[str, str], list[tuple[datetime, datetime, ResultTrace]]] = {}
    for trace in traces:
        if trace.began is not None and trace.ended is not None and trace.began < trace.ended:
            by_system.setdefault((trace.submitter, trace.system), []).append((trace.began, trace.ended, trace))
    for spans in by_system.values():
        spans.sort(key=lambda span: (span[0], span[1], span[2].path))
        last: tuple[datetime, ResultTrace] | None = None
        for began, ended, trace in spans:
            if last is not None and began < last[0] and _run(trace) != _run(last[1]):
                what = f"the run overlaps in time with {last[1].path} on the same system"
                found = f"{(min(last[0], ended) - began).total_seconds():,.0f} s"
                yield Violation(what, "one run at a time", found, trace.path)
            if last is None or ended > last[0]:
                last = ended, trace
