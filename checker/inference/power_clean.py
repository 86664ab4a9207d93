"""The meter's daemon's log read to its end, and in the units that are meant: what the official scan passes over."""

from __future__ import annotations

from collections.abc import Iterator

from checker.findings import Problem, brief
from checker.inference.cases import ResultCase
from checker.inference.power import has_power
from checker.inference.power_logs import Event
from checker.inference.power_logs import daemon_log as read_daemon_log
from checker.inference.power_session import DAEMON, FAULTS, SERVER, Session, UnmetError, descriptor
from checker.judges.registry import judge
from rules.power import power_rules


@judge("inference-power-log-clean", "inference-result")
def power_log_clean(case: ResultCase) -> Iterator[Problem]:
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
        yield Problem(what, "no such line", brief(refused[0].text), session.path(DAEMON), refused[0].line)


def _events(session: Session) -> Iterator[Event]:
    """Yield all events of the daemon's log; raises as its reader does."""
    begin, end = session.testing
    log = read_daemon_log(session.read(DAEMON), f"{descriptor(session, SERVER)['session_name']}")
    if None in (begin, end, log.ranging_begin, log.ranging_end):
        return
    assert begin is not None
    assert end is not None
    fixed = session.fixed
    yield from log.events((begin, end), fixed.margin_s, fixed.tolerated_ranging, fixed.tolerated_testing)
