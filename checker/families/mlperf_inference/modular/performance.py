"""The performance phase: what LoadGen was told, what it measured, and whether that is the scenario of the folder.

The same checks judge the performance log of a compliance test. What they compare is what the log says was asked for;
`result_validity` is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from checker.core.findings import Problem, brief
from checker.families.mlperf_inference.models import SCENARIOS, Models, models
from checker.families.mlperf_inference.modular.outcome import Check, ResultPhase, View
from rules.inference import InferenceRules, ModelRules
from rules.scenarios import logged_scenario, scenario_named

NS = 1_000_000  # of a millisecond
OVER_NETWORK = "Network SUT"
FORGIVEN = "Loadgen built with uncommitted changes!"
TWICE_CONFIGURED = "Multiple conf files are used"
SHOWN = 20  # unknown scenarios that are named


@dataclass
class PerformanceRun:
    """A performance log and what it is of. `asked` is the scenario of the folder, `ran` that of the log."""

    rules: InferenceRules
    view: View
    path: str  # the folder or log that problems without a line are said of
    division: str
    model: Any
    asked: str
    ran: Any
    system: dict[str, Any]
    is_endpoints: bool
    strict_errors: bool  # LoadGen's errors fail a run
    of_test: bool = False  # a compliance test's
    missing: tuple[str, ...] = ()  # scenarios of the benchmark
    unknown: tuple[str, ...] = ()
    metric: Any = None  # what was measured, once it was told
    metric_key: str = ""  # the key it was read from

    @property
    def models(self) -> Models:
        """The round's models."""
        return models(self.rules.name)

    @property
    def model_rules(self) -> ModelRules:
        """What the round says of the model."""
        return self.models.rules(self.model)

    @property
    def inferred(self) -> bool:
        """Whether the result is taken from a run of another scenario."""
        pair = (self.ran.lower(), self.asked.lower())
        return pair[0] != pair[1] and pair != ("server", "interactive")


def judge_performance(run: PerformanceRun) -> ResultPhase:
    """Judge a run; its metric is noted in `run`."""
    phase = ResultPhase("performance")

    def check(name: str, rule: str, function: Check) -> None:
        phase.run(f"{name}_check", f"official-{rule}", function, run.path, run.view)

    check("scenarios", "scenarios", lambda: _scenarios(run))
    check("loadgen_errors", "loadgen-errors", lambda: _errors(run))
    if not run.is_endpoints:
        check("performance_sample_count", "performance-samples", lambda: _samples(run))
    check("seeds", "seeds", lambda: _seeds(run))
    check("latency", "latency", lambda: _latency(run))
    if not run.is_endpoints:
        check("min_query_count", "query-count", lambda: _queries(run))
    check("min_duration", "duration", lambda: _duration(run))
    check("network", "network", lambda: _network(run))
    check("llm", "token-latency", lambda: _tokens(run))
    check("inferred", "inferred", lambda: _inferred(run))
    check("get_performance_metric", "metric", lambda: _metric(run))
    if run.is_endpoints:
        check("endpoints_model", "endpoints-model", lambda: endpoints_model(run.models, run.model, run.path))
    return phase


def endpoints_model(known: Models, model: Any, path: str) -> Iterator[Problem]:
    """Object to a model that has no endpoint's submission."""
    if model not in known.of_endpoints:
        listed = ", ".join(known.of_endpoints)
        yield Problem("this model is not submitted by an endpoint's logs", listed, brief(model), path)


def _scenarios(run: PerformanceRun) -> Iterator[Problem]:
    for scenario in run.missing:
        what = "a required scenario is missing"
        yield Problem(what, scenario, "no such folder", run.path.rpartition("/")[0])
    for scenario in run.unknown[:SHOWN]:
        what = "the benchmark has no such scenario on a system of this type"
        yield Problem(what, "", scenario, run.path.rpartition("/")[0])


def _errors(run: PerformanceRun) -> Iterator[Problem]:
    log = run.view.log
    if run.is_endpoints:
        return
    if log.unflagged is not None:
        raise KeyError(log.unflagged)
    if not run.strict_errors:
        return
    for error in log.errors:
        if not error.has_value:
            raise KeyError("value")
        text = error.value
        twice = TWICE_CONFIGURED in text
        if (FORGIVEN not in text and not twice) or (twice and not run.of_test):
            yield Problem("LoadGen logged an error", "no errors", brief(text), log.path, error.line)


