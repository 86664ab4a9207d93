"""Rules that compute LoadGen's results again from the latencies it measured: score, percentiles, duration, bounds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import cycle, pairwise, repeat

from checker.core.findings import Problem, brief
from checker.families.assay.checks import check
from checker.families.assay.inference.compliance import ranked
from checker.families.assay.inference.latencies import PERCENTILES, Latencies, percentile
from checker.families.assay.inference.rules.loadgen import is_whole
from checker.families.assay.inference.submission import InferenceResult, LoadGenRun
from checker.loadgen.draws import asked, loaded, scheduled
from checker.loadgen.early_stopping import least_queries, met, place
from rules.scenarios import LoadGenScenario, scenario_named
from rules.serving import ScenarioRules

MOST_LOADED, MOST = 1 << 20, 10**6  # what is drawn to compare with
LEAST_RATE, MOST_RATE = 1e-3, 1e9  # queries a second
LATE_NS = 2  # per query, beside what six digits of the rate leave open: LoadGen rounds each time
GAP_NS, GAP = 10_000, 0.1  # from answer to next query: LoadGen and harness take 1 to 2 us, seen on a busy machine
PRINTED = 1e-5  # LoadGen prints six digits
NS = 1_000_000_000


def _its(result: InferenceResult, run: LoadGenRun) -> tuple[ScenarioRules, Latencies, LoadGenScenario] | None:
    """Return the round's rules, latencies and scenario of a run in performance mode; None where unknown."""
    rules = wanted(result, run)
    if rules is None or run.name == "accuracy" or run.detail.refused is not None or run.latencies is None:
        return None
    return rules, run.latencies, scenario_named(run.scenario)


def wanted(result: InferenceResult, run: LoadGenRun) -> ScenarioRules | None:
    """Return what a scenario asks for: in the closed division the round's, in the open one what LoadGen was told."""
    known = result.rules.scenarios if result.rules else {}
    rules: ScenarioRules | None = known.get(run.scenario)  # type: ignore[call-overload]
    if rules is None or result.division == "closed":
        return rules
    told = {
        member: run.detail[key]
        for member, key in (
            ("min_duration_ms", "effective_min_duration_ms"),
            ("min_query_count", "effective_min_query_count"),
            ("samples_per_query", "effective_samples_per_query"),
        )
        if type(run.detail[key]) is int and getattr(rules, member) is not None
    }
    return rules.model_copy(update=told)


@check("serving-percentiles", "run")
def percentiles(result: InferenceResult, run: LoadGenRun) -> Iterator[Problem]:
    """Judge that LoadGen's percentiles, least, largest and mean latency are those of the latencies."""
    known = _its(result, run)
    if known is None:
        return
    _, latencies, scenario = known
    yield from _stated(run, "result_{}_percentile_latency_ns", latencies.ranked)
    yield from _ends(run, "result_{}_latency_ns", latencies.ranked)
    if scenario.by_query:
        yield from _stated(run, scenario.percentile_form, latencies.queries)
        yield from _ends(run, "result_{}_query_latency_ns", latencies.queries)
    if run.tokens and any(latencies.first_token):
        first = sorted(latencies.first_token)
        yield from _stated(run, "result_first_token_{}_percentile_latency_ns", first)
        yield from _ends(run, "result_first_token_{}_latency_ns", first)


def _stated(run: LoadGenRun, key: str, values: Sequence[int]) -> Iterator[Problem]:
    for name in PERCENTILES:
        wanted, found = percentile(values, float(name) / 100), run.detail[key.format(name)]
        if found != wanted:
            message = f"the {name} percentile does not match the latencies"
            yield run.said(key.format(name), message, f"{wanted} ns", brief(found))


