"""What the accuracy run's log says of itself, and whether LoadGen's summaries say the same as its detail logs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.checks import check, check_log
from checker.families.mlperf_inference.facts import Text
from checker.loadgen.log import DetailLog

ACCURACY_MODES = ("AccuracyOnly", "SubmissionRun")
HASH = re.compile(r"hash=(\w+)\s*$")
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
COUNT = re.compile(r"(?:No|(\d+)) (errors?|ERRORS?|warnings?) encountered", re.ASCII)
VALIDITY = re.compile(r"Result is\s*: (\w+)")
NUMBER = re.compile(r"([A-Za-z0-9./() -]{3,60}?)\s*: ([0-9.e+-]{1,40})$", re.ASCII)
SUMMARISED = {  # line of a summary -> key of the detail log
    "Samples per second": "result_samples_per_second",
    "Tokens per second": "result_tokens_per_second",
    "Completed samples per second": "result_completed_samples_per_sec",
    "Completed tokens per second": "result_completed_tokens_per_second",
    "Scheduled samples per second": "result_scheduled_samples_per_sec",
    "QPS w/ loadgen overhead": "result_qps_with_loadgen_overhead",
    "QPS w/o loadgen overhead": "result_qps_without_loadgen_overhead",
    "Min latency (ns)": "result_min_latency_ns",
    "Max latency (ns)": "result_max_latency_ns",
    "Mean latency (ns)": "result_mean_latency_ns",
    "50.00 percentile latency (ns)": "result_50.00_percentile_latency_ns",
    "90.00 percentile latency (ns)": "result_90.00_percentile_latency_ns",
    "99.00 percentile latency (ns)": "result_99.00_percentile_latency_ns",
    "99.90 percentile latency (ns)": "result_99.90_percentile_latency_ns",
    "99.00 percentile first token latency (ns)": "result_first_token_99.00_percentile_latency_ns",
    "99.00 percentile time to output token (ns)": "result_time_per_output_token_99.00_percentile_ns",
    "min_duration (ms)": "effective_min_duration_ms",
    "min_query_count": "effective_min_query_count",
    "target_qps": "effective_target_qps",
    "performance_sample_count": "effective_performance_sample_count",
    "qsl_rng_seed": "effective_qsl_rng_seed",
    "sample_index_rng_seed": "effective_sample_index_rng_seed",
    "schedule_rng_seed": "effective_schedule_rng_seed",
}
ROUNDED = 0.006  # a summary prints throughputs to two decimals, or six digits


@check_log("inference-accuracy-mode", "accuracy_log")
def accuracy_mode(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that the accuracy log is of an accuracy run, and not the performance log again."""
    run = case.log
    if log.values.get("effective_test_mode") not in ACCURACY_MODES:
        what = "the accuracy log is of a run in another mode: accuracy was not measured by it"
        yield log.problem(what, " or ".join(ACCURACY_MODES), "effective_test_mode")
    elif run is not None and run.fingerprint == log.fingerprint and run.messages == log.messages:
        yield Violation("the accuracy log is the performance log", "a run of its own", "equal bytes", log.path)


