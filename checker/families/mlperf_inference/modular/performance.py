"""The performance phase: what LoadGen was told, what it measured, and whether that is the scenario of the folder.

The same checks judge the performance log of a compliance test. What they compare is what the log says was asked for;
`result_validity` is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.models import SCENARIOS
from checker.families.mlperf_inference.modular.case import Judging, LogRun
from checker.families.mlperf_inference.modular.outcome import Checks, ResultPhase, judge_phase
from checker.loadgen.log import DetailLog, Said
from rules.inference import ModelRules
from rules.scenarios import logged_scenario, scenario_named

NS = 1_000_000  # of a millisecond
OVER_NETWORK = "Network SUT"
FORGIVEN = "Loadgen built with uncommitted changes!"
TWICE_CONFIGURED = "Multiple conf files are used"
SHOWN = 20  # unknown scenarios that are named


@dataclass
class PerformanceRun(LogRun):
    """A performance log and what it is of. `ran` is the log's scenario, of a compliance test's run if `of_test`."""

    path: str  # the folder or log that problems without a line are said of
    ran: Any
    of_test: bool = False
    metric: Any = None  # what was measured, once it was told
    metric_key: str = ""  # the key it was read from

    @property
    def inferred(self) -> bool:
        """Whether the result is taken from a run of another scenario."""
        pair = (self.ran.lower(), self.asked.lower())
        return pair[0] != pair[1] and pair != ("server", "interactive")

    @property
    def model_rules(self) -> ModelRules:
        """What the round says of the model."""
        return self.models.rules(self.model)


def judge_performance(run: PerformanceRun) -> ResultPhase:
    """Judge a run; its metric is noted in `run`."""
    return judge_phase("performance", CHECKS, run, run.path, run.view)


def endpoints_model(run: Judging, path: str) -> Iterator[Violation]:
    """Object to an endpoint's result of a model that has no endpoint's submission."""
    known = run.models.of_endpoints
    if run.is_endpoints and run.model not in known:
        yield Violation("this model is not submitted by an endpoint's logs", ", ".join(known), brief(run.model), path)


def _scenarios(run: PerformanceRun) -> Iterator[Violation]:
    missing, unknown = run.case.scenarios(run.place, run.model) if not run.of_test else ((), ())
    path = run.path.rpartition("/")[0]
    for scenario in missing:
        yield Violation("a required scenario is missing", scenario, "no such folder", path)
    for scenario in unknown[:SHOWN]:
        yield Violation("the benchmark has no such scenario on a system of this type", "", scenario, path)


def _errors(run: PerformanceRun) -> Iterator[Violation]:
    if run.is_endpoints:
        return
    for error in logged_errors(run.view.log, read=run.options.submission_exceptions):
        twice = TWICE_CONFIGURED in error.value
        if (FORGIVEN not in error.value and not twice) or (twice and not run.of_test):
            yield error_problem(run.view.log, error)


def logged_errors(log: DetailLog, read: bool = True) -> Iterator[Said]:
    """Yield what LoadGen called errors; KeyError where a message does not say whether it is one, or none of its own."""
    if log.unflagged is not None:
        raise KeyError(log.unflagged)
    for error in log.errors if read else ():
        if not error.has_value:
            raise KeyError("value")
        yield error


def error_problem(log: DetailLog, error: Said) -> Violation:
    """Return what is said of an error that LoadGen logged."""
    return Violation("LoadGen logged an error", "no errors", brief(error.value), log.path, error.line)


def _samples(run: PerformanceRun) -> Iterator[Violation]:
    if run.is_endpoints:
        return
    least, key = run.models.performance_samples(run.model), "effective_performance_sample_count"
    if run.view[key] < least:
        yield run.view.problem("too few samples were loaded at a time", f"at least {least}", key)


def _seeds(run: PerformanceRun) -> Iterator[Violation]:
    for key, seed in run.rules.package.seeds.model_dump().items():
        if key == "effective_qsl_rng_seed" and run.is_endpoints:
            continue
        if run.view[key] != seed:
            yield run.view.problem(f"{key} is not the round's", str(seed), key)


def _latency(run: PerformanceRun) -> Iterator[Violation]:
    view = run.view
    if logged_scenario(run.ran).stops_early and not run.is_endpoints:
        if not view["early_stopping_met"]:
            what = "early stopping was not met: too few queries for the latency"
            yield view.problem(what, "true", "early_stopping_met")
            return
        most, key = run.models.latency(run.model, run.ran), "effective_target_latency_ns"
        if most and view[key] > most:
            yield view.problem("the latency asked for is above the limit", f"at most {most} ns", key)
        return
    if run.is_endpoints and run.model in run.models.of_tokens:
        return
    key = "result_99.00_percentile_latency_ns"
    measured = view[key]
    most = run.models.latency(run.model, SCENARIOS.get(run.asked.lower(), run.asked))
    if most and measured > most:
        yield view.problem("the latency is above the limit", f"at most {most} ns at the 99th percentile", key)


def _queries(run: PerformanceRun) -> Iterator[Violation]:
    view = run.view
    if run.is_endpoints:
        return
    samples, queries = view["effective_samples_per_query"], view["effective_min_query_count"]
    if not logged_scenario(run.ran).stops_early:
        least = run.models.queries(run.model, run.ran)
        if least and queries < least:
            what = "the minimum number of queries is too small"
            yield view.problem(what, f"at least {least}", "effective_min_query_count")
            return
    view.last = "effective_scenario"
    if run.ran.lower() == "offline":
        view.last = "effective_samples_per_query"
        offline = run.model_rules.offline_samples
        if offline is None:
            raise KeyError(run.model)
        if samples < offline and run.place.division == "closed":
            what = "the Offline query has too few samples"
            yield view.problem(what, f"at least {offline}", "effective_samples_per_query")


def _duration(run: PerformanceRun) -> Iterator[Violation]:
    if run.model in run.models.over_data_once:
        return
    least, key = run.rules.package.limits.duration_ms, "effective_min_duration_ms"
    if run.view[key] < least:
        yield run.view.problem("the minimum duration asked for is too short", f"at least {least} ms", key)


def _network(run: PerformanceRun) -> Iterator[Violation]:
    is_network = over_network(run.system.description)
    yield from (wrong := list(network_problem(run.place.division, is_network, run.path)))
    if wrong:
        return
    name = run.view["sut_name"]
    if is_network and OVER_NETWORK not in name:
        yield run.view.problem(f"a system over the network has {OVER_NETWORK!r} in its name", OVER_NETWORK, "sut_name")


def over_network(system: dict[str, Any]) -> bool:
    """Whether a system description says it is one over the network; AttributeError for anything but text."""
    said = system.get("is_network")
    return False if said is None else said.lower() == "true"


def suits_division(division: str, is_network: bool) -> bool:
    """Whether a division has systems of such a network mode."""
    return {"network": True, "closed": False}.get(division, is_network) is is_network


def network_problem(division: str, is_network: bool, path: str) -> Iterator[Violation]:
    """Yield what is wrong with a system's network mode in a division."""
    if not suits_division(division, is_network):
        what = "is_network of the system description contradicts the division"
        yield Violation(what, "false in closed, true in network", str(is_network).lower(), path)


