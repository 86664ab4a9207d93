"""The performance, power and accuracy checks of the single-file checker, which judged rounds up to v5.1.

Unlike the modular one it looks at `result_validity`, at LoadGen's errors, at equal issue, and takes the limits of the
folder's scenario. What it only logs and lets pass: early stopping not met, a data set not covered, another scenario.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from checker.core.findings import Problem, brief
from checker.families.mlperf_inference.facts import Text
from checker.families.mlperf_inference.models import NOTHING
from checker.families.mlperf_inference.modular.outcome import RAISED
from checker.loadgen.detail_log import DetailLog
from rules.inference import InferenceRules, ModelRules
from rules.scenarios import logged_scenario, scenario_named
from rules.single_file import SingleFileRules, single_file_models, single_file_rules

NS = 1_000_000  # of a millisecond
HASH = re.compile(r"^hash=([\w\d]+)$")
OVER_NETWORK = "Network SUT"
STATES = {"network": True, "closed": False}
READ = (  # asked for before anything is judged: a message without a value ends the check
    "result_99.00_percentile_latency_ns",
    "result_mean_latency_ns",
    "effective_min_query_count",
    "effective_samples_per_query",
    "effective_min_duration_ms",
    "effective_sample_concatenate_permutation",
    "sut_name",
)


class StopsError(Exception):
    """What ends the single-file program; the message is its cause, `path` where."""

    def __init__(self, cause: str, path: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.path = path


@dataclass(frozen=True)
class Fixed:
    """A round as this checker has it."""

    rules: InferenceRules

    @property
    def own(self) -> SingleFileRules:
        """What is particular to this checker."""
        return single_file_rules(self.rules.name)

    def model(self, name: Any) -> ModelRules:
        """Return what it says of a model; nothing of one it does not know. TypeError for a list or an object."""
        return single_file_models(self.rules.name).get(name, NOTHING)

    def name(self, benchmark: Any, mapping: Any = None) -> Any:
        """Return the model that a benchmark's folder is of; raises what Python raises for a mapping that is none."""
        listed, names = single_file_models(self.rules.name), self.rules.package.names
        if isinstance(benchmark, str) and benchmark in listed and listed[benchmark].listed:
            return benchmark
        if found := names.get(benchmark):
            return found
        if mapping is not None and (found := mapping.get(benchmark)):
            return found
        guessed = next((model for part, model in self.own.guesses if part in benchmark), benchmark)
        return names.get(guessed, guessed)


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

    fixed: Fixed
    log: DetailLog | None
    path: str
    model: Any
    scenario: str  # of the folder
    division: str
    submitter_path: str  # `{division}/{submitter}/{path}`, whose words this checker looks at
    system: dict[str, Any]
    metric: Any = None
    inferred: bool = False
    raised: bool = False  # whether the check could not be computed
    problems: list[Problem] = field(default_factory=list)  # each makes it invalid
    tolerated: list[Problem] = field(default_factory=list)  # logged, and nothing else

    @property
    def valid(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def object(self, what: str, expected: str, key: str) -> None:
        """Note what makes it invalid, with the value of a key."""
        self.problems.append(self._problem(what, expected, key))

    def note(self, what: str, expected: str, key: str) -> None:
        """Note what the checker only logs."""
        self.tolerated.append(self._problem(what, expected, key))

    def _problem(self, what: str, expected: str, key: str) -> Problem:
        log = self.log
        if log is None or key not in log:
            return Problem(what, expected, f"{key} is not logged", self.path)
        return Problem(what, expected, brief(log.values.get(key)), log.path, log.at(key))


def judge_run(run: PerformanceLog) -> None:
    """Judge a performance log; whatever Python raises in the official check makes the run invalid."""
    try:
        _judge(run, opened(run.log))
        return
    except StopsError as stop:
        cause = stop.cause
    except RAISED as error:
        cause = f"{type(error).__name__}: {str(error)[:200]}"
    run.raised, run.metric = True, None
    run.problems.append(Problem("the run cannot be judged, which fails the result", "", cause, run.path))


def metric_of(fixed: Fixed, log: DetailLog, model: Any, scenario: Any) -> float:
    """Return what LoadGen measured; raises what Python raises where it is not there."""
    keys: dict[Any, str] = dict(fixed.rules.package.metric_key.items())
    value = float(log[keys[scenario]])
    own: dict[Any, str] = dict(fixed.model(model).metric_key.items())
    return float(log[own[scenario]]) if scenario in own else value


def _judge(run: PerformanceLog, log: DetailLog) -> None:
    fixed, rules, model = run.fixed, run.fixed.model(run.model), run.model
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
    if "TEST05" in run.submitter_path:
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
        run.problems.append(Problem("LoadGen logged an error", "no errors", brief(error.value), log.path, error.line))
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
            run.note(
                "the early-stopping condition is not met; the checker logs it and accepts", "true", "early_stopping_met"
            )
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
    least_ms = run.fixed.rules.package.limits.duration_ms
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


def over_network(division: str, system: dict[str, Any]) -> tuple[bool, bool]:
    """Return whether a system is over a network, and whether that suits the division; AttributeError for no text."""
    stated = system.get("is_network")
    is_network = stated.lower() == "true" if stated is not None else False
    return is_network, STATES.get(division, is_network) is is_network


def _network(run: PerformanceLog, log: DetailLog) -> None:
    is_network, suits = over_network(run.division, run.system)
    if not suits:
        what = "the system is over a network, or not, otherwise than the division has it"
        expected = str(STATES[run.division]).lower()
        run.problems.append(Problem(what, expected, brief(run.system.get("is_network")), run.path))
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


# Accuracy


@dataclass
class Accuracy:
    """What accuracy.txt comes to."""

    values: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_accuracy(fixed: Fixed, text: Text, model: Any) -> Accuracy:
    """Read accuracy.txt; StopsError where a value is no number, or the text no UTF-8 as far as it is read."""
    rules, read = fixed.model(model), Accuracy()
    if not rules.accuracy:
        raise StopsError(f"ValueError: model not known: {model}", text.path)
    wanted, bounded = patterns(fixed, rules.accuracy), patterns(fixed, rules.accuracy_at_most)
    met: set[str] = set()
    hashed = False
    number = 0
    try:
        for number, line in enumerate(lines_of(text), 1):
            hashed = hashed or HASH.match(line) is not None
            for name, pattern in wanted.items():
                if (match := pattern.match(line)) is None:
                    continue
                if float(match[1]) >= rules.accuracy[name]:
                    met.add(name)
                else:
                    expected = f"{name} of at least {rules.accuracy[name]:.9g}"
                    read.problems.append(Problem("the accuracy is too low", expected, match[1], text.path, number))
                if match[1]:
                    read.values[name] = match[1]
            for name, pattern in bounded.items():
                if (match := pattern.match(line)) and float(match[1]) > rules.accuracy_at_most[name]:
                    expected = f"{name} of at most {rules.accuracy_at_most[name]:.9g}"
                    what = "the value is above its upper limit"
                    read.problems.append(Problem(what, expected, match[1], text.path, number))
            if hashed and met >= wanted.keys():
                break
    except UnicodeDecodeError:
        raise StopsError("UnicodeDecodeError: accuracy.txt is not UTF-8", text.path) from None
    except ValueError as error:
        raise StopsError(f"ValueError: {str(error)[:100]} (line {number})", text.path) from None
    for name in wanted.keys() - met - read.values.keys():
        expected = f"{name} of at least {rules.accuracy[name]:.9g}"
        read.problems.append(Problem("the accuracy is not there", expected, "no such line", text.path))
    if not hashed:
        what = "there is no hash of the accuracy log: a line hash=…, nothing else on it"
        read.problems.append(Problem(what, "hash=<SHA-256 of the whole accuracy log>", "none", text.path))
    return read


def patterns(fixed: Fixed, metrics: Iterable[str]) -> dict[str, re.Pattern[str]]:
    """Return the expressions of metrics' lines."""
    return {name: re.compile(fixed.rules.package.metrics[name]) for name in metrics}


def lines_of(text: Text) -> Iterable[str]:
    """Return a text's lines, decoded as far as they are read, as Python's files are."""
    if text.crash is None:
        return text.lines
    if not text.raw:
        raise StopsError(f"OSError: {text.crash}", text.path)
    return io.TextIOWrapper(io.BytesIO(text.raw), encoding="utf-8")
