"""The performance checks of the single-file checker, which judged rounds up to v5.1.

Unlike the modular one it looks at `result_validity`, at LoadGen's errors, at equal issue, and takes the limits of the
folder's scenario. What it only logs and lets pass: early stopping not met, a data set not covered, another scenario.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from checker.core.findings import Violation, brief
from checker.core.outcome import OfficialOutcome
from checker.families.mlperf_inference.modular.outcome import RAISED
from checker.families.mlperf_inference.modular.performance import (
    NS,
    OVER_NETWORK,
    error_problem,
    over_network,
    suits_division,
)
from checker.families.mlperf_inference.single_file.case import NETWORK, Case, Fixed, StopsError
from checker.loadgen.log import DetailLog
from rules.inference import ModelRules
from rules.scenarios import logged_scenario, scenario_named

READ = (  # asked for before anything is judged: a message without a value ends the check
    "result_99.00_percentile_latency_ns",
    "result_mean_latency_ns",
    "effective_min_query_count",
    "effective_samples_per_query",
    "effective_min_duration_ms",
    "effective_sample_concatenate_permutation",
    "sut_name",
)


def opened(log: DetailLog | None) -> DetailLog:
    """Return a log as this checker's parser takes it; StopsError where that ends the program, or the check."""
    if log is None:
        raise StopsError("FileNotFoundError: mlperf_log_detail.txt")
    if log.refused is not None:
        raise StopsError(f"OSError: the log {log.refused}", log.path)
    if log.later_crash is not None:
        raise StopsError(log.later_crash, log.path)
    return DetailLog(log.path) if log.endpoints else log  # it knows no other marker than LoadGen's


def has_errors(log: DetailLog) -> bool:
    """Whether LoadGen logged errors: by its own count where it states one, else by their flags."""
    if "num_errors" in log:
        return bool(log["num_errors"] != 0)
    if log.unflagged is not None:
        raise KeyError(log.unflagged)
    return log.error_count != 0


@dataclass
class PerformanceLog:
    """A performance log and what it is of; what judging finds is noted here."""

    case: Case
    log: DetailLog | None
    path: str
    model: Any
    scenario: str  # of the folder
    metric: Any = None
    inferred: bool = False
    raised: bool = False  # whether the check could not be computed
    problems: list[Violation] = field(default_factory=list)  # each makes it invalid
    tolerated: list[Violation] = field(default_factory=list)  # logged, and nothing else

    def object(self, what: str, expected: str, key: str) -> None:
        """Note what makes it invalid, with the value of a key."""
        self.problems.append(self._problem(what, expected, key))

    def note(self, what: str, expected: str, key: str) -> None:
        """Note what the checker only logs."""
        self.tolerated.append(self._problem(what, expected, key))

    def _problem(self, what: str, expected: str, key: str) -> Violation:
        if self.log is None or key not in self.log:
            return Violation(what, expected, f"{key} is not logged", self.path)
        return self.log.problem(what, expected, key)


def judged_run(run: PerformanceLog, rule: str, outcome: OfficialOutcome) -> bool:
    """Judge a performance log and return whether it is valid; `rule` is what objects to it."""
    _judge_run(run)
    for problem in run.problems:
        outcome.fail(rule, problem)
    for problem in run.tolerated:
        outcome.warn("single-file-tolerated", problem)
    return not run.problems


def _judge_run(run: PerformanceLog) -> None:
    """Judge a log; whatever Python raises in the official check makes the run invalid."""
    try:
        _judge(run, opened(run.log))
        return
    except StopsError as stop:
        cause = stop.cause
    except RAISED as error:
        cause = f"{type(error).__name__}: {str(error)[:200]}"
    run.raised, run.metric = True, None
    run.problems.append(Violation("the run cannot be judged, which fails the result", "", cause, run.path))


def metric_of(fixed: Fixed, log: DetailLog, model: Any, scenario: Any) -> float:
    """Return what LoadGen measured; raises what Python raises where it is not there."""
    keys: dict[Any, str] = dict(fixed.rules.package.metric_key.items())
    value = float(log[keys[scenario]])
    own: dict[Any, str] = dict(fixed.models.rules(model).metric_key.items())
    return float(log[own[scenario]]) if scenario in own else value


def _judge(run: PerformanceLog, log: DetailLog) -> None:
    fixed, model = run.case.fixed, run.model
    rules = fixed.models.rules(model)
    if log["result_validity"] != "VALID":
        run.object("LoadGen calls the result invalid", "VALID", "result_validity")
    ran = log["effective_scenario"]
    samples, seeds = log["effective_performance_sample_count"], fixed.rules.package.seeds
    logged = {key: log[key] for key in type(seeds).model_fields}
    result: Any = metric_of(fixed, log, model, ran)
    if rules.tokens:
        _tokens(run, log, rules)
    for key in READ:
        log[key]
    if model in fixed.own.equal_issue and log["effective_sample_concatenate_permutation"] != True:  # noqa: E712
        what = "the run does not issue each sample equally often"
        run.object(what, "true", "effective_sample_concatenate_permutation")
    if has_errors(log):
        _loadgen_errors(run, log)
    if rules.performance_samples is None:
        raise ValueError(f"model not known: {model}")
    if samples < rules.performance_samples:
        expected = f"at least {rules.performance_samples:,}"
        run.object("too few samples are loaded at a time", expected, "effective_performance_sample_count")
    if "TEST05" in run.case.outside(run.path):
        raise AttributeError("test05_seeds: the round has none, and a name in the path asks for them")
    for key, value in logged.items():
        wanted = getattr(seeds, key)
        if value != wanted:
            run.object("the seed is not the round's", str(wanted), key)
    if logged_scenario(ran).is_latency:
        result /= NS
    _latency(run, log, rules, ran)
    _enough(run, log, rules, ran)
    if run.scenario != ran:
        result = _inferred(run, log, ran, result)
    _network(run, log)
    run.metric = result


