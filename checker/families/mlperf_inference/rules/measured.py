"""What the performance log says of itself: that the run is valid, long enough, in bounds, and free of contradiction.

The official checker compares settings and takes the metric; what LoadGen concluded from the run it does not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from checker.core.findings import Problem, brief
from checker.families.mlperf_inference.cases import ResultCase, SubmitterCase, elapsed_s, number, said
from checker.families.mlperf_inference.checks import check
from checker.loadgen.detail_log import DetailLog
from checker.loadgen.early_stopping import met
from rules.scenarios import LoadGenScenario, logged_scenario, scenario_named

PERCENTILES = ("50.00", "90.00", "95.00", "97.00", "99.00", "99.90")
PERFORMANCE_MODES = ("PerformanceOnly", "SubmissionRun")
GIT_STATUS = "loadgen_git_status_message"  # changed files; empty: none; NA: nobody knows
CLOCK_S = 0.5  # by which LoadGen's own count of time and the clock's may differ


@check("inference-result-valid", "result")
def result_valid(case: ResultCase) -> Iterator[Problem]:
    """Judge that LoadGen found the run valid; in the open division the bounds of latency are the submitter's own."""
    log = case.log
    if log is None or (not case.strict and _invalid_by_latency(log)):
        return
    if log.values.get("result_validity") != "VALID":
        what = "LoadGen found the run invalid"
        yield Problem(what, '"VALID"', said(log, "result_validity"), log.path, log.at("result_validity"))


def _invalid_by_latency(log: DetailLog) -> bool:
    """Whether a run that LoadGen found invalid reached all that LoadGen asks but a latency, which Server alone has."""
    reached = (log.values.get(key) is True for key in ("result_min_duration_met", "result_min_queries_met"))
    invalid = log.values.get("result_validity") == "INVALID"
    return invalid and _scenario(log).is_bounded and all(reached)


def _scenario(log: DetailLog) -> LoadGenScenario:
    return logged_scenario(log.values.get("effective_scenario"))


@check("inference-loadgen-errors", "result")
def loadgen_errors(case: ResultCase) -> Iterator[Problem]:
    """Judge that LoadGen logged no error in the performance run."""
    log = case.log
    if log is None:
        return
    for error in log.errors:
        found = f"{error.key}: {brief(error.value)}"
        yield Problem("LoadGen logged an error", "no errors", found, log.path, error.line)


@check("inference-loadgen-unaltered", "result")
def loadgen_unaltered(case: ResultCase) -> Iterator[Problem]:
    """Judge that LoadGen was built from a revision without local changes, where its build knew of any."""
    for log in (case.log, case.accuracy_log):
        changed = log.values.get(GIT_STATUS) if log is not None else ""
        if log is not None and isinstance(changed, str) and not case.unknown(changed):
            what = "LoadGen was built from changed sources"
            yield Problem(what, "no changes", brief(changed), log.path, log.at(GIT_STATUS))


