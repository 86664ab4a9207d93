"""Rules on what was sampled of the machine during a run: it covers the timed region and shows a steady machine."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from checker.energy import timed
from checker.findings import Problem
from checker.judges.registry import flaws, judge
from checker.steadiness import disturbances
from checker.submission import Result, Run
from checker.tree import RefusedError

flaws("run", "observation")

ALWAYS = ("busy", "steal", "queue", "swap")  # any Linux kernel says these


@judge("observed", "run")
def observed(_result: Result, run: Run) -> Iterator[Problem]:
    """Point at a run whose machine nobody watched."""
    if run.record is not None and run.record.model.observation is None:
        message = "nothing of the machine was sampled during the run"
        yield run.record.problem(message, "observation_<i>.json", "null", "observation")


@judge("observation-digest", "run")
def observation_digest(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that the observation is the one the record names, and stands where it belongs."""
    stated = run.record.model.observation if run.record else None
    if run.record is None or stated is None:
        if run.observation is not None:
            yield Problem("the record knows of no observation", "null", "a file", run.observation_path)
        return
    path = f"{run.folder}/observation_{run.index}.json"
    if stated.path != path:
        yield run.record.problem("the record names another file", path, stated.path, "observation", "path")
        return
    try:
        found = result.sha256(path)
    except RefusedError as error:
        yield run.record.problem(f"the observation {error}", path, "", "observation", "path")
        return
    if found != stated.sha256:
        message = "the observation is not the one that was recorded"
        yield run.record.problem(message, stated.sha256, found, "observation", "sha256")


@judge("observation-covers", "run")
def observation_covers(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that samples enclose the timed region, are frequent enough, and hold what any kernel says."""
    bears, region = result.ruleset.steadiness, timed(run)
    if bears is None or region is None or run.observation is None:
        return
    seen, (start, stop) = run.observation, region
    times = [time for time in seen.model.times_s if start <= time <= stop]
    around = seen.model.times_s[:1], seen.model.times_s[-1:]
    if not times or around[0][0] > start or around[1][0] < stop:
        found = f"{around[0][0] - start:+.1f} s to {around[1][0] - stop:+.1f} s" if around[0] else "no samples"
        message = "the samples do not enclose the run, by the machine's clock"
        yield seen.problem(message, "from before run_start to after run_stop", found, "times_s")
        return
    if len(times) < bears.rate_hz * (stop - start) - 1:
        found = f"{len(times) / (stop - start):.2f} a second"
        yield seen.problem("there are too few samples", f"{bears.rate_hz:g} a second", found, "times_s")
    longest = max(later - sooner for sooner, later in pairwise([start, *times, stop]))
    if longest > 10 / bears.rate_hz:
        message = "for a time there are no samples"
        yield seen.problem(message, f"none longer than {10 / bears.rate_hz:g} s", f"{longest:.1f} s", "times_s")
    there = {channel.quantity for channel in seen.model.channels}
    for quantity in ALWAYS:
        if quantity not in there:
            yield seen.problem("a channel is missing", quantity, ", ".join(sorted(there)), "channels")


@judge("steady", "run")
def steady(result: Result, run: Run) -> Iterator[Problem]:
    """Point at what disturbed the machine while the clock ran."""
    bears, region = result.ruleset.steadiness, timed(run)
    if bears is None or region is None or run.observation is None or run.record is None:
        return
    for one in disturbances(run.observation.model, *region, run.record.model.threads, bears):
        yield Problem(f"the machine was disturbed: {one.what}", one.expected, one.found, run.observation_path)
