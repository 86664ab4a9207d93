"""Rules on one LoadGen run by its own log: what was asked of LoadGen, and that it calls the run valid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from operator import eq, ge, le
from typing import Any

from checker.core.documents import ValidDocument
from checker.core.findings import Violation, brief
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.inference.submission import PERFORMANCE, InferenceResult, LoadGenRun
from checker.loadgen.log import DetailLog
from rules.serving import ScenarioRules, ServingRules, loadgen_rules
from rules.serving_documents import ServingRecord

SEEDS = ("qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed")
AUDIT = "Found Audit Config file"
SETTING = re.compile(r"\s*([A-Za-z0-9_*.-]+) = (\S+)\s*")
PRINTED = 1e-5  # LoadGen prints six digits
SUMMARY = 1 << 16  # bytes of LoadGen's summary
STATED = re.compile(r"(\d\d\.\d\d) percentile latency \(ns\)\s*: (\d+)")


VALID = ("result_validity", "result_min_duration_met", "result_min_queries_met", "early_stopping_met")
TESTS = ("TEST01", "TEST04", "TEST06")  # with an audit.config


def is_whole(run: LoadGenRun) -> bool:
    """Whether a run is one that must be valid by itself: TEST06 and other seeds need not."""
    return run.name in ("performance", "TEST01", "TEST04")


@check("serving-latencies", "run")
def latencies(run: LoadGenRun) -> Iterator[Violation]:
    """Judge that a run in performance mode has its latencies."""
    if run.name in PERFORMANCE and run.latencies is None:
        yield from run.flaws["latencies"]


@check("serving-detail", "run")
def detail(run: LoadGenRun) -> Iterator[Violation]:
    """Judge that LoadGen's detail log is there, whole, and says each thing once."""
    log = run.detail
    if log.refused is not None:
        yield Violation(f"LoadGen's detail log {log.refused}", "a detail log", "", run.detail_path)
        return
    if log.crash is not None:
        yield Violation(f"LoadGen did not write this line: {log.crash}", "", "", run.detail_path, log.crash_line)
    if log.unflagged is not None:
        message = f"LoadGen did not write this line: {log.unflagged}"
        yield Violation(message, "metadata.is_error", "none", run.detail_path, log.unflagged_line)
    for key in sorted(log.repeated):
        if key.startswith(("result_", "effective_", "requested_", "early_stopping_")):
            message = f"'{key}' is logged {log.repeated[key]} times"
            yield Violation(message, "once", "again", run.detail_path, log.at(key))


@check("serving-errors", "run")
def errors(run: LoadGenRun) -> Iterator[Violation]:
    """Judge that LoadGen logged no error, and counts none."""
    for said in run.detail.errors:
        yield Violation(f"LoadGen logged {brief(said.key)}", "no error", brief(said.value), run.detail_path, said.line)
    if run.name in PERFORMANCE:
        yield from run.require_said("LoadGen counts errors, or did not come to its end", 0, "num_errors")


@check("serving-valid", "run")
def valid(run: LoadGenRun) -> Iterator[Violation]:
    """Judge that LoadGen calls the run valid."""
    for key in VALID if is_whole(run) else ():
        wanted = "VALID" if key == "result_validity" else True
        yield from run.require_said(f"LoadGen says {key} is otherwise", wanted, key)