@check("inference-loadgen-revision-known", "submitter")
def loadgen_revision_known(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that LoadGen was built where git could name its revision; one log stands for a submitter's."""
    logs = [(result, log) for result in case.results for log in (result.log, result.accuracy_log) if log is not None]
    unnamed = [log for result, log in logs if _unnamed(result, log)]
    if unnamed:
        versions = Counter(brief(log.values.get("loadgen_version")) for log in unnamed)
        found = ", ".join(f"{version} in {count:,}" for version, count in versions.most_common(4))
        what = f"LoadGen was built outside a git checkout, so its revision is not known, in {len(unnamed):,} of "
        what += f"{len(logs):,} logs of performance and accuracy runs"
        yield Problem(
            what, "a revision, as loadgen_version names it", found, unnamed[0].path, unnamed[0].at(GIT_STATUS)
        )


def _unnamed(result: ResultCase, log: DetailLog) -> bool:
    """Whether neither the status nor the version of a LoadGen names what it was built from."""
    status, version = log.values.get(GIT_STATUS), str(log.values.get("loadgen_version"))
    _, sign, revision = version.partition("@")
    return bool(status and result.unknown(status)) or bool(sign and result.unknown(revision))


@check("inference-loadgen-version", "result")
def loadgen_version(case: ResultCase) -> Iterator[Problem]:
    """Judge that LoadGen is not older than the round allows."""
    least = case.reviewed.loadgen_at_least
    for log in (case.log, case.accuracy_log):
        version = _version(log.values.get("loadgen_version")) if log is not None else None
        if log is not None and version is not None and version < (_version(least) or ()):
            found = brief(log.values.get("loadgen_version"))
            line = log.at("loadgen_version")
            yield Problem("LoadGen is of an earlier round", f"{least} or later", found, log.path, line)
            return  # as a rule both logs are of one build


def _version(text: object) -> tuple[int, ...] | None:
    parts = str(text)[:40].split("@")[0].strip().split(".")[:2]
    return tuple(map(int, parts)) if all(part.isascii() and part.isdigit() for part in parts) else None


@check("inference-performance-mode", "result")
def performance_mode(case: ResultCase) -> Iterator[Problem]:
    """Judge that the performance log is of a performance run, of samples drawn as they come."""
    log = case.log
    if log is None:
        return
    mode = log.values.get("effective_test_mode")
    if mode not in PERFORMANCE_MODES:
        what = "the performance log is of a run in another mode"
        line = log.at("effective_test_mode")
        yield Problem(what, " or ".join(PERFORMANCE_MODES), said(log, "effective_test_mode"), log.path, line)
    for key in ("effective_performance_issue_same", "effective_performance_issue_unique"):
        if log.values.get(key) not in (None, False, 0):
            what = "the run did not draw its samples at random: a compliance test's setting was on"
            yield Problem(what, f"{key}: false", said(log, key), log.path, log.at(key))


@check("inference-minimums-met", "result")
def minimums_met(case: ResultCase) -> Iterator[Problem]:
    """Judge that by LoadGen's own word the run was long enough and had enough queries."""
    log = case.log
    if log is None or log.values.get("effective_test_mode") not in PERFORMANCE_MODES:
        return
    for key, word in (("result_min_duration_met", "least duration"), ("result_min_queries_met", "least queries")):
        if log.values.get(key) is not True:
            yield Problem(f"the run did not reach its {word}", f"{key}: true", said(log, key), log.path, log.at(key))


@check("inference-queries-counted", "result")
def queries_counted(case: ResultCase) -> Iterator[Problem]:
    """Judge that the run answered queries, and not more of them than LoadGen made."""
    log = case.log
    if log is None or log.values.get("effective_test_mode") not in PERFORMANCE_MODES:
        return
    answered, made = number(log, "result_query_count"), number(log, "generated_query_count")
    most = "any number" if made is None else f"{made:,.0f}, as were made"
    if answered is None or answered <= 0 or (made is not None and answered > made):
        what = "the run counts no answered query" if not answered else "the run counts more queries than were made"
        line = log.at("result_query_count")
        yield Problem(what, f"more than 0 and at most {most}", said(log, "result_query_count"), log.path, line)


@check("inference-log-in-order", "result")
def log_in_order(case: ResultCase) -> Iterator[Problem]:
    """Judge that time does not run backwards in any of a result's logs."""
    tests = (log for test in case.facts.tests.values() for log in (test.log, test.unread_log))
    for log in (case.log, case.accuracy_log, *tests):
        if log is not None and log.fell_ms > case.reviewed.backward_ms:
            most = f"at most {case.reviewed.backward_ms:g} ms"
            yield Problem("time runs backwards in the log", most, f"by {log.fell_ms:,.3f} ms", log.path, log.fell_line)


@check("inference-duration-measured", "result")
def duration_measured(case: ResultCase) -> Iterator[Problem]:
    """Judge that the load lasted as long as the rules ask, by the clock and by what was counted."""
    log, least = case.log, case.fixed.package.limits.duration_ms / 1000
    if log is None or case.model_rules.pass_over_data:
        return
    clock = elapsed_s(log)
    if clock is not None and clock < least - CLOCK_S:
        what = "the load lasted too short a time, by the clock"
        yield Problem(what, f"at least {least:,.0f} s", f"{clock:,.1f} s", log.path, log.at("power_end"))
    made = number(log, "generated_query_duration")
    if made is not None and _scenario(log).stops_early and made / 1e9 < least:
        what = "LoadGen made queries for too short a time"
        line = log.at("generated_query_duration")
        yield Problem(what, f"at least {least:,.0f} s", f"{made / 1e9:,.1f} s", log.path, line)
    counted = counted_s(log)
    if counted is not None and counted < least * (1 - case.reviewed.slack):
        what = "the load lasted too short a time, by its own count and throughput"
        yield Problem(what, f"at least {least:,.0f} s", f"{counted:,.1f} s", log.path, log.at("result_query_count"))


def counted_s(log: DetailLog) -> float | None:
    """Return how long a load lasted by what it counted and its throughput; None where that cannot be told."""
    its = _scenario(log)
    rate = number(log, its.counted_rate) if its.counted_rate else None
    count = offline_samples(log) if its.is_one_query else number(log, "result_query_count")
    return count / rate if count and rate else None


def offline_samples(log: DetailLog) -> float | None:
    """Return how many samples an Offline run had: what was generated, which may differ from what was set."""
    return number(log, "generated_samples_per_query") or number(log, "effective_samples_per_query")


@check("inference-throughput-agrees", "result")
def throughput_agrees(case: ResultCase) -> Iterator[Problem]:
    """Judge that throughput, count, latencies and duration of a run are those of one run."""
    log, slack = case.log, case.reviewed.slack
    if log is None:
        return
    for key, expected, over in _throughputs(log, elapsed_s(log)):
        stated = number(log, key)
        if stated is None or not expected > 0:
            continue
        if stated > expected * (1 + slack) or (not over and stated < expected * (1 - slack)):
            bound = "at most" if over else "about"
            what = f"'{key}' contradicts the run's own count, latencies and duration"
            yield Problem(what, f"{bound} {expected:,.6g}", f"{stated:,.6g}", log.path, log.at(key))


def _throughputs(log: DetailLog, clock: float | None) -> Iterator[tuple[str, float, bool]]:
    """Yield (key, what it must be, whether that is only an upper bound)."""
    its, queries = _scenario(log), number(log, "result_query_count")
    slowest, mean = number(log, "result_max_latency_ns"), number(log, "result_mean_latency_ns")
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
        scheduled = number(log, "result_scheduled_samples_per_sec")
        if scheduled:
            yield "result_completed_samples_per_sec", scheduled, True
    elif its.by_query and queries and clock:
        mean = number(log, "result_mean_query_latency_ns")
        if mean and queries * mean / 1e9 > clock * 1.02:
            yield "result_query_count", clock / (mean / 1e9), True


@check("inference-percentiles-rise", "result")
def percentiles_rise(case: ResultCase) -> Iterator[Problem]:
    """Judge that latencies of a run rise with their percentile, from the least to the greatest."""
    log = case.log
    if log is None:
        return
    for kind in ("result_{}latency_ns", "result_first_token_{}latency_ns", "result_{}query_latency_ns"):
        per_query = "per_query_latency_ns" if "query" in kind else "latency_ns"
        head = kind.partition("{")[0]
        keys = [kind.format("min_"), *(f"{head}{p}_percentile_{per_query}" for p in PERCENTILES), kind.format("max_")]
        stated = [(key, value) for key in keys if (value := number(log, key)) is not None]
        for (lower, low), (upper, high) in pairwise(stated):
            if low > high:
                what = f"'{lower}' is above '{upper}'"
                yield Problem(what, f"at most {high:,.0f}", f"{low:,.0f}", log.path, log.at(lower))
    yield from _estimate(log)


def _estimate(log: DetailLog) -> Iterator[Problem]:
    """Yield where an early-stopping estimate lies outside the latencies that it is one of."""
    tokens = "first_token_" if log.values.get("requested_use_token_latencies") is True else ""
    its = _scenario(log)
    if its.percentile is None:
        return
    key, low_key, high_key = its.score, its.percentile_form.format(its.percentile), "result_max_query_latency_ns"
    if not its.by_query:
        low_key, high_key = f"result_{tokens}{its.percentile}_percentile_latency_ns", f"result_{tokens}max_latency_ns"
    stated, low, high = (number(log, one) for one in (key, low_key, high_key))
    asked = number(log, "effective_target_latency_percentile")
    if stated is None or low is None or high is None or (asked is not None and asked < 0.9):
        return
    if stated == 0 and log.values.get("early_stopping_met") is not True:
        return  # LoadGen made no estimate of so few queries
    if not low <= stated <= high:
        what = f"'{key}' is none of the latencies at or above its percentile"
        yield Problem(what, f"{low:,.0f} to {high:,.0f}", f"{stated:,.0f}", log.path, log.at(key))


@check("inference-percentile-as-required", "result")
def percentile_as_required(case: ResultCase) -> Iterator[Problem]:
    """Judge that LoadGen was told to judge the percentile that the rules name."""
    log = case.log
    if log is None or not case.strict:
        return
    scenario = log.values.get("effective_scenario")
    least = case.reviewed.percentile.get(scenario) if isinstance(scenario, str) else None  # type: ignore[call-overload]
    stated = number(log, "effective_target_latency_percentile")
    if least is not None and stated is not None and stated < least - 1e-9:
        what = "LoadGen judged a lower percentile of latency than the rules name"
        line = log.at("effective_target_latency_percentile")
        yield Problem(what, f"at least {least:g}", f"{stated:g}", log.path, line)


@check("inference-latency-in-bounds", "result")
def latency_in_bounds(case: ResultCase) -> Iterator[Problem]:
    """Judge that what was measured keeps the bounds of the folder's scenario, Interactive's included."""
    log, asked = case.log, case.asked
    if log is None or not case.strict or asked is None or not scenario_named(asked).is_bounded:
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
        stated = number(log, key)
        if stated is None or stated > most:
            what = f"the 99th percentile of {word} is above the bound of {asked}"
            found = said(log, key) if stated is None else f"{stated / 1e6:,.3f} ms"
            yield Problem(what, f"at most {most / 1e6:,g} ms", found, log.path, log.at(key))


@check("inference-early-stopping-met", "result")
def early_stopping_met(case: ResultCase) -> Iterator[Problem]:
    """Judge that by LoadGen's own word a run met early stopping, where its scenario has it."""
    log = case.log
    if log is None or not _scenario(log).stops_early or (_scenario(log).is_bounded and not case.strict):
        return  # in the open division the bound that a Server run must keep is the submitter's own
    if log.values.get("early_stopping_met") is not True:
        key = "early_stopping_met"
        yield Problem("the run did not meet early stopping", "true", said(log, key), log.path, log.at(key))


@check("inference-inferred-on-edge", "result")
def inferred_on_edge(case: ResultCase) -> Iterator[Problem]:
    """Judge that a run of another scenario stands for a result on an edge system only, and only where it may."""
    log, asked = case.log, case.asked
    ran = log.values.get("effective_scenario") if log is not None else None
    if log is None or asked is None or ran in (asked, None, scenario_named(asked).loadgen):
        return
    if "edge" not in str(case.system.get("system_type")).lower() or ran not in scenario_named(asked).inferred_from:
        what = "the result is taken from a run of another scenario, which its system or scenario does not allow"
        yield Problem(what, brief(asked), said(log, "effective_scenario"), log.path, log.at("effective_scenario"))


@check("inference-early-stopping-agrees", "result")
def early_stopping_agrees(case: ResultCase) -> Iterator[Problem]:
    """Judge that a Server run's own counts satisfy early stopping, where it says that they do."""
    log = case.log
    if log is None or not _scenario(log).is_bounded:
        return
    if log.values.get("requested_use_token_latencies") is True:
        return  # what is over the bound is then a token's latency, and not counted
    queries, over = number(log, "result_query_count"), number(log, "result_overlatency_query_count")
    share = number(log, "effective_target_latency_percentile")
    if queries is None or over is None or share is None or not (0 < share < 1 and over >= 0 and 0 < queries < 1e12):
        return
    if log.values.get("early_stopping_met") is True and not met(int(over), int(queries), share):
        what = "so many queries over the bound do not meet early stopping, though the log says so"
        found = f"{over:,.0f} of {queries:,.0f} over it"
        expected = f"a share that vouches for {share:g} with 99% confidence"
        yield Problem(what, expected, found, log.path, log.at("result_overlatency_query_count"))


@check("inference-tokens-agree", "result")
def tokens_agree(case: ResultCase) -> Iterator[Problem]:
    """Judge that a sample yields as many tokens in the performance run as in the accuracy run."""
    log, told = case.log, case.accuracy.get("TOKENS_PER_SAMPLE")
    if log is None or not told or case.model in case.reviewed.other_lengths:
        return
    its = _scenario(log)
    its = its if its.tokens_score else scenario_named("Server")
    key = str(its.tokens_score)
    tokens, samples = number(log, key), number(log, its.score)
    if not tokens or not samples:
        return
    per_sample, slack = tokens / samples, case.reviewed.tokens_slack
    if abs(per_sample / told - 1) > slack:
        what = "samples of the performance run have another number of tokens than those of the accuracy run"
        expected = f"{told:,.1f} within {slack:.0%}"
        yield Problem(what, expected, f"{per_sample:,.1f} tokens per sample", log.path, log.at(key))
