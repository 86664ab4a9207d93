"""Verdicts of compliance runs: pure functions of what LoadGen logged, used to write a verdict and to judge it.

`suite/inference/compliance.py` writes MLPerf's verify files from these; the checker calls them again on the submitted
logs and believes no file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checker.families.assay.inference.answers import Answer, alike, by_sample, numbers
from checker.families.assay.inference.latencies import Latencies, percentile
from rules.compliance import ComplianceRules, Performance, WorkloadTests
from rules.scenarios import scenario_named


@dataclass(frozen=True)
class Fault:
    """What a test objects to, with what it wanted and found."""

    message: str
    expected: str
    found: str
    pace: bool = False  # it is about how fast the run was: a machine that did other work can be the cause


@dataclass(frozen=True)
class PerformanceTest:
    """One run in performance mode: LoadGen's detail log by key, and its latencies where they are known."""

    scenario: str  # the round's name: SingleStream, MultiStream, Server, Interactive, Offline
    log: Mapping[str, Any]
    tokens: bool = False
    latencies: Latencies | None = None

    @property
    def metric(self) -> str:
        """The key of the score in the detail log."""
        its = scenario_named(self.scenario)
        return (its.tokens_score if self.tokens else None) or its.score

    @property
    def score(self) -> float | None:
        """The score: nanoseconds, or samples or tokens a second; None where the log has none."""
        value: Any = self.log.get(self.metric)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number and 0 < value < 1e300 else None


