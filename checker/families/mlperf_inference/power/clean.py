"""What the official power checks pass over: the daemon's log after a tolerated line, how often the meter was read."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.cases import ResultCase, when
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.power.check import has_power
from checker.families.mlperf_inference.power.logs import DaemonEvent, load_samples
from checker.families.mlperf_inference.power.logs import daemon_log as read_daemon_log
from checker.families.mlperf_inference.power.session import (
    DAEMON,
    FAULTS,
    SERVER,
    TESTING,
    Session,
    UnmetError,
    descriptor,
)
from rules.power import power_rules


@check("inference-power-log-clean", "result")
def power_log_clean(case: ResultCase) -> Iterator[Violation]:
    """Judge that no line of the daemon's log spoils the measurement, the first that is tolerated or not."""
    tree = case.submitter.tree
    if not has_power(tree, case.path):
        return
    session = Session(tree, f"{case.path}/performance", power_rules(case.fixed.name))
    try:
        events = list(_events(session))
    except (UnmetError, *FAULTS):
        return  # the official checks say what is wrong with the session
    refused = [event for event in events if event.refused]
    if refused:
        what = "the meter's daemon reports what no measurement may show"
        what += f" (and in {len(refused) - 1} more lines)" if len(refused) > 1 else ""
        yield Violation(what, "no such line", brief(refused[0].text), session.path(DAEMON), refused[0].line)


@check("inference-power-sampled", "result")
def power_sampled(case: ResultCase) -> Iterator[Violation]:
    """Judge that the meter was read as often during the load as the rules ask."""
    log, path = case.log, f"{case.path}/performance/{TESTING}/spl.txt"
    begin, end = (when(log, key) if log is not None else None for key in ("power_begin", "power_end"))
    tree, most = case.submitter.tree, power_rules(case.fixed.name).sample_gap_s
    if begin is None or end is None or not has_power(tree, case.path):
        return
    try:
        samples = load_samples(tree.read(path, tree.limits.log_bytes), begin, end)
    except FAULTS:
        return  # the official checks say that the samples cannot be read
    gaps = samples.gaps()
    longest, line = max(gaps, key=lambda gap: gap[0])
    if line is not None and longest > most:
        many = sum(gap > most for gap, _ in gaps)
        what = "power was sampled more rarely than once a second during the load"
        what += f" in {many:,} places" if many > 1 else ""
        what += f"; {samples.dropped:,} samples are not above 0 W and do not count" if samples.dropped else ""
        yield Violation(what, f"no gap above {most:g} s", f"{longest:,.3f} s without a sample", path, line)


def _events(session: Session) -> Iterator[DaemonEvent]:
    """Yield all events of the daemon's log; raises as its reader does."""
    begin, end = session.testing
    log = read_daemon_log(session.read(DAEMON), f"{descriptor(session, SERVER)['session_name']}")
    if None in (begin, end, log.ranging_begin, log.ranging_end):
        return
    assert begin is not None
    assert end is not None
    fixed = session.fixed
    yield from log.events((begin, end), fixed.margin_s, fixed.tolerated_ranging, fixed.tolerated_testing)
