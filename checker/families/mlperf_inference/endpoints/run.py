"""What an endpoint's performance run says of itself: complete, long enough, with the round's seeds, of one piece.

The official checker reads of result_summary.json the metric and the latencies, and seeds from config.yaml alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.endpoints.case import RUNTIME, EndpointCase
from checker.families.mlperf_inference.endpoints.logs import SEEDS, number_at, value_at
from checker.families.mlperf_inference.rules.measured import CLOCK_S
from checker.loadgen.log import finite
from rules.scenarios import scenario_named

WINDOW = "legacy_loadgen_window_duration_ns"  # first request to the completion of the last one issued
POISSON = "poisson"  # the load pattern of requests at random times
DEVIATIONS = 5  # standard deviations by which their count in a time may be off


@check("inference-endpoint-readable", "endpoint")
def readable(case: EndpointCase) -> Iterator[Violation]:
    """Judge that an endpoint's three files are there and hold an object each."""
    for file in (case.files.summary, case.files.accuracy, case.files.config):
        if file.crash is not None:
            yield Violation("a file of an endpoint's result cannot be read", "a file", file.crash, file.path)
        elif not isinstance(file.value, dict):
            yield Violation("a file of an endpoint's result holds no object", "an object", brief(file.value), file.path)


@check("inference-endpoint-stated", "endpoint")
def stated(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the summary holds the numbers that the other rules need."""
    if case.files.summary.crash is not None or not isinstance(case.summary, dict):
        return
    for place in case.reviewed.stated:
        if case.number(place) is None:
            yield case.problem("the summary lacks a number that every run has", "a finite number", place)


@check("inference-endpoint-complete", "endpoint")
def complete(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the performance run came to its end."""
    if not isinstance(case.summary, dict) or case.files.summary.crash is not None:
        return
    for place, wanted in (("state", "complete"), ("complete", True)):
        found = value_at(case.summary, place)
        if found is not True and found != wanted:
            yield case.problem("the performance run was not completed", f"{place} {brief(wanted)}", place)


@check("inference-endpoint-failures", "endpoint")
def failures(case: EndpointCase) -> Iterator[Violation]:
    """Judge that no request of the performance run failed."""
    failed = case.number("n_samples_failed")
    if failed:
        issued = case.number("n_samples_issued")
        of = f" of {issued:,.0f}" if issued is not None else ""
        what = "requests of the performance run failed"
        yield case.problem(what, "none", "n_samples_failed", f"{failed:,.0f}{of}")


@check("inference-endpoint-counted", "endpoint")
def counted(case: EndpointCase) -> Iterator[Violation]:
    """Judge that every request was answered or failed, and that there were any."""
    issued, done, failed = (case.number(f"n_samples_{name}") for name in ("issued", "completed", "failed"))
    if issued is None or done is None:
        return
    if done <= 0:
        yield case.problem("the run counts no answered request", "more than 0", "n_samples_completed")
    elif issued not in (done, done + (failed or 0)):
        found = f"{issued:,.0f}, with {done:,.0f} completed and {failed or 0:,.0f} failed"
        what = "the run does not account for every request"
        yield case.problem(what, "as many as completed and failed", "n_samples_issued", found)


@check("inference-endpoint-enough-samples", "endpoint")
def enough_samples(case: EndpointCase) -> Iterator[Violation]:
    """Judge that an Offline run has as many samples as the rules ask of the model."""
    least, issued = case.result.model_rules.offline_samples, case.number("n_samples_issued")
    asked = case.result.strict and scenario_named(case.asked).is_one_query
    if asked and least is not None and issued is not None and issued < least:
        yield case.problem("the Offline run has too few samples", f"at least {least:,}", "n_samples_issued")


@check("inference-endpoint-duration", "endpoint")
def duration(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the run lasted as long as the rules ask, and requests were made so long."""
    if case.result.model_rules.pass_over_data:
        return
    least = case.result.fixed.package.limits.duration_ms / 1000
    ran, window = case.number("duration_ns"), case.number(WINDOW)
    if ran is not None and ran / 1e9 < least - CLOCK_S:
        what = "the run lasted too short a time"
        yield case.problem(what, f"at least {least:,.0f} s", "duration_ns", f"{ran / 1e9:,.1f} s")
    elif window is not None and window / 1e9 < least * (1 - case.result.reviewed.slack):
        what = "requests were made for too short a time"
        yield case.problem(what, f"at least {least:,.0f} s", WINDOW, f"{window / 1e9:,.1f} s")


@check("inference-endpoint-duration-asked", "endpoint")
def duration_asked(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the config asks for the rules' duration, and that the run issued what its config comes to.

    The tool issues the number of samples that the config names; where it names none, a rate times the least duration.
    So a run at a rate lasts about that long, and one that sends all at once as long as that takes.
    """
    least, path = case.result.fixed.package.limits.duration_ms, case.files.config.path
    asked, total = (number_at(case.config, f"{RUNTIME}.{name}") for name in ("min_duration_ms", "n_samples_to_issue"))
    ran, issued = case.number("duration_ns"), case.number("n_samples_issued")
    if asked is not None and asked < least and not case.result.model_rules.pass_over_data:
        what = "the config asks for a shorter run than the rules do"
        yield Violation(what, f"min_duration_ms of at least {least:,}", f"{asked:,.0f}", path)
    if issued is None or issued <= 0:
        return
    if total is not None and issued > total:
        what = "the run issued more samples than its config names"
        yield case.problem(what, f"{total:,.0f}, as n_samples_to_issue says", "n_samples_issued")
    unfinished = _pattern(case) == POISSON and (total is None or issued < total)
    if unfinished and asked is not None and ran is not None and ran / 1e6 < asked * (1 - _chance(case, issued)):
        what = "the run ended before the least duration that its config asks for"
        yield case.problem(what, f"at least {asked / 1e3:,.0f} s", "duration_ns", f"{ran / 1e9:,.1f} s")


def _chance(case: EndpointCase, count: float) -> float:
    """Return the share by which so many requests, sent at random times, may take longer or shorter than on average."""
    return case.result.reviewed.slack + DEVIATIONS / sqrt(count)


@check("inference-endpoint-windows", "endpoint")
def windows(case: EndpointCase) -> Iterator[Violation]:
    """Judge that no request took longer than the run, and that the window of requests fits into it.

    Every request is issued before the last one; so the run ends, at the latest, its greatest latency after that.
    """
    ran, window, slowest = case.number("duration_ns"), case.number(WINDOW), case.number("latency.max")
    slack = case.result.reviewed.slack
    if ran is None:
        return
    if slowest is not None and slowest > ran * (1 + slack):
        what = "a request took longer than the whole run"
        yield case.problem(what, f"at most {ran / 1e9:,.1f} s", "latency.max", f"{slowest / 1e9:,.1f} s")
    if window is None:
        return
    shortest = max(0.0, ran * (1 - slack) - (slowest if slowest is not None else ran))
    if not shortest <= window <= ran * (1 + slack):
        what = "the window that the rates are taken from does not fit the run's duration and latencies"
        expected = f"{shortest / 1e9:,.1f} to {ran / 1e9:,.1f} s"
        yield case.problem(what, expected, WINDOW, f"{window / 1e9:,.1f} s")


@check("inference-endpoint-throughput", "endpoint")
def throughput(case: EndpointCase) -> Iterator[Violation]:
    """Judge that requests and tokens per second are the counts by the time: of requests at a rate, by the window's."""
    window = case.number(WINDOW) if _pattern(case) == POISSON else None
    time = window if window is not None else case.number("duration_ns")
    done, slack = case.number("n_samples_completed"), case.result.reviewed.slack
    if time is None or time < 1 or done is None:
        return
    for key, count in (("qps", done), ("tps", _tokens(case, done))):
        rate = case.number(key)
        if rate is None or count is None:
            continue
        expected = count / (time / 1e9)
        one = 1 / (time / 1e9) if key == "qps" else 0.0  # LoadGen's rate leaves the first sample out
        if not expected * (1 - slack) - one <= rate <= expected * (1 + slack):
            what = f"'{key}' contradicts the run's own count and time"
            yield case.problem(what, f"about {expected:,.6g}", key, f"{rate:,.6g}")


def _tokens(case: EndpointCase, done: float) -> float | None:
    total, mean = (case.number(f"output_sequence_lengths.{name}") for name in ("total", "avg"))
    return total if total is not None or mean is None else mean * done


@check("inference-endpoint-load-kept", "endpoint")
def load_kept(case: EndpointCase) -> Iterator[Violation]:
    """Judge that a run did not complete more than its load pattern sends: a rate, or requests at a time."""
    rate, done, ran = (case.number(key) for key in ("qps", "n_samples_completed", "duration_ns"))
    mean, slack = case.number("latency.avg"), case.result.reviewed.slack
    for path, place, value in case.load("target_qps"):
        target = finite(value)
        if target and rate is not None and done is not None and done > 0 and _pattern(case) == POISSON:
            most = target * (1 + _chance(case, done))
            if rate > most:
                what = "more requests were completed per second than were sent"
                yield Violation(what, f"at most {target:,.6g}, as {place} says", f"qps {rate:,.6g}", path)
    for path, place, value in case.load("target_concurrency"):
        target = finite(value)
        if target and done and ran and ran > 0 and mean is not None and done * mean > target * ran * (1 + slack):
            what = "more requests were under way at a time than the load pattern sends"
            found = f"{done * mean / ran:,.4g}, by count, mean latency and duration"
            yield Violation(what, f"at most {target:,.6g}, as {place} says", found, path)


def _pattern(case: EndpointCase) -> object:
    return next((value for _, _, value in case.load("type")), None)


@check("inference-endpoint-seeds", "endpoint")
def seeds(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the seeds in every file are the round's, the performance run's own above all."""
    wanted = case.result.fixed.package.seeds.model_dump()
    for file, folder, needed in (
        (case.files.summary, "run_config", True),
        (case.files.config, RUNTIME, True),
        (case.files.accuracy, "run_config", False),
    ):
        if file.crash is not None or not isinstance(file.value, dict):
            continue
        for name, key in SEEDS.items():
            found = value_at(file.value, f"{folder}.{name}")
            if found is None and not needed:
                continue
            if type(found) is not int or found != wanted[key]:
                what = "a seed of the run is not the round's"
                yield Violation(what, f"{name} {wanted[key]}", f"{folder}.{name} {brief(found)}", file.path)


@check("inference-endpoint-scenario", "endpoint")
def scenario(case: EndpointCase) -> Iterator[Violation]:
    """Judge that requests were sent as the folder's scenario asks: all at once, at a rate, or one at a time."""
    if case.asked is None:
        return
    wanted = case.reviewed.load.get(case.asked)
    for path, place, value in case.load("type") if wanted is not None else ():
        if value != wanted:
            what = f"requests were not sent as {case.asked} asks"
            yield Violation(what, f"{place} {brief(wanted)}", brief(value), path)
    for path, place, value in case.load("target_concurrency") if case.asked == "SingleStream" else ():
        if isinstance(value, bool) or value != 1:
            yield Violation("requests overlapped in SingleStream", f"{place} 1", brief(value), path)


@check("inference-endpoint-streaming", "endpoint")
def streaming(case: EndpointCase) -> Iterator[Violation]:
    """Judge that answers were streamed where the latency of tokens counts."""
    said = value_at(case.config, "model_params.streaming")
    if scenario_named(case.asked).is_bounded and case.result.model_rules.tokens and said in ("off", False):
        what = "answers were not streamed: the time to the first token was not measured"
        yield Violation(what, 'model_params.streaming "on"', brief(said), case.files.config.path)


@check("inference-endpoint-warm-up", "endpoint")
def warm_up(case: EndpointCase) -> Iterator[Violation]:
    """Judge that a warm-up does not send the prompts of the run as they are."""
    for file, place in ((case.files.summary, "run_config.warmup"), (case.files.config, "settings.warmup")):
        if value_at(file.value, f"{place}.enabled") is True and value_at(file.value, f"{place}.salt") is False:
            what = "the warm-up sent prompts without salt: answers may come from a cache"
            yield Violation(what, f"{place}.salt true", "false", file.path)
