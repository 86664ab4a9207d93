"""Rules on the runs of one result together: number, sameness of configuration, and that none is a copy of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from checker.findings import Problem, brief
from checker.judges.registry import judge
from checker.submission import Result, Run
from rules.documents import RunRecord


@judge("run-count", "result")
def run_count(result: Result) -> Iterator[Problem]:
    """Judge that the result has the runs the round wants and the manifest declares, numbered from 0."""
    declared = None if result.manifest is None else result.manifest.model.runs
    if result.rules is not None and declared is not None and result.manifest is not None:
        exact, least = result.rules.runs.closed, result.rules.runs.open
        if result.division == "closed" and declared != exact:
            yield result.manifest.problem("a closed result has another number of runs", exact, declared, "runs")
        if result.division == "open" and declared < least:
            yield result.manifest.problem("an open result has too few runs", f"at least {least}", declared, "runs")
    if declared is None:
        declared = result.rules.runs.closed if result.rules and result.division == "closed" else len(result.runs)
    there = {run.index for run in result.runs}
    for index in range(min(declared, 1000)):
        if index not in there:
            missing = f"{result.folder}/result_{index}.txt"
            yield Problem(f"run {index} of {declared} is missing", f"runs 0 to {declared - 1}", "nothing", missing)
    for run in result.runs:
        if run.index >= declared:
            message = f"run {run.index} was not declared"
            yield Problem(message, f"runs 0 to {declared - 1}", f"run {run.index}", run.log_path)


@judge("runs-alike", "result")
def runs_alike(result: Result) -> Iterator[Problem]:
    """Judge that all runs had the same image, source, data, settings, arguments, environment and limits."""
    records = [run.record for run in result.runs if run.record]
    for record in records[1:]:
        first = records[0]
        for name, of in SAME.items():
            if of(record.model) != of(first.model):
                place = name.split(".")
                other = f"as in {first.path.rpartition('/')[2]} line {first.line(*place)}"
                yield record.problem(f"the runs differ in {name}", other, "another value", *place)


SAME: dict[str, Callable[[RunRecord], Any]] = {
    "ruleset": lambda r: r.ruleset,
    "framework": lambda r: r.framework,
    "target": lambda r: r.target,
    "image": lambda r: r.image,
    "source_sha256": lambda r: r.source_sha256,
    "data": lambda r: r.data,
    "threads": lambda r: r.threads,
    "hyperparameters": lambda r: r.hyperparameters,
    "arguments": lambda r: r.arguments,
    "environment": lambda r: r.environment,
    "container": lambda r: r.container,
    "assay": lambda r: r.assay,
}


def _losses(run: Run) -> tuple[Any, ...]:
    if run.log is None:
        return ()
    return tuple(record.value for record in run.log.all("train_loss") if type(record.value) is float)


@judge("runs-distinct", "result")
def runs_distinct(result: Result) -> Iterator[Problem]:
    """Judge that no run is a copy of another: seeds, initial weights, losses and final weights all differ."""
    seen: dict[tuple[str, Any], Run] = {}
    for run in result.runs:
        traces: list[tuple[str, Any, str]] = []
        if run.log is not None:
            keys = ("seed", "initial_weights_sha256", "final_weights_sha256")
            traces += ((key, run.log.value(key), key) for key in keys)
            traces.append(("sequence of train_loss", _losses(run), "train_loss"))
        for what, value, key in traces:
            if value is None or value == () or not isinstance(value, int | str | tuple):
                continue
            other = seen.setdefault((what, value), run)
            if other is not run:
                line = run.log.first(key) if run.log else None
                message = f"two runs have the same {what}"
                found = f"the same as {other.log_path.rpartition('/')[2]}"
                yield Problem(message, "its own", found, run.log_path, line.number if line else None)


@judge("runs-apart", "result")
def runs_apart(result: Result) -> Iterator[Problem]:
    """Judge by the host's receipts that no two runs of the result overlapped in time."""
    spans = [(r.record.model.receipts, r.record) for r in result.runs if r.record and r.record.model.receipts]
    spans.sort(key=lambda span: span[0][0])
    for (before, earlier), (after, later) in pairwise(spans):
        if after[0] < before[-1]:
            message = "the run began before another had ended"
            other = f"after {before[-1]:.3f}, the end of {earlier.path.rpartition('/')[2]}"
            yield later.problem(message, other, f"{after[0]:.3f}", "receipts", 0)


@judge("runs-converged", "result")
def runs_converged(result: Result) -> Iterator[Problem]:
    """Judge that at most one run ended without reaching the target."""
    short = [run for run in result.runs if run.log is not None and not run.converged]
    for run in short if len(short) > 1 else ():
        stop = run.log.first("run_stop") if run.log else None
        message = f"{len(short)} of {len(result.runs)} runs did not reach the target"
        yield Problem(message, "at most 1", str(len(short)), run.log_path, stop.number if stop else None)


@judge("run-short", "run")
def run_short(_result: Result, run: Run) -> Iterator[Problem]:
    """Point at a run that did not reach the target: it counts as the slowest."""
    stop = run.log.first("run_stop") if run.log else None
    if stop is not None and not run.converged:
        status = brief(stop.metadata.get("status"))
        message = "the run did not reach the target and counts as the slowest"
        yield Problem(message, '"success"', status, run.log_path, stop.number)