def verdict(
    test: str,
    rules: ComplianceRules,
    workload: WorkloadTests,
    reference: PerformanceTest,
    run: PerformanceTest,
    accuracy: Sequence[Answer],
    logged: Sequence[Answer],
) -> dict[str, list[Fault]]:
    """Return what a test objects to, by its parts; `accuracy` are the accuracy run's answers, `logged` those of `run`.

    The parts are MLPerf's: accuracy and performance, for TEST06 first token, EOS and sample length.
    """
    performance = rules.performance
    if test == "TEST01":
        return {
            "accuracy": list(same_answers(accuracy, logged, rules, workload)),
            "performance": [*valid(run), *same_performance(reference, run, performance, faster=True, slower=True)],
        }
    if test == "TEST04":
        faults = [*valid(run), *one_sample(run, rules), *cached(reference, run, rules)]
        # Slower in SingleStream and MultiStream neither: a cache could know this test, and not be used in it.
        slower = scenario_named(run.scenario).is_latency
        return {"performance": faults + list(same_performance(reference, run, performance, faster=True, slower=slower))}
    if test == "TEST06":
        few = Fault("too few answers were logged", f"about {rules.TEST06.samples}", str(len(logged)))
        said = not scenario_named(run.scenario).is_one_query
        return {
            "first token": list(first_tokens(logged)) if said else [],
            "EOS": list(ends(logged, workload)),
            "sample length": list(lengths(logged, workload)),
            "accuracy": [few] * (len(logged) < rules.TEST06.samples // 2) + list(differing(accuracy, logged, workload)),
        }
    return {"performance": [*long_enough(run), *seeds_alike(reference, run, rules)]}


def same_performance(
    reference: PerformanceTest, test: PerformanceTest, rules: Performance, *, faster: bool, slower: bool
) -> Iterator[Fault]:
    """Yield a fault where the test's pace is further from the reference's than the round allows, the ways asked.

    It is the score's; in SingleStream and MultiStream, whose score is that of a few slow queries, that of all too.
    """
    yield from _same_score(reference, test, rules, faster=faster, slower=slower)
    latencies = reference.latencies is not None and test.latencies is not None
    if not latencies or not scenario_named(reference.scenario).is_latency:
        return
    was, now = ranked(reference), ranked(test)
    for asked, ours, theirs, what in ((faster, now, was, "faster"), (slower, was, now, "slower")):
        if asked:
            message = f"the queries of the run are {what} than those of the performance run"
            yield from _ahead(ours, theirs, rules, rules.within, rules.share, message)


def _same_score(
    reference: PerformanceTest, test: PerformanceTest, rules: Performance, *, faster: bool, slower: bool
) -> Iterator[Fault]:
    if reference.score is None or test.score is None:
        yield Fault("there is no score to compare", reference.metric, "none")
        return
    is_latency = scenario_named(reference.scenario).is_latency
    within = rules.within_of_slow if is_latency else rules.within
    speed = reference.score / test.score if is_latency else test.score / reference.score
    if (faster and speed > 1 + within) or (slower and speed < 1 - within):
        what = "faster" if speed > 1 else "slower"
        wanted = f"within {within:.0%} of {reference.score:,.6g}"
        found = f"{test.score:,.6g} ({speed:.3f} as fast)"
        yield Fault(f"the run is {what} than the performance run", wanted, found, pace=True)


def _ahead(
    ours: Sequence[int], theirs: Sequence[int], rules: Performance, by: float, share: float, message: str
) -> Iterator[Fault]:
    """Yield a fault where more of the sorted latencies `ours` are ahead of `theirs` by the factor than may be.

    One-sided two-sample Kolmogorov-Smirnov: sup (F_ours(x) - F_theirs((1 + by) x)) is at most `share` and what chance
    allows.
    """
    ahead, at = advantage(ours, theirs, 1 + by)
    most = share + rules.by_chance(len(ours), len(theirs))
    if ahead > most:
        wanted = f"at most {most:.1%} of queries ahead by {by:.0%}"
        yield Fault(message, wanted, f"{ahead:.1%}, e.g. at {at:,} ns", pace=True)


def valid(test: PerformanceTest) -> Iterator[Fault]:
    """Yield a fault where LoadGen does not call the run valid."""
    if test.log.get("result_validity") != "VALID":
        found = str(test.log.get("result_validity"))
        yield Fault("LoadGen does not call the run valid", "VALID", found, pace=True)


def long_enough(test: PerformanceTest) -> Iterator[Fault]:
    """Yield a fault where a run stopped before its time, or asked too little."""
    for key in ("result_min_duration_met", "result_min_queries_met"):
        if test.log.get(key) is not True:
            yield Fault(f"the run is too short: {key}", "true", str(test.log.get(key)), pace=True)


def same_answers(
    reference: Sequence[Answer], test: Sequence[Answer], rules: ComplianceRules, workload: WorkloadTests
) -> Iterator[Fault]:
    """TEST01: yield faults where answers in performance mode are not those of the accuracy run."""
    if len(test) < rules.TEST01.at_least:
        yield Fault("too few answers were logged", f"at least {rules.TEST01.at_least}", str(len(test)))
    yield from differing(reference, test, workload)


def differing(reference: Sequence[Answer], test: Sequence[Answer], workload: WorkloadTests) -> Iterator[Fault]:
    """Yield a fault where more answers to the same sample differ than may."""
    known = by_sample(reference)
    unknown = sum(answer.qsl_idx not in known for answer in test)
    if unknown:
        yield Fault("answers are of samples that the accuracy run was not asked", "none", str(unknown))
    unlike = [a for a in test if a.qsl_idx in known and not _alike(a.data, known[a.qsl_idx], workload)]
    if len(unlike) > workload.answers.differing * len(test):
        first = unlike[0]
        message = (
            f"{len(unlike)} of {len(test)} answers are not the accuracy run's, the first to sample {first.qsl_idx}"
        )
        yield Fault(message, known[first.qsl_idx][:64], first.data[:64])


def _alike(one: str, other: str, workload: WorkloadTests) -> bool:
    if one == other:
        return True
    try:
        return alike(bytes.fromhex(one), bytes.fromhex(other), workload.answers)
    except ValueError:
        return False


def one_sample(test: PerformanceTest, rules: ComplianceRules) -> Iterator[Fault]:
    """TEST04: yield a fault where the run was not of one sample, again and again."""
    if test.log.get("effective_performance_issue_same") is not True:
        found = str(test.log.get("effective_performance_issue_same"))
        yield Fault("LoadGen did not repeat one sample", "performance_issue_same", found)
    if test.log.get("effective_performance_issue_same_index") != rules.TEST04.index:
        found = str(test.log.get("effective_performance_issue_same_index"))
        yield Fault("LoadGen repeated another sample", f"index {rules.TEST04.index}", found)
    width = scenario_named(test.scenario).samples_per_query
    if test.latencies is not None and len(set(test.latencies.sample)) > width:
        found = f"{len(set(test.latencies.sample))} samples"
        yield Fault("more than one sample was asked", f"{width} at most", found)


def cached(reference: PerformanceTest, test: PerformanceTest, rules: ComplianceRules) -> Iterator[Fault]:
    """TEST04: yield a fault where a sample's first answer takes longer than an answer to one asked again and again.

    MLCommons compares scores, which a cache that the performance run profits from already leaves equal.
    """
    if reference.latencies is None or test.latencies is None or len(test.latencies) < 2:
        return
    if scenario_named(reference.scenario).is_one_query:
        first, again = _pace(reference.latencies), _pace(test.latencies)
    else:
        # At the same places of both runs: at its beginning any run is slower, and first answers come early. By how much
        # it may be slower is bounded, or a cache that only begins to be used later would not be seen.
        p, places, new = rules.TEST04.percentile, firsts(reference.latencies), set(firsts(test.latencies))
        repeated = [test.latencies.latency[at] for at in places if at < len(test.latencies) and at not in new]
        first = float(percentile(sorted(reference.latencies.latency[at] for at in places), p))
        later = rules.TEST04.slow_start * percentile(sorted(test.latencies.latency[1:]), p)
        again = min(float(percentile(sorted(repeated), p)), later) if repeated else later
    if again and first > rules.TEST04.cached * again:
        wanted = f"at most {rules.TEST04.cached:g} times a repeated one"
        found = f"{first / again:.2f} times ({first:,.0f} ns)"
        yield Fault("a sample's first answer takes longer", wanted, found, pace=True)


def firsts(latencies: Latencies) -> list[int]:
    """Return where in a run each sample was answered first."""
    found: dict[int, int] = {}
    for place, sample in enumerate(latencies.sample):
        found.setdefault(sample, place)
    return list(found.values())


def _pace(latencies: Latencies) -> float:
    """Return nanoseconds a sample of an Offline run until each sample of the set was answered once.

    Offline asks all at once, in rounds through the loaded samples: how long the first round took says what the first
    answers cost. It is counted from the run's first answer: taking in the one query, of hundreds of thousands of
    samples, comes before it and is no answering (a quarter of a second for 400,000; seen with ONNX Runtime).
    """
    first = firsts(latencies)
    answers = [latencies.latency[at] for at in first] if len(first) > 1 else latencies.latency
    return (max(answers) - min(answers)) / max(1, len(answers) - 1)


def loaded(seconds: float, samples: int, pace_s: float, rules: ComplianceRules) -> Iterator[Fault]:
    """Yield a fault where loading so many samples took as long as answering them does, at `pace_s` a sample."""
    most = rules.loading.floor_s + rules.loading.fraction * pace_s * samples
    if seconds > most:
        message = "loading the samples took as long as answering them would"
        yield Fault(message, f"at most {most:.4f} s for {samples:,} samples", f"{seconds:.4f} s")


def seeds_alike(reference: PerformanceTest, test: PerformanceTest, rules: ComplianceRules) -> Iterator[Fault]:
    """Yield a fault where the performance run was faster with the round's seeds than a run with others.

    In Server, where queries wait for each other, the fastest are compared. The run need not be valid: near Server's
    highest rate chance decides that.
    """
    yield from _same_score(reference, test, rules.performance, faster=False, slower=True)
    if reference.latencies is None or test.latencies is None:
        yield Fault("there are no latencies to compare", "latencies of both runs", "none")
        return
    if scenario_named(reference.scenario).is_one_query:
        return  # one query: its samples' latencies are the order of the batches, and the score is the test
    ours, theirs = ranked(reference), ranked(test)
    if scenario_named(reference.scenario).is_bounded:
        p, times = rules.seeds.queued_percentile, rules.seeds.queued_times
        fast, slow = percentile(ours, p), percentile(theirs, p)
        if slow > times * fast:
            message = "with the round's seeds the fastest queries are answered faster than with others"
            yield Fault(message, f"{p:.0%} within {times:g} times {fast:,} ns", f"{slow:,} ns", pace=True)
        return
    message = "with the round's seeds queries are answered faster than with others"
    yield from _ahead(ours, theirs, rules.performance, rules.seeds.faster_by, rules.seeds.share, message)


def ranked(measured: PerformanceTest) -> list[int]:
    """Return the sorted latencies that LoadGen ranks in the run's scenario."""
    assert measured.latencies is not None
    by_query = scenario_named(measured.scenario).by_query
    return measured.latencies.queries if by_query else measured.latencies.ranked


def advantage(ours: Sequence[int], theirs: Sequence[int], slack: float) -> tuple[float, int]:
    """Return sup (F_ours(x) - F_theirs(slack x)) over sorted latencies, and the x of it."""
    most, where = 0.0, 0
    for rank, x in enumerate(ours, 1):
        if rank < len(ours) and ours[rank] == x:
            continue
        over = rank / len(ours) - bisect_right(theirs, x * slack) / len(theirs)
        if over > most:
            most, where = over, x
    return most, where


def first_tokens(answers: Sequence[Answer]) -> Iterator[Fault]:
    """TEST06: yield a fault where a first token was said that is not the answer's first."""
    for answer in answers:
        said = answer.token_data or ""
        if not said or answer.data[: len(said)].lower() != said.lower():
            message = f"the first token of the answer to sample {answer.qsl_idx} is not the one that was said"
            yield Fault(message, answer.data[:8] or "nothing", said[:64] or "nothing")
            return


def ends(answers: Sequence[Answer], workload: WorkloadTests) -> Iterator[Fault]:
    """TEST06: yield a fault where an answer goes on after the token that ends it."""
    for answer in answers:
        tokens = _tokens(answer, workload)
        if tokens is None:
            yield Fault(f"the answer to sample {answer.qsl_idx} is no list of tokens", workload.answers.dtype, "none")
            return
        if workload.eos is not None and workload.eos in tokens[:-1]:
            at = tokens.index(workload.eos)
            message = f"the answer to sample {answer.qsl_idx} goes on after its end"
            yield Fault(message, f"{at + 1} tokens", f"{len(tokens)} tokens")
            return


def lengths(answers: Sequence[Answer], workload: WorkloadTests) -> Iterator[Fault]:
    """TEST06: yield a fault where another number of tokens was said than the answer has."""
    for answer in answers:
        tokens = _tokens(answer, workload)
        if tokens is None or len(tokens) != answer.token_count:
            message = f"the answer to sample {answer.qsl_idx} has another number of tokens than was said"
            yield Fault(message, str(answer.token_count), str(len(tokens) if tokens is not None else None))
            return


def _tokens(answer: Answer, workload: WorkloadTests) -> list[int] | None:
    try:
        found = numbers(answer.bytes, workload.answers)
    except ValueError:
        return None
    return None if found is None else [int(one) for one in found]
