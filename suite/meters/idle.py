"""A declared idle baseline: the machine is sampled while nothing runs, by what will sample the runs."""

from __future__ import annotations

import time
from typing import Protocol

from checker.machine.metering import SETTLE_S, NotMeasured, idle
from rules.errors import MachineError
from rules.observation import Observation
from suite.engines.base import Runner
from suite.host.progress import Phase
from suite.meters.power_log import PowerLog
from suite.meters.sampler import Planned, watching

TICK_S = 0.5


class IdlePlanned(Planned, Protocol):
    """What is asked of the plan of a result with a baseline."""

    @property
    def idle_s(self) -> float:
        """Seconds that the machine is to be seen idle."""


def baseline(runner: Runner, plan: IdlePlanned, power_log: PowerLog | None) -> bytes:
    """Return the samples of an idle machine, `plan.idle_s` long without what meters need at either end.

    Raises MachineError where they say nothing of its power: a baseline that was declared is not left out in silence.
    """
    seconds = plan.idle_s + 2 * SETTLE_S
    fix = "leave --idle-baseline out, and no idle power is taken off"
    with Phase("idle machine") as phase, watching(runner, plan, power_log) as watched:
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
