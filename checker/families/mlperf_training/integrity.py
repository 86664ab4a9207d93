"""Integrity checks that the official tools lack: what one run, one result or one organisation must not show.

Each is a judge: a rule card names it and says why, how sure it is, and what passes and fails. A judge of a run gets the
facts of its log, one of a result its folder, one of an organisation all of its results. `copies.py` compares runs.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from checker.core.findings import Violation, brief
from checker.families.mlperf_training.checks import check
from checker.families.mlperf_training.facts import NOTED, LogFacts
from checker.families.mlperf_training.organisation import Folder, Organisation
from checker.families.mlperf_training.reading import ReadRecord
from checker.families.mlperf_training.table import StoppedError, minutes_of, published_scaling
from rules.training import TrainingPackage


@dataclass(frozen=True, slots=True)
class RunCase:
    """What a judge of a run is given."""

    log: LogFacts
    fixed: TrainingPackage


@dataclass(frozen=True, slots=True)
class FolderCase:
    """What a judge of a result is given."""

    organisation: Organisation
    folder: Folder

    @property
    def fixed(self) -> TrainingPackage:
        """What the round fixes."""
        return self.organisation.fixed


def position(place: ReadRecord) -> float | None:
    """Return where in training an evaluation lies, in samples or epochs as logged."""
    if not isinstance(place.metadata, dict):
        return None
    at = place.metadata.get("samples_count", place.metadata.get("epoch_num"))
    return float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None


@check("run-succeeded", "run")
def run_succeeded(case: RunCase) -> Iterator[Violation]:
    """Judge that run_stop says success."""
    stop = case.log.run_stop
    status = stop.metadata.get("status") if stop is not None and isinstance(stop.metadata, dict) else None
    if stop is not None and status != "success":
        yield Violation("the run did not end well", 'status "success"', brief(status), case.log.path, stop.line)


@check("run-takes-time", "run")
def run_takes_time(case: RunCase) -> Iterator[Violation]:
    """Judge that the run stops after it started, by the clock."""
    if case.log.run_start is None or case.log.run_stop is None:
        return
    took = case.log.run_stop.time_ms - case.log.run_start.time_ms
    if not took > 0:
        what = "by its own clock the run stops before it starts"
        what = "by its own clock nobody can tell how long the run took" if math.isnan(took) else what
        yield Violation(what, "run_stop after run_start", f"{took / 1000:.3f} s", case.log.path, case.log.run_stop.line)


@check("time-forward", "run")
def time_forward(case: RunCase) -> Iterator[Violation]:
    """Judge that until run_stop the clock never goes back by more than ranks' clocks may differ."""
    allowed, stop = case.fixed.reviewed.backwards_s, case.log.run_stop
    # What other processes wrote meanwhile often reaches the file only when they end.
    last = math.inf if stop is None else stop.line
    back = [(line, ms) for line, ms in case.log.backwards if ms > allowed * 1000 and line <= last]
    if back:
        line, back_ms = max(back, key=lambda one: one[1])
        what = "the time of this line lies before that of an earlier one"
        if len(back) > 1:
            what += f" (and that of {len(back) - 1} more lines)"
        found = f"{back_ms / 1000:,.1f} s back"
        yield Violation(what, f"at most {allowed:g} s back (skew between ranks)", found, case.log.path, line)


@check("stops-at-target", "run")
def stops_at_target(case: RunCase) -> Iterator[Violation]:
    """Judge that no evaluation is logged after run_stop."""
    stop = case.log.run_stop
    if stop is None:
        return
    # What another process logs while the clock runs may reach the file only after run_stop.
    late = [place for place in case.log.evaluations if place.line > stop.line and not place.time_ms < stop.time_ms]
    if late:
        what = "an evaluation is logged after run_stop, off the clock"
        yield Violation(what, "none", f"{len(late)} of them", case.log.path, late[0].line)


@check("intervals-paired", "run")
def intervals_paired(case: RunCase) -> Iterator[Violation]:
    """Judge that each block, epoch and evaluation that starts also stops, before the next of its kind."""
    for key, lines in _by_key(case.log.unpaired):
        kind = "is not followed by its stop" if key.endswith("_start") else "stops what was not started"
        found = f"{counted(len(lines))} alone"
        yield Violation(f"'{key}' {kind}", "pairs of start and stop", found, case.log.path, lines[0])
    for key, lines in _by_key(case.log.negative):
        what = f"'{key}' lies before its start, by the clock"
        yield Violation(what, "after its start", f"{counted(len(lines))} before it", case.log.path, lines[0])


