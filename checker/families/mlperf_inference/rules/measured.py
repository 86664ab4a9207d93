"""What the performance log says of itself: that the run is valid, long enough, in bounds, and free of contradiction.

The official checker compares settings and takes the metric; what LoadGen concluded from the run it does not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.cases import ResultCase, SubmitterCase, elapsed_s
from checker.families.mlperf_inference.checks import check, check_log
from checker.loadgen.early_stopping import met
from checker.loadgen.log import DetailLog
from rules.scenarios import scenario_named

PERCENTILES = ("50.00", "90.00", "95.00", "97.00", "99.00", "99.90")
PERFORMANCE_MODES = ("PerformanceOnly", "SubmissionRun")
GIT_STATUS = "loadgen_git_status_message"  # changed files; empty: none; NA: nobody knows
CLOCK_S = 0.5  # by which LoadGen's own count of time and the clock's may differ


@check_log("inference-result-valid")
def result_valid(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that LoadGen found the run valid; in the open division the bounds of latency are the submitter's own."""
    if log.values.get("result_validity") != "VALID" and (case.strict or not _invalid_by_latency(log)):
        yield log.problem("LoadGen found the run invalid", '"VALID"', "result_validity")


def _invalid_by_latency(log: DetailLog) -> bool:
    """Whether a run that LoadGen found invalid reached all that LoadGen asks but a latency, which Server alone has."""
    reached = (log.values.get(key) is True for key in ("result_min_duration_met", "result_min_queries_met"))
    return log.values.get("result_validity") == "INVALID" and log.scenario.is_bounded and all(reached)


