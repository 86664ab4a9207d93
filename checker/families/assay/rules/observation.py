"""Rules on what was sampled of the machine during a run: it covers the timed region and shows a steady machine.

They judge runs of training and of LoadGen alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from checker.core.documents import ValidDocument
from checker.core.findings import Violation
from checker.core.tree import RefusedError
from checker.families.assay.checks import check, flaws
from checker.families.assay.submission import Result, Run
from checker.machine.energy import timed
from checker.machine.metering import METERS
from checker.machine.use import disturbed
from rules.documents import Record
from rules.images import images
from rules.observation import Observation
from rules.ruleset import Steadiness

flaws("run", "observation")

ALWAYS = ("busy", "steal", "queue", "swap")  # any Linux kernel says these


@check("observed", "run")
def observed(run: Run, record: ValidDocument[Record]) -> Iterator[Violation]:
    """Point at a run whose machine nobody watched, but for one that is no performance result anyway."""
    if record.model.observation is None and not record.model.emulated:
        message, why = "nothing of the machine was sampled during the run", record.model.unobserved or "no reason given"
        yield record.problem(message, run.observation_path, why, "observation")


@check("observation-digest", "run")
def observation_digest(result: Result, run: Run, record: ValidDocument[Record]) -> Iterator[Violation]:
    """Judge that the observation is the one the record names, and stands where it belongs."""
    yield from samples_digest(result, record, "observation", run.observation_path, run.observation)


def samples_digest(
    result: Result, record: ValidDocument[Record], member: str, path: str, there: ValidDocument[Observation] | None
) -> Iterator[Violation]:
    """Yield where the samples in `path`, `there` as read, are not those that `member` of the record names."""
    stated = record.value(member)
    if stated is None:
        if there is not None:
            yield Violation("the record does not name these samples", "null", "a file", path)
        return
    if stated.path != path:
        yield record.problem("the record names another file", path, stated.path, member, "path")
        return
    try:
        found = result.tree.sha256(path, result.tree.limits.document_bytes)
    except RefusedError as error:
        yield record.problem(f"the file of samples {error}", path, "", member, "path")
        return
    if found != stated.sha256:
        yield record.problem("the samples are not those that were recorded", stated.sha256, found, member, "sha256")


@check("observation-covers", "run")
def observation_covers(
    run: Run, observation: ValidDocument[Observation], steadiness: Steadiness
) -> Iterator[Violation]:
    """Judge that samples enclose the timed region, are frequent enough, and hold what any kernel says."""
    at, tolerates, seen, times = timed(run), steadiness, observation, observation.model.times_s
    if at is None:
        return
    if not times or times[0] > at.start_s or times[-1] < at.stop_s:
        found = f"{times[0] - at.start_s:+.1f} s to {times[-1] - at.stop_s:+.1f} s" if times else "no samples"
        message = "the samples do not enclose the run, by the machine's clock"
        yield seen.problem(message, "from before run_start to after run_stop", found, "times_s")
        return
    inside = [time for time in times if at.start_s <= time <= at.stop_s]
    if len(inside) < tolerates.rate_hz * at.seconds - 1 or seen.model.period_s > 1 / tolerates.rate_hz:
        found = f"{len(inside) / at.seconds:.2f} a second, one in {seen.model.period_s:g} s declared"
        yield seen.problem("there are too few samples", f"{tolerates.rate_hz:g} a second", found, "times_s")
    longest = max(later - sooner for sooner, later in pairwise([at.start_s, *inside, at.stop_s]))
    if longest > 10 / tolerates.rate_hz:
        message = "samples are missing for a time"
        yield seen.problem(message, f"none longer than {10 / tolerates.rate_hz:g} s", f"{longest:.1f} s", "times_s")
    there = {channel.quantity for channel in seen.model.channels}
    for quantity in ALWAYS:
        if quantity not in there:
            yield seen.problem("a channel is missing", quantity, ", ".join(sorted(there)), "channels")


@check("observation-meters", "run")
def observation_meters(
    result: Result, observation: ValidDocument[Observation], record: ValidDocument[Record]
) -> Iterator[Violation]:
    """Judge that every meter of the target was read or is said to be missing, and that no other one was."""
    seen, known = observation, images(result.ruleset)
    target = known.targets.get(record.model.target) if known else None
    families = {channel.name.partition("/")[0] for channel in seen.model.channels}
    missing = {one.source.partition("/")[0] for one in seen.model.unavailable}
    for meter in target.meters if target else ():
        if meter not in families | missing:
            message = f"the target's meter {meter} was neither read nor said to be missing"
            found = ", ".join(sorted(families | missing))
            yield seen.problem(message, f"a channel {meter}/… or a reason", found, "channels")
    for position, channel in enumerate(seen.model.channels):
        if channel.quantity in ("energy", "power") and channel.name.partition("/")[0] not in METERS:
            message = "power or energy comes from a meter that the rules do not know"
            yield seen.problem(message, ", ".join(METERS), channel.name, "channels", position, "name")


@check("steady", "run")
def steady(result: Result, run: Run) -> Iterator[Violation]:
    """Point at what disturbed the machine while the clock ran."""
    for one in disturbed(run, result.ruleset.steadiness):
        yield Violation(f"the machine was disturbed: {one.what}", one.expected, one.found, run.observation_path)