def _ends(run: LoadGenRun, key: str, values: Sequence[int]) -> Iterator[Problem]:
    for name, wanted in (("min", values[0]), ("max", values[-1]), ("mean", sum(values) // len(values))):
        found = run.detail[key.format(name)]
        if found != wanted:
            yield run.said(key.format(name), f"the {name} does not match the latencies", f"{wanted} ns", brief(found))


@check("serving-score", "run")
def score(result: InferenceResult, run: LoadGenRun) -> Iterator[Problem]:
    """Judge that the score and the rates LoadGen logs follow from the latencies."""
    known = _its(result, run)
    if known is None:
        return
    rules, latencies, scenario = known
    count, wanted = len(latencies), dict[str, float]()
    if scenario.is_one_query:
        wanted[scenario.score] = count / (latencies.ranked[-1] / NS)
    elif scenario.is_bounded and latencies.last_done_s > 0 and latencies.last_issued_s > 0:
        wanted[scenario.score] = (count - 1) / latencies.last_done_s
        wanted["result_scheduled_samples_per_sec"] = (count - 1) / latencies.last_issued_s
    elif rules.percentile is not None:
        slow = ranked(run.measured)
        at = place(len(slow), rules.percentile)
        key = scenario.score
        if at is None:
            message = "there are too few queries for a score"
            yield run.said(key, message, f"at least {least_queries(rules.percentile)}", str(len(slow)))
        elif run.tokens:
            # LoadGen's score is that of first tokens, which it traces in Server alone: no later than whole answers'.
            found = run.detail[key]
            if not isinstance(found, int) or not 0 < found <= slow[len(slow) - at]:
                message = f"{key} is of the first token and exceeds that of whole answers"
                yield run.said(key, message, f"at most {slow[len(slow) - at]}", brief(found))
        else:
            wanted[key] = slow[len(slow) - at]
    for key, value in wanted.items():
        found = run.detail[key]
        if not isinstance(found, int | float) or not value * (1 - PRINTED) <= found <= value * (1 + PRINTED):
            yield run.said(key, f"{key} does not follow from the latencies", f"{value:.6g}", brief(found))


@check("serving-duration", "run")
def duration(result: InferenceResult, run: LoadGenRun) -> Iterator[Problem]:
    """Judge that the run did last as long as the round wants: the last query began, in Offline ended, so late."""
    known = _its(result, run)
    if known is None or run.name == "TEST06":
        return
    rules, latencies, scenario = known
    lasted = latencies.ranked[-1] / NS if scenario.is_one_query else latencies.last_issued_s
    if lasted < rules.min_duration_ms / 1000:
        message = "the run did not last as long as it must"
        wanted = f"at least {rules.min_duration_ms / 1000:g} s"
        yield Problem(message, wanted, f"{lasted:.3f} s by its latencies", run.latencies_path)


@check("serving-queries", "run")
def queries(result: InferenceResult, run: LoadGenRun) -> Iterator[Problem]:
    """Judge that as many queries and samples were asked as the round wants and LoadGen says."""
    known = _its(result, run)
    if known is None or result.rules is None:
        return
    rules, latencies, scenario = known
    asked = len(set(latencies.query))
    if run.detail["result_query_count"] != asked:
        found = brief(run.detail["result_query_count"])
        yield run.said("result_query_count", "LoadGen counts other queries than have latencies", str(asked), found)
    if run.name == "TEST06":
        return
    if scenario.is_one_query:
        least = max(rules.samples_per_query or 0, 1)
        if len(latencies) < least:
            message = "too few samples were asked"
            yield Problem(message, f"at least {least:,}", f"{len(latencies):,}", run.latencies_path)
    elif asked < rules.min_query_count:
        message = "too few queries were asked"
        yield Problem(message, f"at least {rules.min_query_count:,}", f"{asked:,}", run.latencies_path)
    if scenario.by_query and len(latencies) != asked * (rules.samples_per_query or 0):
        found = f"{len(latencies):,} samples in {asked:,} queries"
        yield Problem("queries are of another size", f"{rules.samples_per_query} samples", found, run.latencies_path)
    beyond = max(latencies.sample)
    if beyond >= result.rules.samples:
        message = "a sample was asked that the data set does not have"
        yield Problem(message, f"below {result.rules.samples:,}", str(beyond), run.latencies_path)


@check("serving-bound", "run")
def bound(result: InferenceResult, run: LoadGenRun) -> Iterator[Problem]:
    """Judge Server's latencies by the round's bounds, with LoadGen's early stopping."""
    known = _its(result, run)
    if known is None or not known[2].is_bounded or not is_whole(run):
        return
    rules, latencies, _ = known
    p = rules.percentile or 0.99
    if run.tokens:
        bounds = [("time to the first token", sorted(latencies.first_token), rules.ttft_ms)]
        stated = run.detail[f"result_time_per_output_token_{100 * p:.2f}_percentile_ns"]
        if rules.tpot_ms and not (isinstance(stated, int | float) and stated <= rules.tpot_ms * 1e6):
            key = f"result_time_per_output_token_{100 * p:.2f}_percentile_ns"
            yield run.said(key, "a token takes too long", f"at most {rules.tpot_ms:g} ms", brief(stated))
    else:
        bounds = [("latency", latencies.ranked, rules.target_latency_ms)]
    for what, values, most_ms in bounds:
        if most_ms is None:
            continue
        most = round(most_ms * 1e6)
        found = percentile(values, p)
        over = len(values) - bisect_right(values, most)
        if found > most:
            message = f"the {100 * p:g}th percentile of the {what} is above the bound"
            yield Problem(message, f"at most {most_ms:g} ms", f"{found / 1e6:.3f} ms", run.latencies_path)
        elif not met(over, len(values), p):
            message = f"so few queries do not show that the {what} stays below the bound"
            wanted = f"fewer than {over} above {most_ms:g} ms, or more queries"
            yield Problem(message, wanted, f"{over} of {len(values):,}", run.latencies_path)


@check("serving-pace", "run")
def pace(result: InferenceResult, run: LoadGenRun) -> Iterator[Problem]:
    """Judge that queries follow one another as LoadGen asks them: the next once the last is answered, and then at once.

    Shortened latencies would leave gaps, lengthened ones would overlap.
    """
    known = _its(result, run)
    if known is None or not known[2].is_latency:
        return
    ends: dict[int, tuple[int, int]] = {}
    latencies = known[1]
    for query, at, took in zip(latencies.query, latencies.issued, latencies.latency, strict=True):
        ends[query] = (at, max(took, ends.get(query, (0, 0))[1]))
    asked_ = [ends[query] for query in sorted(ends)]
    gaps = sorted(later - (at + took) for (at, took), (later, _) in pairwise(asked_))
    if not gaps:
        return
    if gaps[0] < 0:
        message = "a query was asked before the last was answered"
        yield Problem(message, "one after the other", f"{-gaps[0]:,} ns before", run.latencies_path)
    usual, most = gaps[len(gaps) // 2], GAP_NS + GAP * sorted(took for _, took in asked_)[len(asked_) // 2]
    if usual > most:
        message = "between answer and next query passes time that LoadGen does not take"
        yield Problem(message, f"at most {most:,.0f} ns", f"{usual:,} ns", run.latencies_path)


@check("serving-drawn", "run")
def drawn(result: InferenceResult, run: LoadGenRun) -> Iterator[Problem]:
    """Judge that the latencies are of the queries that LoadGen draws from its seeds, all of them, in order."""
    known = _its(result, run)
    least, count = run.detail["effective_min_query_count"], run.detail["effective_performance_sample_count"]
    seeds = [run.detail[f"effective_{name}_rng_seed"] for name in ("qsl", "sample_index", "schedule")]
    if known is None or not all(type(one) is int and one >= 0 for one in (least, count, *seeds)):
        return
    rules, latencies, scenario = known
    if not 0 < count <= len(latencies.sample) + MOST_LOADED or least > MOST:
        return
    stride = (rules.samples_per_query or 1) if scenario.by_query else 1
    wanted = _order(run, scenario, loaded(seeds[0], count), asked(seeds[1], count, least, stride), stride)
    for number, (want, found) in enumerate(zip(wanted, latencies.sample, strict=False)):
        if want != found:
            message = f"sample {number + 1} of the run is not the one that the seeds draw"
            yield Problem(message, f"sample {want} of the data set", f"sample {found}", run.latencies_path)
            break
    if list(latencies.query) != [0 if scenario.is_one_query else place // stride for place in range(len(latencies))]:
        yield Problem("queries are missing, or in another order", "each in its turn", "not so", run.latencies_path)
    rate = run.detail["effective_target_qps"]
    if scenario.is_bounded and isinstance(rate, int | float) and LEAST_RATE < rate < MOST_RATE:
        for number, (due, found) in enumerate(zip(scheduled(seeds[2], rate), latencies.issued, strict=False)):
            if abs(due - found) > LATE_NS * (number + 1) + PRINTED * due:
                message = f"query {number + 1} is not due when the seeds say"
                yield Problem(message, f"{due} ns after the first", f"{found} ns", run.latencies_path)
                break


def _order(
    run: LoadGenRun, scenario: LoadGenScenario, order: list[int], places: Iterator[int], stride: int
) -> Iterator[int]:
    """Yield the samples of a run, without end."""
    padded = order + order[: stride - 1]
    same = run.detail["effective_performance_issue_same_index"]
    if run.name == "TEST04" and type(same) is int and 0 <= same < len(order):
        places = repeat(same)
    elif scenario.is_one_query:
        places = cycle(range(len(order)))
    for first in places:
        yield from padded[first : first + stride]