def _tokens(run: PerformanceRun) -> Iterator[Violation]:
    if run.model not in run.models.of_tokens:
        return
    view = run.view
    if not (run.is_endpoints or view["requested_use_token_latencies"]):
        what = "latencies of tokens were not asked for: use_token_latencies is off"
        yield view.problem(what, "true", "requested_use_token_latencies")
        return
    if not scenario_named(run.ran).is_bounded:
        return
    limits = run.model_rules.token_latency_ns.get(run.ran)
    if limits is None:
        what = f"the round has no bounds on the latency of tokens for {brief(run.model)}, {run.ran}"
        yield Violation(what, "", "", run.path)
        return
    measured = {
        "result_first_token_99.00_percentile_latency_ns": limits.ttft,
        "result_time_per_output_token_99.00_percentile_ns": limits.tpot,
    }
    absent = [key for key in measured if view[key] is None]
    for key in absent:
        yield view.problem("the latency of tokens is not there", "a number", key)
    if not absent:
        for key, limit in measured.items():
            if not view[key] < limit:
                yield view.problem("the latency of tokens is above the limit", f"below {limit} ns", key)


def _inferred(run: PerformanceRun) -> Iterator[Violation]:
    view = run.view
    view.last = "effective_scenario"
    if not run.inferred:
        return
    pair, kind = (run.ran.lower(), run.asked.lower()), run.system.description["system_type"]
    if "edge" not in kind.lower():
        what = f"a {run.asked} result of a {kind} system cannot be taken from a run of {run.ran}"
        yield view.problem(what, run.asked, "effective_scenario")
    elif SCENARIOS.get(pair[0]) not in scenario_named(SCENARIOS.get(pair[1])).inferred_from:
        what = f"a {run.asked} result cannot be taken from a run of {run.ran}"
        yield view.problem(what, run.asked, "effective_scenario")


