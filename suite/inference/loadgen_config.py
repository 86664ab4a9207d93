"""What LoadGen is told: `user.conf` from the rules and the expected rate, and the jobs around it."""

from __future__ import annotations

from math import ceil, log

from checker.loadgen.early_stopping import CONFIDENCE, place
from rules.scenarios import Scenario, scenario_named
from rules.serving import LoadGenRules, ScenarioRules, Seeds, ServingRules
from rules.serving_documents import RunName
from rules.thresholds import inference_thresholds
from suite.inference.plan import InferencePlan


def user_conf(scenario: Scenario, its: ScenarioRules, rate: float, tokens: bool) -> str:
    """Return `user.conf` for a scenario at an expected `rate` of queries (Offline: samples) a second.

    A blank on either side of `=`: LoadGen ignores a line without. Its name of a scenario that it does not know is
    Server's.
    """
    asked = scenario_named(scenario)
    lines: dict[str, object] = {"min_duration": its.min_duration_ms, "min_query_count": its.min_query_count}
    if its.percentile is not None:
        lines["target_latency_percentile"] = _number(100 * its.percentile)
    if asked.is_one_query:
        # LoadGen asks one query of at least so many samples; it takes their number from this.
        lines |= {"min_query_count": its.samples_per_query, "target_qps": _number(rate)}
    elif asked.is_bounded:
        lines |= {"target_qps": _number(rate), "target_latency": its.target_latency_ms or 0}
    else:
        lines["target_latency"] = _number(1000 / rate)
    if asked.by_query:
        lines["samples_per_query"] = its.samples_per_query
    if tokens:
        lines["use_token_latencies"] = 1
        if asked.is_bounded:
            lines |= {"ttft_latency": its.ttft_ms, "tpot_latency": its.tpot_ms}
    return "".join(f"*.{asked.loadgen}.{key} = {value}\n" for key, value in lines.items())


def server_rate(conf: str) -> float:
    """Return the rate that Server's `user_conf` names, queries a second."""
    return float(conf.partition("*.Server.target_qps = ")[2].partition("\n")[0])


def _number(value: float) -> str:
    """Write a number as LoadGen reads one: no exponent."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def job(plan: InferencePlan, rules: ServingRules, mode: str, scenario: Scenario, **given: object) -> dict[str, object]:
    """Return `job.json` (docs/inference.md)."""
    return {
        "mode": mode,
        "workload": plan.workload,
        "framework": plan.framework,
        "division": plan.division,
        "target": plan.target,
        "scenario": scenario,
        "tokens": rules.tokens,
        "submission": {"org": plan.submitter, "platform": plan.system},
        "ruleset": plan.ruleset,
        **plan.digests,
        "data": plan.data,
        "sut": plan.sut.model_dump(),
        "warmup_limit_s": rules.warmup_limit_s,
        "answer_limit_s": rules.answer_limit_s,
        "loadgen": {},
        "search": {},
        "outputs": {},
    } | given


def search_job(plan: InferencePlan, rules: ServingRules, loadgen: LoadGenRules) -> dict[str, object]:
    """Return the job that finds out what to expect of each scenario."""
    asked, numbers = dict(plan.scenarios), inference_thresholds(plan.ruleset).search
    if any(scenario_named(name).is_bounded for name in asked) and "Offline" in rules.scenarios:
        asked.setdefault("Offline", rules.scenarios["Offline"])  # where the search for Server's rate begins
    scenarios = {
        name: its.model_dump() | {"may_be_late": may_be_late(name, its, numbers.longest)} for name, its in asked.items()
    }
    search = {
        "scenarios": scenarios,
        "probe_ms": min(numbers.probe_ms, *(its.min_duration_ms for its in plan.scenarios.values())),
        "probes": numbers.probes,
        "late": numbers.late,
        "budget_s": numbers.budget * rules.time_limit_s,
        "most_probes": sum(numbers.probes if scenario_named(name).is_bounded else 2 for name in asked),
        "factor": numbers.factor,
        "close": numbers.close,
        "seeds": loadgen.seeds.model_dump(),
    }
    return job(plan, rules, "search", "Server", search=search)


def may_be_late(scenario: Scenario, its: ScenarioRules, longest: int) -> list[tuple[int, int]]:
    """Return for Server runs of ever more queries how many may be late: LoadGen is stricter the fewer there are."""
    if not scenario_named(scenario).is_bounded:
        return []
    percentile = its.percentile or 0.99
    queries = least = ceil(log(1 - CONFIDENCE) / log(percentile))  # no run of fewer can be valid
    sizes = {max(least, its.min_query_count)}
    while queries <= longest:
        sizes.add(queries)
        queries = queries * 5 // 4
    return [(queries, place(queries, percentile) or 0) for queries in sorted(sizes)]


def run_job_of(
    plan: InferencePlan,
    rules: ServingRules,
    scenario: Scenario,
    run: RunName,
    conf: str,
    audit: str | None,
    seeds: Seeds,
) -> dict[str, object]:
    """Return the job of one LoadGen run."""
    told = {
        "mode": "accuracy" if run == "accuracy" else "performance",
        "test": None if run in ("performance", "accuracy") else run,
        "user_conf": conf,
        "audit_config": audit,
        "seeds": seeds.model_dump(),
    }
    return job(plan, rules, "loadgen", scenario, loadgen=told)
