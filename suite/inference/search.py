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
    record = SearchRecord(
        schema="assay/search/1",
        ruleset=plan.ruleset,
        workload=plan.workload,
        framework=plan.framework,
        source_sha256=plan.source_sha256,
        sut=plan.sut,
        probes=probes,
        rates=rates,
        left_out=left_out,
    )
    context.work.keep_ours("search.json", record)
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
    why = printable(why)
    _change(context, left_out=context.search.left_out | {scenario: why})
    say(f"  {scenario} is left out: {why}")


def offer_less(context: InferenceContext, scenario: Scenario) -> None:
    """Go two steps below the performance run's rate, which its tests could not bear: one would leave them near it."""
    rates, first = context.search.rates, context.work.record(scenario, "performance")
    assert first is not None
    less = told.server_rate(first.user_conf) * inference_thresholds(context.plan.ruleset).search.slower ** 2
    _change(context, rates=rates | {scenario: min(rates[scenario], less)})


def next_rate(
    context: InferenceContext, scenario: Scenario, rate: float, number: int, result: Mapping[str, Any]
) -> float:
    """Put the invalid run, the `number`-th, among the probes; return the rate to try next, which takes its place."""
    # Server is tried twice at a rate, for the first may have met a bad moment of the machine; then in ever larger
    # steps: what small ones do not cure is a machine that is busy with something else.
    numbers, times = inference_thresholds(context.plan.ruleset).search, number // 2 if number % 2 == 0 else 0
    rate_then = rate * (numbers.slower**times if scenario_named(scenario).is_bounded else numbers.faster)
    unknown = dict.fromkeys(("queries", "mean_ns", "p99_ns", "throughput"))
    probe = Probe(scenario=scenario, rate=rate, valid=False, seconds=result["run_s"], **unknown)
    search = context.search
    _change(context, probes=[*search.probes, probe], rates=search.rates | {scenario: rate_then})
    return rate_then


def _change(context: InferenceContext, **found: Any) -> None:
    """Keep what has become of the search."""
    context.work.keep_ours("search.json", context.search.model_copy(update=found))