@check("serving-mode", "run")
def mode(result: InferenceResult, run: LoadGenRun) -> Iterator[Violation]:
    """Judge that the run was of its scenario, in its mode, with the tests' switches as they should be, no others."""
    wanted: dict[str, Any] = {
        "effective_scenario": run.its.loadgen if result.rules else run.scenario,
        "effective_test_mode": "AccuracyOnly" if run.name == "accuracy" else "PerformanceOnly",
        "effective_performance_issue_unique": False,
        "effective_performance_issue_same": run.name == "TEST04",
        "effective_sample_concatenate_permutation": False,
        "effective_accuracy_log_probability": 0,
        "effective_accuracy_log_rng_seed": 0,
        "effective_accuracy_log_sampling_target": 0,
        "effective_max_duration_ms": 0,
        "effective_max_query_count": 0,
    }
    rules = result.compliance
    if run.name == "TEST04":
        wanted["effective_performance_issue_same_index"] = rules.TEST04.index
    elif run.name == "TEST01":
        wanted["effective_accuracy_log_rng_seed"] = rules.TEST01.accuracy_log_rng_seed
        wanted["effective_accuracy_log_sampling_target"] = rules.TEST01.target
    elif run.name == "TEST06":
        wanted["effective_accuracy_log_rng_seed"] = rules.TEST06.accuracy_log_rng_seed
        wanted["effective_accuracy_log_sampling_target"] = rules.TEST06.samples
    for key, value in wanted.items():
        yield from run.require_said(f"{key} is not that of a {run.name} run", value, key)
    has_audit = any(AUDIT in said.value for said in run.detail.warnings if isinstance(said.value, str))
    if run.whole is not None and has_audit != (run.name in TESTS):
        message = f"LoadGen {'found' if has_audit else 'did not find'} an audit.config in a {run.name} run"
        wanted_, found = "one in TEST01, TEST04 and TEST06, none elsewhere", "one" if has_audit else "none"
        yield Violation(message, wanted_, found, run.detail_path)


@check("serving-seeds", "run")
def seeds(result: InferenceResult, run: LoadGenRun) -> Iterator[Violation]:
    """Judge that LoadGen's seeds are the round's, and in the run with other seeds one of the round's other sets."""
    known = loadgen_rules(result.ruleset.name)
    sets = [one.model_dump() for one in (known.alternate if run.name == "seeds" else [known.seeds])]
    if {name: run.detail[f"effective_{name}"] for name in SEEDS} not in sets:
        for name, wanted in sets[0].items():
            yield from run.require_said(f"{name} is not the round's", wanted, f"effective_{name}")


@check("serving-loadgen", "run")
def loadgen(result: InferenceResult, run: LoadGenRun) -> Iterator[Violation]:
    """Judge that LoadGen is the round's, by its own word, the container's log and the record, and unchanged."""
    wanted, message = loadgen_rules(result.ruleset.name).version, "LoadGen is not the round's"
    if run.whole is not None and str(run.whole["loadgen_version"]).partition(" ")[0] != wanted:
        yield run.said("loadgen_version", message, wanted)
    if run.detail["loadgen_git_status_message"] not in ("", None):
        yield run.said("loadgen_git_status_message", "LoadGen was built from changed source", '""')
    if run.record is not None:
        yield from run.record.require(message, wanted, "loadgen")
    yield from run.require(message, wanted, "loadgen")


def _wanted(run: LoadGenRun, rules: ServingRules, its: ScenarioRules) -> Iterator[tuple[str, Any, str]]:
    """Yield key, value and how they must compare: `=`, or at least (`>=`) or at most (`<=`)."""
    yield "qsl_reported_total_count", rules.samples, "="
    yield "qsl_reported_performance_count", rules.performance_samples, "="
    if run.name == "accuracy":
        yield "effective_accuracy_sample_count", rules.samples, "="
        return
    yield "effective_performance_sample_count", rules.performance_samples, "="
    if run.name != "TEST06":
        yield "effective_min_duration_ms", its.min_duration_ms, ">="
        if not run.its.is_one_query:
            yield "effective_min_query_count", its.min_query_count, ">="
    if its.percentile is not None:
        yield "effective_target_latency_percentile", its.percentile, "="
    if its.samples_per_query is not None and run.name != "TEST06":
        exactly = run.its.by_query
        yield "effective_samples_per_query", its.samples_per_query, "=" if exactly else ">="
    if its.target_latency_ms is not None:
        yield "effective_target_latency_ns", round(its.target_latency_ms * 1e6), "<="
    if rules.tokens:
        yield "requested_use_token_latencies", True, "="
        if its.ttft_ms is not None and its.tpot_ms is not None:
            yield "requested_server_ttft_latency", round(its.ttft_ms * 1e6), "<="
            yield "requested_server_tpot_latency", round(its.tpot_ms * 1e6), "<="


HOW = {"=": ("", eq), ">=": ("at least ", ge), "<=": ("at most ", le)}


