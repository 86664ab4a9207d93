"""Runs that are made again: a compliance run that failed by its pace alone, then its performance run with all tests."""

from __future__ import annotations

from rules.compliance import compliance_rules
from rules.scenarios import Scenario, scenario_named
from rules.serving_documents import REPEATED, RunName, ServingOutcome
from suite.host.progress import say
from suite.inference import compliance
from suite.inference.context import InferenceContext
from suite.inference.search import offer_less


def retakes(context: InferenceContext, scenario: Scenario) -> int:
    """Return how often the performance run was made anew because of its tests."""
    attempts = context.work.attempts(f"{scenario}-performance")
    return sum(attempt.outcome is ServingOutcome.OFF_PACE for attempt in attempts)


def _together(context: InferenceContext) -> list[RunName]:
    """Return what is made again with a performance run, which comes last: all the others are told what it was."""
    return [*context.plan.tests, "accuracy", "performance"]


def undone(context: InferenceContext) -> None:
    """Finish what a kill cut short: a performance run that was noted to be made again does not count any more."""
    for scenario in context.plan.scenarios:
        record = context.work.record(scenario, "performance")
        if record is not None and len(record.earlier_attempts) < len(context.work.attempts(f"{scenario}-performance")):
            context.work.take_back(scenario, _together(context))


def taken_back(context: InferenceContext, scenario: Scenario, run: RunName) -> RunName | None:
    """Take back a compliance run that failed by its pace alone, where the round allows another; return what to make.

    Once its tries are spent the performance run is taken back, with all its tests. Everything is noted first: a kill in
    between costs a try, and hides none.
    """
    plan, work = context.plan, context.work
    if run not in plan.tests or work.record(scenario, run) is None:
        return None
    why = compliance.off_pace(work.at(""), plan.ruleset, plan.results, scenario, run)
    rules, before = compliance_rules(plan.ruleset), retakes(context, scenario)
    spent = sum(attempt.outcome in REPEATED for attempt in work.attempts(f"{scenario}-{run}"))
    last = spent + 1 >= rules.tries * (1 + before)  # as many tries again for each performance run
    if not why or (last and before >= rules.retakes):
        return None
    back = _together(context) if last else [run]
    if last and scenario_named(scenario).is_bounded:
        offer_less(context, scenario)
    for name in back:
        if work.record(scenario, name) is not None:
            said = why if name == run else f"made again with the others, because {run} always fails: {why}"
            work.note(f"{scenario}-{name}", ServingOutcome.OFF_PACE, said)
    work.take_back(scenario, back)
    say(f"  {scenario} {run}: {why}; {'performance run and tests are' if last else 'it is'} made again")
    return back[-1]
