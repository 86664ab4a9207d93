"""Rules that compute LoadGen's results again from the latencies it measured: score, percentiles, duration, bounds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, pairwise, repeat

from checker.core.findings import Violation
from checker.families.assay.checks import check
from checker.families.assay.inference.compliance import ranked
from checker.families.assay.inference.latencies import PERCENTILES, Latencies, percentile
from checker.families.assay.inference.rules.loadgen import PRINTED, as_printed, is_whole
from checker.families.assay.inference.submission import LoadGenRun
from checker.loadgen import draws
from checker.loadgen.early_stopping import least_queries, met, place
from rules.serving import ScenarioRules, ServingRules

MOST_LOADED, MOST = 1 << 20, 10**6  # what is drawn to compare with
LEAST_RATE, MOST_RATE = 1e-3, 1e9  # queries a second
LATE_NS = 2  # per query, beside what six digits of the rate leave open: LoadGen rounds each time
GAP_NS, GAP = 10_000, 0.1  # from answer to next query: LoadGen and harness take 1 to 2 us, seen on a busy machine
NS = 1_000_000_000


@check("serving-percentiles", "run")
def percentiles(run: LoadGenRun, timed: Latencies) -> Iterator[Violation]:
    """Judge that LoadGen's percentiles, least, largest and mean latency are those of the latencies."""
    yield from _summed_up(run, timed.ranked, "result_{}_percentile_latency_ns", "result_{}_latency_ns")
    if run.its.by_query:
        yield from _summed_up(run, timed.queries, run.its.percentile_form, "result_{}_query_latency_ns")
    if run.tokens and any(timed.first_token):
        kinds = ("result_first_token_{}_percentile_latency_ns", "result_first_token_{}_latency_ns")
        yield from _summed_up(run, sorted(timed.first_token), *kinds)