def _metric(run: PerformanceRun) -> Iterator[Violation]:
    package, view, scenario = run.rules.package, run.view, run.ran
    keys: dict[Any, str] = dict(package.metric_key.items())
    view["result_validity"]  # read and not regarded, but for a message without a value
    if run.is_endpoints:
        endpoints = package.endpoints.metric_key
        if endpoints is None:
            raise KeyError(package.tool.version)
        key = endpoints[scenario.lower()]
    else:
        key = keys[scenario]
    value = float(view[key])
    own: dict[Any, str] = dict(run.model_rules.metric_key.items())
    if scenario in own:
        key = own[scenario]
        value = float(view[key])
    run.metric_key = key
    if scenario_named(scenario).is_latency:
        value /= NS
        if str(run.model).lower() == "wan-2.2-t2v-a14b":
            value /= 1000
    run.metric = None
    run.metric, problems = _taken(run, value) if run.inferred else (value, [])
    yield from problems


def _taken(run: PerformanceRun, value: Any) -> tuple[Any, list[Violation]]:
    """Return the metric of a result taken from a run of another scenario, and what is wrong with that."""
    view, ran, asked = run.view, SCENARIOS.get(run.ran, run.ran), SCENARIOS.get(run.asked, run.asked)
    problems: list[Violation] = []
    latency = view["result_mean_latency_ns"]
    if ran == "MultiStream":
        view["result_99.00_percentile_per_query_latency_ns"]
        latency = view["result_mean_query_latency_ns"]
    samples = view["effective_samples_per_query"]
    if ran == "SingleStream":
        rate = view["result_qps_without_loadgen_overhead"]
        value = rate if asked == "Offline" else value
    if (ran, asked) == ("MultiStream", "Offline"):
        value = samples * 1000 / (latency / NS)
    if (ran, asked) == ("SingleStream", "MultiStream"):
        key = "early_stopping_latency_ms"
        estimate = view[key]
        if estimate == 0:
            problems.append(view.problem("too few queries for an estimate by early stopping", "above 0", key))
        value = estimate * scenario_named(asked).samples_per_query / NS
    if asked == "Interactive" and ran != "Server":
        what = "an Interactive result is taken from a run of Server"
        problems.append(view.problem(what, "Server", "effective_scenario"))
    return value, problems


CHECKS: Checks[PerformanceRun] = (
    ("scenarios", "scenarios", _scenarios),
    ("loadgen_errors", "loadgen-errors", _errors),
    ("performance_sample_count", "performance-samples", _samples),
    ("seeds", "seeds", _seeds),
    ("latency", "latency", _latency),
    ("min_query_count", "query-count", _queries),
    ("min_duration", "duration", _duration),
    ("network", "network", _network),
    ("llm", "token-latency", _tokens),
    ("inferred", "inferred", _inferred),
    ("get_performance_metric", "metric", _metric),
    ("endpoints_model", "endpoints-model", lambda run: endpoints_model(run, run.path)),
)