@check_log("inference-loadgen-errors")
def loadgen_errors(_: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that LoadGen logged no error in the performance run."""
    for error in log.errors:
        found = f"{error.key}: {brief(error.value)}"
        yield Violation("LoadGen logged an error", "no errors", found, log.path, error.line)


@check("inference-loadgen-unaltered", "result")
def loadgen_unaltered(case: ResultCase) -> Iterator[Violation]:
    """Judge that LoadGen was built from a revision without local changes, where its build knew of any."""
    for log in case.logs:
        changed = log.values.get(GIT_STATUS)
        if isinstance(changed, str) and not case.unknown(changed):
            yield log.problem("LoadGen was built from changed sources", "no changes", GIT_STATUS)


@check("inference-loadgen-revision-known", "submitter")
def loadgen_revision_known(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that LoadGen was built where git could name its revision; one log stands for a submitter's."""
    logs = [(result, log) for result in case.results for log in result.logs]
    unnamed = [log for result, log in logs if _unnamed(result, log)]
    if unnamed:
        versions = Counter(brief(log.values.get("loadgen_version")) for log in unnamed)
        found = ", ".join(f"{version} in {count:,}" for version, count in versions.most_common(4))
        what = f"LoadGen was built outside a git checkout, so its revision is not known, in {len(unnamed):,} of "
        what += f"{len(logs):,} logs of performance and accuracy runs"
        yield unnamed[0].problem(what, "a revision, as loadgen_version names it", GIT_STATUS, found)


def _unnamed(result: ResultCase, log: DetailLog) -> bool:
    """Whether neither the status nor the version of a LoadGen names what it was built from."""
    status, version = log.values.get(GIT_STATUS), str(log.values.get("loadgen_version"))
    _, sign, revision = version.partition("@")
    return bool(status and result.unknown(status)) or bool(sign and result.unknown(revision))


@check("inference-loadgen-version", "result")
def loadgen_version(case: ResultCase) -> Iterator[Violation]:
    """Judge that LoadGen is not older than the round allows."""
    least = case.reviewed.loadgen_at_least
    for log in case.logs:
        version = _version(log.values.get("loadgen_version"))
        if version is not None and version < (_version(least) or ()):
            yield log.problem("LoadGen is of an earlier round", f"{least} or later", "loadgen_version")
            return  # as a rule both logs are of one build


def _version(text: object) -> tuple[int, ...] | None:
    parts = str(text)[:40].split("@")[0].strip().split(".")[:2]
    return tuple(map(int, parts)) if all(part.isascii() and part.isdigit() for part in parts) else None


@check_log("inference-performance-mode")
def performance_mode(_: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that the performance log is of a performance run, of samples drawn as they come."""
    if not _performs(log):
        what = "the performance log is of a run in another mode"
        yield log.problem(what, " or ".join(PERFORMANCE_MODES), "effective_test_mode")
    for key in ("effective_performance_issue_same", "effective_performance_issue_unique"):
        if log.values.get(key) not in (None, False, 0):
            what = "the run did not draw its samples at random: a compliance test's setting was on"
            yield log.problem(what, f"{key}: false", key)


def _performs(log: DetailLog) -> bool:
    return log.values.get("effective_test_mode") in PERFORMANCE_MODES


@check_log("inference-minimums-met")
def minimums_met(_: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that by LoadGen's own word the run was long enough and had enough queries."""
    for key, word in (("result_min_duration_met", "least duration"), ("result_min_queries_met", "least queries")):
        if _performs(log) and log.values.get(key) is not True:
            yield log.problem(f"the run did not reach its {word}", f"{key}: true", key)


@check_log("inference-queries-counted")
def queries_counted(_: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that the run answered queries, and not more of them than LoadGen made."""
    answered, made = log.number("result_query_count"), log.number("generated_query_count")
    most = "any number" if made is None else f"{made:,.0f}, as were made"
    if _performs(log) and (answered is None or answered <= 0 or (made is not None and answered > made)):
        what = "the run counts no answered query" if not answered else "the run counts more queries than were made"
        yield log.problem(what, f"more than 0 and at most {most}", "result_query_count")


@check("inference-log-in-order", "result")
def log_in_order(case: ResultCase) -> Iterator[Violation]:
    """Judge that time does not run backwards in any of a result's logs."""
    most = case.reviewed.backward_ms
    for log in (*case.logs, *(test.log for test in case.facts.tests.values() if test.log is not None)):
        if log.fell_ms > most:
            what, found = "time runs backwards in the log", f"by {log.fell_ms:,.3f} ms"
            yield Violation(what, f"at most {most:g} ms", found, log.path, log.fell_line)


@check_log("inference-duration-measured")
def duration_measured(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that the load lasted as long as the rules ask, by the clock and by what was counted."""
    least = case.fixed.package.limits.duration_ms / 1000
    made = log.number("generated_query_duration") if log.scenario.stops_early else None
    by_count = "the load lasted too short a time, by its own count and throughput"
    for what, lasted, enough, key in (
        ("the load lasted too short a time, by the clock", elapsed_s(log), least - CLOCK_S, "power_end"),
        ("LoadGen made queries for too short a time", made and made / 1e9, least, "generated_query_duration"),
        (by_count, counted_s(log), least * (1 - case.reviewed.slack), "result_query_count"),
    ):
        if lasted is not None and lasted < enough and not case.model_rules.pass_over_data:
            yield log.problem(what, f"at least {least:,.0f} s", key, f"{lasted:,.1f} s")


def counted_s(log: DetailLog) -> float | None:
    """Return how long a load lasted by what it counted and its throughput; None where that cannot be told."""
    its = log.scenario
    rate = log.number(its.counted_rate) if its.counted_rate else None
    count = offline_samples(log) if its.is_one_query else log.number("result_query_count")
    return count / rate if count and rate else None


def offline_samples(log: DetailLog) -> float | None:
    """Return how many samples an Offline run had: what was generated, which may differ from what was set."""
    return log.number("generated_samples_per_query") or log.number("effective_samples_per_query")


@check_log("inference-throughput-agrees")
def throughput_agrees(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that throughput, count, latencies and duration of a run are those of one run."""
    slack = case.reviewed.slack
    for key, expected, over in _throughputs(log, elapsed_s(log)):
        stated = log.number(key)
        if stated is None or not expected > 0:
            continue
        if stated > expected * (1 + slack) or (not over and stated < expected * (1 - slack)):
            what = f"'{key}' contradicts the run's own count, latencies and duration"
            yield log.problem(what, f"{'at most' if over else 'about'} {expected:,.6g}", key, f"{stated:,.6g}")


def _throughputs(log: DetailLog, clock: float | None) -> Iterator[tuple[str, float, bool]]:
    """Yield (key, what it must be, whether that is only an upper bound)."""
    its, queries = log.scenario, log.number("result_query_count")
    slowest, mean = log.number("result_max_latency_ns"), log.number("result_mean_latency_ns")
    if its.is_one_query and (samples := offline_samples(log)) is not None:
        if slowest:
            yield "result_samples_per_second", samples / (slowest / 1e9), False
        if clock:
            yield "result_samples_per_second", samples / clock, False
    elif its.is_latency and not its.by_query:
        if mean:
            yield "result_qps_without_loadgen_overhead", 1e9 / mean, False
        if queries and clock:
            yield "result_qps_with_loadgen_overhead", queries / clock, False
    elif its.is_bounded and queries and clock and slowest is not None:
        if clock > slowest / 1e9:
            # The last query issued is answered at the latest its latency before the load's end.
            yield "result_completed_samples_per_sec", queries / (clock - slowest / 1e9), True
        scheduled = log.number("result_scheduled_samples_per_sec")
        if scheduled:
            yield "result_completed_samples_per_sec", scheduled, True
    elif its.by_query and queries and clock:
        mean = log.number("result_mean_query_latency_ns")
        if mean and queries * mean / 1e9 > clock * 1.02:
            yield "result_query_count", clock / (mean / 1e9), True


@check_log("inference-percentiles-rise")
def percentiles_rise(_: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that latencies of a run rise with their percentile, from the least to the greatest."""
    for kind in ("result_{}latency_ns", "result_first_token_{}latency_ns", "result_{}query_latency_ns"):
        per_query = "per_query_latency_ns" if "query" in kind else "latency_ns"
        head = kind.partition("{")[0]
        keys = [kind.format("min_"), *(f"{head}{p}_percentile_{per_query}" for p in PERCENTILES), kind.format("max_")]
        stated = [(key, value) for key in keys if (value := log.number(key)) is not None]
        for (lower, low), (upper, high) in pairwise(stated):
            if low > high:
                yield log.problem(f"'{lower}' is above '{upper}'", f"at most {high:,.0f}", lower, f"{low:,.0f}")
    yield from _estimate(log)


def _estimate(log: DetailLog) -> Iterator[Violation]:
    """Yield where an early-stopping estimate lies outside the latencies that it is one of."""
    tokens = "first_token_" if log.values.get("requested_use_token_latencies") is True else ""
    its = log.scenario
    if its.percentile is None:
        return
    key, low_key, high_key = its.score, its.percentile_form.format(its.percentile), "result_max_query_latency_ns"
    if not its.by_query:
        low_key, high_key = f"result_{tokens}{its.percentile}_percentile_latency_ns", f"result_{tokens}max_latency_ns"
    stated, low, high = (log.number(one) for one in (key, low_key, high_key))
    asked = log.number("effective_target_latency_percentile")
    if stated is None or low is None or high is None or (asked is not None and asked < 0.9):
        return
    if stated == 0 and log.values.get("early_stopping_met") is not True:
        return  # LoadGen made no estimate of so few queries
    if not low <= stated <= high:
        what = f"'{key}' is none of the latencies at or above its percentile"
        yield log.problem(what, f"{low:,.0f} to {high:,.0f}", key, f"{stated:,.0f}")


@check_log("inference-percentile-as-required")
def percentile_as_required(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that LoadGen was told to judge the percentile that the rules name."""
    key, least = (
        "effective_target_latency_percentile",
        dict[str, float](case.reviewed.percentile.items()).get(log.scenario.name),
    )
    stated = log.number(key)
    if case.strict and least is not None and stated is not None and stated < least - 1e-9:
        what = "LoadGen judged a lower percentile of latency than the rules name"
        yield log.problem(what, f"at least {least:g}", key, f"{stated:g}")


@check_log("inference-latency-in-bounds")
def latency_in_bounds(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that what was measured keeps the bounds of the folder's scenario, Interactive's included."""
    asked = case.asked
    if not case.strict or asked is None or not scenario_named(asked).is_bounded:
        return
    limits = case.model_rules.token_latency_ns.get(asked)
    bound = case.model_rules.latency_ns.get(asked)
    keys: list[tuple[str, int, str]] = []
    if limits is not None:
        keys = [
            ("result_first_token_99.00_percentile_latency_ns", limits.ttft, "time to the first token"),
            ("result_time_per_output_token_99.00_percentile_ns", limits.tpot, "time per output token"),
        ]
    elif bound is not None and not case.model_rules.tokens:
        keys = [("result_99.00_percentile_latency_ns", bound, "latency")]
    for key, most, word in keys:
        stated = log.number(key)
        if stated is None or stated > most:
            what = f"the 99th percentile of {word} is above the bound of {asked}"
            found = None if stated is None else f"{stated / 1e6:,.3f} ms"
            yield log.problem(what, f"at most {most / 1e6:,g} ms", key, found)


@check_log("inference-early-stopping-met")
def early_stopping_met(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that by LoadGen's own word a run met early stopping, where its scenario has it.

    In the open division the bound that a Server run must keep is the submitter's own.
    """
    judged = log.scenario.stops_early and (case.strict or not log.scenario.is_bounded)
    if judged and log.values.get("early_stopping_met") is not True:
        yield log.problem("the run did not meet early stopping", "true", "early_stopping_met")


@check_log("inference-inferred-on-edge")
def inferred_on_edge(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that a run of another scenario stands for a result on an edge system only, and only where it may."""
    asked, ran = case.asked, log.values.get("effective_scenario")
    if asked is None or ran in (asked, None, scenario_named(asked).loadgen):
        return
    if "edge" not in str(case.system.get("system_type")).lower() or ran not in scenario_named(asked).inferred_from:
        what = "the result is taken from a run of another scenario, which its system or scenario does not allow"
        yield log.problem(what, brief(asked), "effective_scenario")


@check_log("inference-early-stopping-agrees")
def early_stopping_agrees(_: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that a Server run's own counts satisfy early stopping, where it says that they do."""
    if not log.scenario.is_bounded or log.values.get("requested_use_token_latencies") is True:
        return  # what is over the bound is then a token's latency, and not counted
    queries, over = log.number("result_query_count"), log.number("result_overlatency_query_count")
    share = log.number("effective_target_latency_percentile")
    if queries is None or over is None or share is None or not (0 < share < 1 and over >= 0 and 0 < queries < 1e12):
        return
    if log.values.get("early_stopping_met") is True and not met(int(over), int(queries), share):
        what = "so many queries over the bound do not meet early stopping, though the log says so"
        expected = f"a share that vouches for {share:g} with 99% confidence"
        found = f"{over:,.0f} of {queries:,.0f} over it"
        yield log.problem(what, expected, "result_overlatency_query_count", found)


@check_log("inference-tokens-agree")
def tokens_agree(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that a sample yields as many tokens in the performance run as in the accuracy run."""
    told, its = case.accuracy.get("TOKENS_PER_SAMPLE"), log.scenario
    its = its if its.tokens_score else scenario_named("Server")
    key = str(its.tokens_score)
    tokens, samples = log.number(key), log.number(its.score)
    if not told or case.model in case.reviewed.other_lengths or not tokens or not samples:
        return
    per_sample, slack = tokens / samples, case.reviewed.tokens_slack
    if abs(per_sample / told - 1) > slack:
        what = "samples of the performance run have another number of tokens than those of the accuracy run"
        expected = f"{told:,.1f} within {slack:.0%}"
        yield log.problem(what, expected, key, f"{per_sample:,.1f} tokens per sample")