def _by_key(places: Iterable[tuple[int, str]]) -> Iterator[tuple[str, list[int]]]:
    """Bring the lines of each key together, in the order of the first."""
    lines: dict[str, list[int]] = {}
    for line, key in sorted(places):
        lines.setdefault(key, []).append(line)
    yield from lines.items()


def counted(lines: int) -> str:
    """Return a number of lines noted, of which only the first few are kept."""
    return f"{lines} or more" if lines >= NOTED else str(lines)


@check("evaluation-cadence", "result")
def evaluation_cadence(case: FolderCase) -> Iterator[Violation]:
    """Judge that evaluations lie as far apart as the rules have it, rounded up to whole batches."""
    every = case.fixed.reviewed.cadence.get(case.folder.benchmark)
    if every is None:
        return
    off = [(log, *found) for log in case.folder.logs if (found := _off_cadence(log, every)) is not None]
    if off:
        log, place, apart, wanted = off[0]
        what = "evaluations lie at other distances than the rules have it"
        if len(off) > 1:
            what += f" (and so in {len(off) - 1} more of the {len(case.folder.logs)} runs)"
        yield Violation(what, f"every {wanted:,} samples", f"{apart:,.0f} samples", log.path, place.line)


def _off_cadence(log: LogFacts, every: int) -> tuple[ReadRecord, float, int] | None:
    """Return the first evaluation at another distance, that distance, and the one wanted."""
    batch = log.value("global_batch_size")
    if not isinstance(batch, int) or batch <= 0 or log.value("submission_division") != "closed":
        return None
    wanted = math.ceil(every / batch) * batch
    placed = [(place, at) for place in log.evaluations if (at := position(place)) is not None]
    for (_, before), (place, at) in pairwise(placed):
        if at - before != wanted:
            return place, at - before, wanted
    return None


@check("runs-steady", "result")
def runs_steady(case: FolderCase) -> Iterator[Violation]:
    """Judge that no run is much faster than the others of its result, sample for sample."""
    rates = [(log, rate) for log in case.folder.logs if (rate := throughput(log)) is not None]
    if len(rates) < 3:
        return
    usual = statistics.median(rate for _, rate in rates)
    for log, rate in rates:
        if rate > usual * case.fixed.reviewed.spread:
            what = "this run trains much faster than the other runs of its result"
            found = f"{rate / usual:.2f} times their median throughput"
            yield Violation(what, f"at most {case.fixed.reviewed.spread:g} times", found, log.path)


@check("within-peak", "result")
def within_peak(case: FolderCase) -> Iterator[Violation]:
    """Judge that no run computes more than its accelerators can at their peak."""
    reviewed, folder = case.fixed.reviewed, case.folder
    work = reviewed.sample_flop.get(folder.benchmark)
    system = case.organisation.described(folder)
    count = system.accelerators if system is not None else None
    if work is None or system is None or not count:
        return
    model = str(system.document.get("accelerator_model_name"))
    peaks = [reviewed.peak_flops[word] for word in re.findall(r"\w+", model) if word in reviewed.peak_flops]
    rates = [(rate, log) for log in folder.logs if (rate := throughput(log)) is not None]
    if not peaks or not rates:
        return
    rate, log = max(rates, key=lambda one: one[0])
    most = count * max(peaks) / work
    if rate > most:
        what = f"the run needs more arithmetic than {count} accelerators can do, {brief(model)}"
        expected = f"at most {most:,.4g} samples a second, at {max(peaks):.3g} operations each and {work:.3g} a sample"
        yield Violation(what, expected, f"{rate:,.4g} samples a second", log.path)


def throughput(log: LogFacts) -> float | None:
    """Return how far the run got per second, in samples or epochs; None where it cannot be told."""
    minutes = minutes_of(log)
    last = position(log.evaluations[-1]) if log.evaluations else None
    if minutes is None or last is None or not minutes > 0 or not last > 0:
        return None
    return last / (minutes * 60)


