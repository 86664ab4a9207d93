"""What LoadGen is told to expect of each scenario, and Server's rate: by the search, and by the runs after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rules.scenarios import Scenario, scenario_named
from rules.serving import loadgen_rules
from rules.serving_documents import Probe, SearchRecord
from rules.text import printable
from rules.thresholds import inference_thresholds
from suite.host.progress import say
from suite.inference import loadgen_config as told
from suite.inference.context import InferenceContext


def search_rates(context: InferenceContext) -> None:
    """Find out what to expect of each scenario."""
    if context.work.search() is not None:
        return
    plan, slower = context.plan, inference_thresholds(context.plan.ruleset).search.slower
    job = told.search_job(plan, context.rules, loadgen_rules(plan.ruleset))
    found = context.unmeasured("search", job).result()
    rates = {
        scenario: rate * (slower if scenario_named(scenario).is_bounded else 1.0)
        for scenario, rate in found["rates"].items()
    }
    probes = [Probe.model_validate(probe) for probe in found["probes"]]
    left_out = {name: why for name in plan.scenarios if (why := never_valid(name, probes))}
    if len(left_out) == len(plan.scenarios):
        left_out = {}  # nothing would be left to measure
    _keep(context, probes, rates, left_out)
    for scenario, rate in rates.items():
        unit = "samples" if scenario_named(scenario).is_one_query else "queries"
        found_rate = f"{rate:.4g} {unit} a second by short tests"
        say(f"  {scenario}: {f'left out: {left_out[scenario]}' if scenario in left_out else found_rate}")


def never_valid(scenario: Scenario, probes: Sequence[Probe]) -> str:
    """Say that Server was valid at no rate that was tried; nothing where it was, or none was."""
    its = [probe for probe in probes if probe.scenario == scenario]
    if not scenario_named(scenario).is_bounded or not its or any(probe.valid for probe in its):
        return ""
    rates = [probe.rate for probe in its]
    if rates.count(min(rates)) < 2:
        return ""  # there was no time to try it twice
    return f"no rate from {max(rates):.4g} down to {min(rates):.4g} a second was valid"


def leave_out(context: InferenceContext, scenario: Scenario, why: str) -> None:
    """Go on without a scenario that was asked for beside others and that this system cannot do."""
    search = context.work.search()
    assert search is not None
    why = printable(why)
    _keep(context, search.probes, search.rates, search.left_out | {scenario: why})
    say(f"  {scenario} is left out: {why}")


def offer_less(context: InferenceContext, scenario: Scenario) -> None:
    """Go two steps below the performance run's rate, which its tests could not bear: one would leave them near it."""
    search, first = context.work.search(), context.work.record(scenario, "performance")
    assert search is not None
    assert first is not None
    less = told.server_rate(first.user_conf) * inference_thresholds(context.plan.ruleset).search.slower ** 2
    rates = {**search.rates, scenario: min(search.rates[scenario], less)}
    _keep(context, search.probes, rates, search.left_out)


def next_rate(
    context: InferenceContext,
    search: SearchRecord,
    scenario: Scenario,
    rate: float,
    number: int,
    result: Mapping[str, Any],
) -> SearchRecord:
    """Put the invalid run, the `number`-th, among the probes, and a rate to try next in place of its own."""
    # Server is tried twice at a rate, for the first may have met a bad moment of the machine; then in ever larger
    # steps: what small ones do not cure is a machine that is busy with something else.
    numbers, times = inference_thresholds(context.plan.ruleset).search, number // 2 if number % 2 == 0 else 0
    factor = numbers.slower**times if scenario_named(scenario).is_bounded else numbers.faster
    probe = Probe(
        scenario=scenario,
        rate=rate,
        valid=False,
        seconds=result["run_s"],
        queries=None,
        mean_ns=None,
        p99_ns=None,
        throughput=None,
    )
    _keep(context, [*search.probes, probe], {**search.rates, scenario: rate * factor}, search.left_out)
    found = context.work.search()
    assert found is not None
    return found


def _keep(
    context: InferenceContext, probes: list[Probe], rates: Mapping[Scenario, float], left_out: Mapping[Scenario, str]
) -> None:
    plan = context.plan
    record = SearchRecord(
        schema="assay/search/1",
        ruleset=plan.ruleset,
        workload=plan.workload,
        framework=plan.framework,
        source_sha256=plan.source_sha256,
        sut=plan.sut,
        probes=probes,
        rates=dict(rates),
        left_out=dict(left_out),
    )
    context.work.keep_ours("search.json", record)
