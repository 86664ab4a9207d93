"""A declared idle baseline: the machine is sampled while nothing runs, by what will sample the runs."""

from __future__ import annotations

import time

from checker.machine.metering import SETTLE_S, NotMeasured, idle
from rules.errors import MachineError
from rules.observation import Observation
from suite.host.progress import Phase
from suite.meters.sampler import Observer

TICK_S = 0.5


def baseline(watcher: Observer, idle_s: float) -> bytes:
    """Return the samples of an idle machine, `idle_s` long without what meters need at either end.

    Raises MachineError where they say nothing of its power: a baseline that was declared is not left out in silence.
    """
    seconds = idle_s + 2 * SETTLE_S
    fix = "leave --idle-baseline out, and no idle power is taken off"
    with Phase("idle machine") as phase, watcher as watched:
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            phase.to(int(passed), int(seconds), "s")
            time.sleep(min(TICK_S, seconds - passed))
    seen = watched.observed()
    if seen.content is None:
        raise MachineError(f"the idle machine was not sampled: {seen.why_not}", fix=fix)
    found, _, _ = idle(Observation.model_validate_json(seen.content))
    if isinstance(found, NotMeasured):
        raise MachineError(f"nothing says what the idle machine takes: {found.what}: {found.reason}", fix=fix)
    return seen.content