def _loadgen_errors(run: PerformanceLog, log: DetailLog) -> None:
    for error in log.errors[:10]:
        if not error.has_value:
            raise KeyError("value")
        run.problems.append(error_problem(log, error))
    if not log.errors:
        run.object("LoadGen counts errors", "0", "num_errors")


def _tokens(run: PerformanceLog, log: DetailLog, rules: ModelRules) -> None:
    if not log["requested_use_token_latencies"]:
        run.object("latencies are not those of tokens", "true", "requested_use_token_latencies")
        return
    if not scenario_named(run.scenario).is_bounded:
        return
    limits = dict(rules.token_latency_ns.items())[run.scenario]  # type: ignore[index]
    for key, limit in (
        ("result_first_token_99.00_percentile_latency_ns", limits.ttft),
        ("result_time_per_output_token_99.00_percentile_ns", limits.tpot),
    ):
        if not log[key] < limit:
            run.object(f"the latency of {run.scenario} is over its limit", f"below {limit:,} ns", key)
            return


def _latency(run: PerformanceLog, log: DetailLog, rules: ModelRules, ran: Any) -> None:
    limit = dict[Any, int](rules.latency_ns.items()).get(ran)
    if logged_scenario(ran).stops_early:
        if not log["early_stopping_met"]:
            what = "the early-stopping condition is not met; the checker logs it and accepts"
            run.note(what, "true", "early_stopping_met")
        key = "effective_target_latency_ns"
        if limit and log[key] > limit:
            run.object("the latency that the run aimed at is over its limit", f"at most {limit:,} ns", key)
    elif limit and log["result_99.00_percentile_latency_ns"] > limit:
        what = "the 99th percentile is over its limit; the checker logs it and accepts"
        run.note(what, f"at most {limit:,} ns", "result_99.00_percentile_latency_ns")


def _enough(run: PerformanceLog, log: DetailLog, rules: ModelRules, ran: Any) -> None:
    if not logged_scenario(ran).stops_early:
        if rules.queries is None:
            raise ValueError(f"model not known: {run.model}")
        least = dict[Any, int](rules.queries.items()).get(ran)
        if least and log["effective_min_query_count"] < least:
            run.object("too few queries are asked for", f"at least {least:,}", "effective_min_query_count")
    if logged_scenario(ran).is_one_query:
        if rules.offline_samples is None:
            raise KeyError(run.model)
        if log["effective_samples_per_query"] < rules.offline_samples:
            expected = f"at least {rules.offline_samples:,}"
            run.object("too few samples make an Offline query", expected, "effective_samples_per_query")
    least_ms = run.case.fixed.rules.package.limits.duration_ms
    if log["effective_min_duration_ms"] < least_ms:
        run.object("the run is asked to last too short", f"at least {least_ms:,} ms", "effective_min_duration_ms")


def _inferred(run: PerformanceLog, log: DetailLog, ran: Any, result: Any) -> Any:
    """Return the metric of a folder whose run is of another scenario; most such are accepted as they are."""
    asked = run.scenario
    pair = (asked, ran)
    run.inferred = ran in scenario_named(asked).inferred_from
    if pair == ("Offline", "SingleStream"):
        return log["result_qps_without_loadgen_overhead"]
    if pair == ("Offline", "MultiStream"):
        return log["effective_samples_per_query"] * 1000 / (log["result_mean_query_latency_ns"] / NS)
    if pair == ("MultiStream", "SingleStream"):
        latency = log["early_stopping_latency_ms"]
        if latency == 0:
            run.object("too few queries for LoadGen to estimate the latency", "above 0", "early_stopping_latency_ms")
        return latency * scenario_named(asked).samples_per_query / NS
    if asked == "Interactive" and ran != "Server":
        run.object("an Interactive result is of another scenario's run", "Server", "effective_scenario")
    elif asked != "Interactive":
        what = "the run is of another scenario than the folder; the checker takes it as it is"
        run.note(what, asked, "effective_scenario")
    return result


def _network(run: PerformanceLog, log: DetailLog) -> None:
    division, said = run.case.submitter.division, run.case.system.get("is_network")
    is_network = over_network(run.case.system)
    if not suits_division(division, is_network):
        run.problems.append(Violation(NETWORK, str(division == "network").lower(), brief(said), run.path))
    if is_network and OVER_NETWORK not in log["sut_name"]:
        run.object("the name of the system under test does not say that it is over a network", OVER_NETWORK, "sut_name")


def ranging_metric(fixed: Fixed, log: DetailLog, model: Any, scenario: str) -> None:
    """Go through what the checker computes of a ranging run and never uses; raises what Python raises."""
    ran = log["effective_scenario"]
    metric_of(fixed, log, model, ran)
    if (scenario, ran) == ("Offline", "MultiStream"):
        log["effective_samples_per_query"] * 1000 / (log["result_mean_query_latency_ns"] / NS)
    elif (scenario, ran) == ("MultiStream", "SingleStream"):
        log["early_stopping_latency_ms"] * 8 / NS