@check_log("inference-accuracy-seeds", "accuracy_log")
def accuracy_seeds(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that the accuracy run has the round's seeds, where LoadGen was given any."""
    for key, seed in case.fixed.package.seeds.model_dump().items() if not _unset(case, log) else ():
        if log.values.get(key) != seed or isinstance(log.values.get(key), bool):
            yield log.problem("the accuracy run has another seed than the round's", f"{key} {seed}", key)
            return


@check_log("inference-accuracy-settings", "accuracy_log")
def accuracy_settings(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that LoadGen read its own settings for the accuracy run, which would have set the seeds."""
    if _unset(case, log):
        key, seed = next(iter(case.fixed.package.seeds.model_dump().items()))
        what = "LoadGen did not read its own settings for the accuracy run: no seed is set"
        yield log.problem(what, f"{key} {seed}", key)


def _unset(case: ResultCase, log: DetailLog) -> bool:
    """Whether a log says of every seed what LoadGen says where it was given none."""
    seeds = [log.values.get(key) for key in type(case.fixed.package.seeds).model_fields]
    return all(seed == case.reviewed.unset_seed and not isinstance(seed, bool) for seed in seeds)


@check_log("inference-data-set-covered", "accuracy_log")
def data_set_covered(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that the accuracy run asked every sample of the data set."""
    wanted, key = case.accuracy_samples(case.asked), "effective_accuracy_sample_count"
    key = key if log.values.get(key) is not None else "qsl_reported_total_count"
    if wanted is not None and log.values.get(key) != wanted:
        yield log.problem("the accuracy run does not cover the data set", f"{wanted:,} samples", key)


@check("inference-accuracy-hash", "result")
def accuracy_hash(case: ResultCase) -> Iterator[Violation]:
    """Judge that the hash in accuracy.txt can be the SHA-256 of an accuracy log."""
    if (text := case.facts.accuracy_text) is None:
        return
    for position, line in enumerate(text.lines, 1):
        if (found := HASH.match(line[:300])) is not None and not DIGEST.fullmatch(found[1]):
            what = "the hash of the accuracy log is not a SHA-256"
            yield Violation(what, "64 hexadecimal digits", brief(found[1]), text.path, position)


@check("inference-summary-agrees", "result")
def summary_agrees(case: ResultCase) -> Iterator[Violation]:
    """Judge that LoadGen's summaries are there and say what its detail logs say."""
    for log, summary, folder in (
        (case.log, case.facts.performance_summary, "performance/run_1"),
        (case.accuracy_log, case.facts.accuracy_summary, "accuracy"),
    ):
        if log is None:
            continue
        if summary is None:
            path = f"{case.path}/{folder}/mlperf_log_summary.txt"
            yield Violation("LoadGen's summary is missing", "mlperf_log_summary.txt", "not there", path)
        else:
            yield from _contradictions(log, summary)


def _contradictions(log: DetailLog, summary: Text) -> Iterator[Violation]:
    for position, raw in enumerate(summary.lines[:1000], 1):
        line = raw[:200].strip()
        if (validity := VALIDITY.match(line)) and validity[1] != log.values.get("result_validity"):
            what = "summary and detail log disagree about the run's validity"
            yield Violation(what, log.said("result_validity"), validity[1], summary.path, position)
        elif (count := COUNT.match(line)) and count[2].lower().startswith("error"):
            if (int(count[1][:9]) if count[1] else 0) != log.error_count:
                what = "the summary counts other errors than the detail log holds"
                held = f"{log.error_count} in {log.path.rpartition('/')[2]}"
                yield Violation(what, held, line, summary.path, position)
        elif stated := NUMBER.match(line):
            key = _key(log, stated[1].strip())
            if not _alike(stated[2], log, key):
                what = f"summary and detail log disagree about '{key}'"
                yield Violation(what, log.said(key), stated[2], summary.path, position)


def _key(log: DetailLog, said: str) -> str:
    """Return the key that a summary's line is of; latencies of MultiStream are those of its queries."""
    key = SUMMARISED.get(said, "")
    if log.scenario.by_query and key.endswith("latency_ns"):
        head = "percentile_per_query_latency_ns" if "percentile" in key else "query_latency_ns"
        return key.removesuffix("percentile_latency_ns" if "percentile" in key else "latency_ns") + head
    return key


def _alike(text: str, log: DetailLog, key: str) -> bool:
    exact = log.values.get(key)
    if isinstance(exact, int) and text.isdigit():
        return int(text) == exact
    value = log.number(key)
    try:
        stated = float(text)
    except ValueError:
        return False
    return value is None or abs(stated - value) <= max(ROUNDED, abs(value) * 1e-5)