@check("serving-settings", "run")
def settings(run: LoadGenRun, whole: DetailLog, rules: ServingRules) -> Iterator[Violation]:
    """Judge LoadGen's effective settings by the round's for workload and scenario."""
    its = rules.scenarios.get(run.scenario)  # type: ignore[call-overload]
    for key, wanted, how in _wanted(run, rules, its) if its is not None else ():
        words, holds = HOW[how]
        if not isinstance(whole[key], int | float) or not holds(whole[key], wanted):
            yield run.said(key, f"{key} is not the round's", f"{words}{brief(wanted)}")


# What a line of user.conf sets, in LoadGen's own words, and the factor between them.
EFFECTIVE = {
    "min_duration": ("effective_min_duration_ms", 1),
    "min_query_count": ("requested_min_query_count", 1),
    "target_latency_percentile": ("effective_target_latency_percentile", 0.01),
    "samples_per_query": ("effective_samples_per_query", 1),
}


@check("serving-user-conf", "run")
def user_conf(result: InferenceResult, run: LoadGenRun, record: ValidDocument[ServingRecord]) -> Iterator[Violation]:
    """Judge that user.conf, the record and LoadGen's effective settings are of one mind."""
    text, path = record.model.user_conf, f"{run.results}/user.conf"
    with suppress(RefusedError):  # that it is missing is another rule's
        if result.tree.read(path, SUMMARY) != text.encode():
            message = "the run read another user.conf than the submitted one"
            yield record.problem(message, path, "other", "user_conf")
    has_audit = record.model.audit_config is not None
    if has_audit != (run.name in TESTS):
        wanted, found = ("none", "one") if has_audit else ("one", "none")
        yield record.problem(f"a {run.name} run has an audit.config, or lacks it", wanted, found, "audit_config")
    changed = _changed(record.model.audit_config or "")
    for line in text.splitlines():
        setting = SETTING.fullmatch(line)
        if setting is None:
            yield record.problem("LoadGen ignores this line of user.conf", "key = value", brief(line), "user_conf")
            continue
        name = setting[1].rpartition(".")[2]
        if name in EFFECTIVE and name not in changed and run.name != "accuracy" and run.whole is not None:
            key, factor = EFFECTIVE[name]
            if not as_printed(run.detail[key], _number(setting[2]) * factor):
                yield run.said(key, f"{key} is not what user.conf says", line.strip())


def as_printed(found: Any, value: float) -> bool:
    """Whether LoadGen printed `value`, which it does with six digits."""
    return isinstance(found, int | float) and value * (1 - PRINTED) <= found <= value * (1 + PRINTED)


def _changed(audit: str) -> set[str]:
    """Return the settings that an audit.config changes."""
    return {setting[1].rpartition(".")[2] for line in audit.splitlines() if (setting := SETTING.fullmatch(line))}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


@check("serving-summary", "run")
def summary(result: InferenceResult, run: LoadGenRun) -> Iterator[Violation]:
    """Judge that LoadGen's summary says what its detail log says."""
    try:
        text = result.tree.read(run.summary_path, SUMMARY).decode("utf-8", "replace")
    except RefusedError as error:
        yield Violation(f"LoadGen's summary {error}", "mlperf_log_summary.txt", "", run.summary_path)
        return
    if run.name not in PERFORMANCE or run.whole is None:
        return
    validity = re.search(r"^Result is : (\w+)$", text, re.MULTILINE)
    if validity is None or validity[1] != run.whole["result_validity"]:
        found = validity[1] if validity else "nothing"
        message = "the summary calls the result otherwise than the detail log"
        yield Violation(message, brief(run.whole["result_validity"]), found, run.summary_path, _line(text, "Result is"))
    for name, value in STATED.findall(text):
        wanted = run.whole[run.its.percentile_form.format(name)]
        if wanted != int(value):
            message = f"the summary has another {name} percentile than the detail log"
            yield Violation(message, brief(wanted), value, run.summary_path, _line(text, f"{name} percentile"))


def _line(text: str, begin: str) -> int | None:
    return next((n for n, line in enumerate(text.splitlines(), 1) if line.startswith(begin)), None)