@check("scaling-file-agrees", "result")
def scaling_file_agrees(case: FolderCase) -> Iterator[Violation]:
    """Judge that scaling.json holds what the convergence test gives."""
    decision = case.folder.decision
    if decision is None or decision.mean is None:
        return
    path = f"{case.folder.path}/scaling.json"
    try:
        published = published_scaling(case.organisation, case.folder)
    except StoppedError as error:
        yield Violation("scaling.json cannot be read", "a scaling factor", str(error), path)
        return
    computed = decision.scaling
    if published is not None and not math.isclose(published, computed or 1.0, rel_tol=1e-6):
        expected = "no such file" if computed is None else f"{computed:.6f}"
        yield Violation("scaling.json does not hold what the logs give", expected, f"{published:.6f}", path)


@check("scales-plausibly", "submitter")
def scales_plausibly(organisation: Organisation) -> Iterator[Violation]:
    """Judge that a larger system of the same accelerator is not faster per accelerator than the smaller ones."""
    rates: dict[tuple[str, str], list[tuple[int, float, str]]] = {}
    for folder in organisation.folders:
        system = organisation.described(folder)
        count = system.accelerators if system is not None else None
        mine = [rate for log in folder.logs if (rate := throughput(log)) is not None]
        if system is None or not count or not mine:
            continue
        model = str(system.document.get("accelerator_model_name"))
        rate = statistics.median(mine) / count
        rates.setdefault((folder.benchmark, model), []).append((count, rate, folder.path))
    for found in rates.values():
        found.sort()
        for count, rate, path in found:
            smaller = [other for other in found if other[0] < count]
            if not smaller:
                continue
            best = max(smaller, key=lambda other: other[1])
            if rate > best[1] * organisation.fixed.reviewed.superlinear:
                what = f"faster per accelerator than the same submitter's smaller system {best[2]}"
                found_ = f"{rate / best[1]:.2f} times, on {count} instead of {best[0]} accelerators"
                yield Violation(what, f"at most {organisation.fixed.reviewed.superlinear:g} times", found_, path)


@check("runs-in-turn", "submitter")
def runs_in_turn(organisation: Organisation) -> Iterator[Violation]:
    """Judge that runs on one system do not overlap in time."""
    by_system: dict[str, list[tuple[float, float, str]]] = {}
    for folder in organisation.folders:
        if folder.scaling == "weak":
            continue  # models trained side by side are what weak scaling measures
        for log in folder.logs:
            if log.started is not None and log.stopped is not None and log.stopped > log.started:
                by_system.setdefault(folder.system, []).append((log.started, log.stopped, log.path))
    for spans in by_system.values():
        spans.sort()
        for (_, stop, other), (start, _, path) in pairwise(spans):
            if start < stop:
                what = f"the run overlaps in time with {other} on the same system"
                yield Violation(what, "one run at a time", f"{(stop - start) / 1000:,.0f} s", path)


@check("config-present", "submitter")
def config_present(organisation: Organisation) -> Iterator[Violation]:
    """Judge that a configuration file the log names is part of the submitted code."""

    def named(log: LogFacts) -> list[tuple[object, int]]:
        return [(place.value, place.line) for place in log.kept.get("config_filename", ())[:1]]

    what = "the log names a configuration file that the submission lacks"
    yield from _lacking(organisation, what, named)


@check("source-present", "submitter")
def source_present(organisation: Organisation) -> Iterator[Violation]:
    """Judge that the source from which a log says its seed was logged is part of the submitted code."""

    def named(log: LogFacts) -> list[tuple[object, int]]:
        return [(seed.file, seed.line) for seed in log.seeds if _own_source(seed.file)]

    what = "the log says its seed was logged from a source file that the submission lacks"
    yield from _lacking(organisation, what, named)


def _lacking(
    organisation: Organisation, what: str, named: Callable[[LogFacts], list[tuple[object, int]]]
) -> Iterator[Violation]:
    """Yield a problem with the first log of each result that names a file which the submitted code has not."""
    code = {name for name, _ in organisation.tree.below("benchmarks")}
    for folder in organisation.folders if code else ():
        missing = (
            Violation(what, "a file of that name in benchmarks/", brief(path), log.path, line)
            for log in folder.logs
            for path, line in named(log)
            if isinstance(path, str) and _name(path) not in code
        )
        yield from islice(missing, 1)


def _own_source(path: object) -> bool:
    """Whether a path is that of a file, and of no installed package."""
    return isinstance(path, str) and "." in _name(path) and "-packages/" not in path


def _name(path: str) -> str:
    return path.rpartition("/")[2]