def _summed_up(run: LoadGenRun, values: Sequence[int], percentile_of: str, end_of: str) -> Iterator[Violation]:
    """Judge what LoadGen says of sorted values by the forms of its keys: percentiles, and least, largest and mean."""
    wanted = {percentile_of.format(p): (f"{p} percentile", percentile(values, float(p) / 100)) for p in PERCENTILES}
    ends = (("min", values[0]), ("max", values[-1]), ("mean", sum(values) // len(values)))
    wanted |= {end_of.format(name): (name, value) for name, value in ends}
    for key, (what, value) in wanted.items():
        if run.detail[key] != value:
            yield run.said(key, f"the {what} does not match the latencies", f"{value} ns")


@check("serving-score", "run")
def score(run: LoadGenRun, timed: Latencies, asked: ScenarioRules) -> Iterator[Violation]:
    """Judge that the score and the rates LoadGen logs follow from the latencies."""
    key, wanted = run.its.score, dict[str, float]()
    if run.its.is_one_query:
        wanted[key] = len(timed) / (timed.ranked[-1] / NS)
    elif run.its.is_bounded and timed.last_done_s > 0 and timed.last_issued_s > 0:
        wanted[key] = (len(timed) - 1) / timed.last_done_s
        wanted["result_scheduled_samples_per_sec"] = (len(timed) - 1) / timed.last_issued_s
    elif asked.percentile is not None:
        slow, found = ranked(run.measured), run.detail[key]
        at = place(len(slow), asked.percentile)
        if at is None:
            message, least = "there are too few queries for a score", f"at least {least_queries(asked.percentile)}"
            yield replace(run.said(key, message, least), found=str(len(slow)))
        elif not run.tokens:
            wanted[key] = slow[len(slow) - at]
        elif not isinstance(found, int) or not 0 < found <= slow[len(slow) - at]:
            # LoadGen's score is that of first tokens, which it traces in Server alone: no later than whole answers'.
            message = f"{key} is of the first token and exceeds that of whole answers"
            yield run.said(key, message, f"at most {slow[len(slow) - at]}")
    for key, value in wanted.items():
        if not as_printed(run.detail[key], value):
            yield run.said(key, f"{key} does not follow from the latencies", f"{value:.6g}")


@check("serving-duration", "run")
def duration(run: LoadGenRun, timed: Latencies, asked: ScenarioRules) -> Iterator[Violation]:
    """Judge that the run did last as long as the round wants: the last query began, in Offline ended, so late."""
    lasted, least = timed.ranked[-1] / NS if run.its.is_one_query else timed.last_issued_s, asked.min_duration_ms / 1000
    if run.name != "TEST06" and lasted < least:
        message, found = "the run did not last as long as it must", f"{lasted:.3f} s by its latencies"
        yield run.with_latencies(message, f"at least {least:g} s", found)


@check("serving-queries", "run")
def queries(run: LoadGenRun, timed: Latencies, asked: ScenarioRules, rules: ServingRules) -> Iterator[Violation]:
    """Judge that as many queries and samples were asked as the round wants and LoadGen says."""
    count, samples = len(set(timed.query)), len(timed)
    yield from run.require_said("LoadGen counts other queries than have latencies", count, "result_query_count")
    if run.name == "TEST06":
        return
    least = max(asked.samples_per_query or 0, 1)
    if run.its.is_one_query and samples < least:
        yield run.with_latencies("too few samples were asked", f"at least {least:,}", f"{samples:,}")
    if not run.its.is_one_query and count < asked.min_query_count:
        yield run.with_latencies("too few queries were asked", f"at least {asked.min_query_count:,}", f"{count:,}")
    if run.its.by_query and samples != count * (asked.samples_per_query or 0):
        found = f"{samples:,} samples in {count:,} queries"
        yield run.with_latencies("queries are of another size", f"{asked.samples_per_query} samples", found)
    if (beyond := max(timed.sample)) >= rules.samples:
        message = "a sample was asked that the data set does not have"
        yield run.with_latencies(message, f"below {rules.samples:,}", str(beyond))


@check("serving-bound", "run")
def bound(run: LoadGenRun, timed: Latencies, asked: ScenarioRules) -> Iterator[Violation]:
    """Judge Server's latencies by the round's bounds, with LoadGen's early stopping."""
    if not run.its.is_bounded or not is_whole(run):
        return
    p, what, values, most_ms = asked.percentile or 0.99, "latency", timed.ranked, asked.target_latency_ms
    if run.tokens:
        what, values, most_ms = "time to the first token", sorted(timed.first_token), asked.ttft_ms
        key = f"result_time_per_output_token_{100 * p:.2f}_percentile_ns"
        stated = run.detail[key]
        if asked.tpot_ms and not (isinstance(stated, int | float) and stated <= asked.tpot_ms * 1e6):
            yield run.said(key, "a token takes too long", f"at most {asked.tpot_ms:g} ms")
    if most_ms is None:
        return
    most, found = round(most_ms * 1e6), percentile(values, p)
    over = len(values) - bisect_right(values, most)
    if found > most:
        message = f"the {100 * p:g}th percentile of the {what} is above the bound"
        yield run.with_latencies(message, f"at most {most_ms:g} ms", f"{found / 1e6:.3f} ms")
    elif not met(over, len(values), p):
        message = f"so few queries do not show that the {what} stays below the bound"
        wanted = f"fewer than {over} above {most_ms:g} ms, or more queries"
        yield run.with_latencies(message, wanted, f"{over} of {len(values):,}")


@check("serving-pace", "run")
def pace(run: LoadGenRun, timed: Latencies) -> Iterator[Violation]:
    """Judge that queries follow one another as LoadGen asks them: the next once the last is answered, and then at once.

    Shortened latencies would leave gaps, lengthened ones would overlap.
    """
    if not run.its.is_latency:
        return
    ends: dict[int, tuple[int, int]] = {}
    for query, at, took in zip(timed.query, timed.issued, timed.latency, strict=True):
        ends[query] = (at, max(took, ends.get(query, (0, 0))[1]))
    asked_ = [ends[query] for query in sorted(ends)]
    gaps = sorted(later - (at + took) for (at, took), (later, _) in pairwise(asked_))
    if not gaps:
        return
    if gaps[0] < 0:
        message = "a query was asked before the last was answered"
        yield run.with_latencies(message, "one after the other", f"{-gaps[0]:,} ns before")
    usual, most = gaps[len(gaps) // 2], GAP_NS + GAP * sorted(took for _, took in asked_)[len(asked_) // 2]
    if usual > most:
        message = "between answer and next query passes time that LoadGen does not take"
        yield run.with_latencies(message, f"at most {most:,.0f} ns", f"{usual:,} ns")


@check("serving-drawn", "run")
def drawn(run: LoadGenRun, timed: Latencies, asked: ScenarioRules) -> Iterator[Violation]:
    """Judge that the latencies are of the queries that LoadGen draws from its seeds, all of them, in order."""
    least, count = run.detail["effective_min_query_count"], run.detail["effective_performance_sample_count"]
    seeds = [run.detail[f"effective_{name}_rng_seed"] for name in ("qsl", "sample_index", "schedule")]
    usable = all(type(one) is int and one >= 0 for one in (least, count, *seeds))
    if not usable or not 0 < count <= len(timed) + MOST_LOADED or least > MOST:
        return
    stride = (asked.samples_per_query or 1) if run.its.by_query else 1
    wanted = _order(run, draws.loaded(seeds[0], count), draws.asked(seeds[1], count, least, stride), stride)
    for number, (want, found) in enumerate(zip(wanted, timed.sample, strict=False)):
        if want != found:
            message = f"sample {number + 1} of the run is not the one that the seeds draw"
            yield run.with_latencies(message, f"sample {want} of the data set", f"sample {found}")
            break
    if list(timed.query) != [0 if run.its.is_one_query else place // stride for place in range(len(timed))]:
        yield run.with_latencies("queries are missing, or in another order", "each in its turn", "not so")
    rate = run.detail["effective_target_qps"]
    if run.its.is_bounded and isinstance(rate, int | float) and LEAST_RATE < rate < MOST_RATE:
        for number, (due, found) in enumerate(zip(draws.scheduled(seeds[2], rate), timed.issued, strict=False)):
            if abs(due - found) > LATE_NS * (number + 1) + PRINTED * due:
                message = f"query {number + 1} is not due when the seeds say"
                yield run.with_latencies(message, f"{due} ns after the first", f"{found} ns")
                break


def _order(run: LoadGenRun, order: list[int], places: Iterator[int], stride: int) -> Iterator[int]:
    """Yield the samples of a run, without end."""
    padded = order + order[: stride - 1]
    same = run.detail["effective_performance_issue_same_index"]
    if run.name == "TEST04" and type(same) is int and 0 <= same < len(order):
        places = repeat(same)
    elif run.its.is_one_query:
        places = cycle(range(len(order)))
    for first in places:
        yield from padded[first : first + stride]