def _samples(run: PerformanceRun) -> Iterator[Problem]:
    least, key = run.models.performance_samples(run.model), "effective_performance_sample_count"
    if run.view[key] < least:
        yield run.view.problem("too few samples were loaded at a time", f"at least {least}", key)


def _seeds(run: PerformanceRun) -> Iterator[Problem]:
    for key, seed in run.rules.package.seeds.model_dump().items():
        if key == "effective_qsl_rng_seed" and run.is_endpoints:
            continue
        if run.view[key] != seed:
            yield run.view.problem(f"{key} is not the round's", str(seed), key)


def _latency(run: PerformanceRun) -> Iterator[Problem]:
    view = run.view
    if logged_scenario(run.ran).stops_early and not run.is_endpoints:
        if not view["early_stopping_met"]:
            yield view.problem(
                "early stopping was not met: too few queries for the latency", "true", "early_stopping_met"
            )
            return
        most, key = run.models.latency(run.model, run.ran), "effective_target_latency_ns"
        if most and view[key] > most:
            yield view.problem("the latency asked for is above the limit", f"at most {most} ns", key)
        return
    if run.is_endpoints and run.model in run.models.of_tokens:
        return
    key = "result_99.00_percentile_latency_ns"
    measured = view[key]
    scenario = run.asked or run.ran
    most = run.models.latency(run.model, SCENARIOS.get(scenario.lower(), scenario))
    if most and measured > most:
        yield view.problem("the latency is above the limit", f"at most {most} ns at the 99th percentile", key)


def _queries(run: PerformanceRun) -> Iterator[Problem]:
    view = run.view
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
        if samples < offline and run.division.lower() == "closed":
            what = "the Offline query has too few samples"
            yield view.problem(what, f"at least {offline}", "effective_samples_per_query")


def _duration(run: PerformanceRun) -> Iterator[Problem]:
    if run.model in run.models.over_data_once:
        return
    least, key = run.rules.package.limits.duration_ms, "effective_min_duration_ms"
    if run.view[key] < least:
        yield run.view.problem("the minimum duration asked for is too short", f"at least {least} ms", key)


def _network(run: PerformanceRun) -> Iterator[Problem]:
    is_network = over_network(run.system)
    if (problem := network_problem(run.division, is_network, run.path)) is not None:
        yield problem
        return
    name = run.view["sut_name"]
    if is_network and OVER_NETWORK not in name:
        yield run.view.problem(f"a system over the network has {OVER_NETWORK!r} in its name", OVER_NETWORK, "sut_name")


def over_network(system: dict[str, Any]) -> bool:
    """Whether a system description says it is one over the network; AttributeError for anything but text."""
    said = system.get("is_network")
    return False if said is None else said.lower() == "true"


def network_problem(division: str, is_network: bool, path: str) -> Problem | None:
    """Return what is wrong with a system's network mode in a division."""
    if {"network": True, "closed": False}.get(division, is_network) is is_network:
        return None
    what = "is_network of the system description contradicts the division"
    return Problem(what, "false in closed, true in network", str(is_network).lower(), path)


def _tokens(run: PerformanceRun) -> Iterator[Problem]:
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
        yield Problem(what, "", "", run.path)
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


def _inferred(run: PerformanceRun) -> Iterator[Problem]:
    view = run.view
    view.last = "effective_scenario"
    if not run.inferred:
        return
    pair, kind = (run.ran.lower(), run.asked.lower()), run.system["system_type"]
    if "edge" not in kind.lower():
        what = f"a {run.asked} result of a {kind} system cannot be taken from a run of {run.ran}"
        yield view.problem(what, run.asked, "effective_scenario")
    elif SCENARIOS.get(pair[0]) not in scenario_named(SCENARIOS.get(pair[1])).inferred_from:
        what = f"a {run.asked} result cannot be taken from a run of {run.ran}"
        yield view.problem(what, run.asked, "effective_scenario")


def _metric(run: PerformanceRun) -> Iterator[Problem]:
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
    problems: list[Problem] = []
    metric: Any = value
    if run.inferred:
        metric, problems = _taken(run, value)
    run.metric = metric
    yield from problems


def _taken(run: PerformanceRun, value: Any) -> tuple[Any, list[Problem]]:
    """Return the metric of a result taken from a run of another scenario, and what is wrong with that."""
    view, ran, asked = run.view, SCENARIOS.get(run.ran, run.ran), SCENARIOS.get(run.asked, run.asked)
    problems: list[Problem] = []
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
        problems.append(
            view.problem("an Interactive result is taken from a run of Server", "Server", "effective_scenario")
        )
    return value, problems
