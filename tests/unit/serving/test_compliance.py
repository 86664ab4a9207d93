"""Verdicts of compliance runs, at their edges."""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import accumulate

import pytest

from checker.families.assay.inference.answers import Answer
from checker.families.assay.inference.compliance import (
    PerformanceTest,
    advantage,
    cached,
    ends,
    first_tokens,
    lengths,
    same_answers,
    same_performance,
    seeds_alike,
    verdict,
)
from checker.families.assay.inference.latencies import Latencies
from rules.compliance import AnswerComparison, WorkloadTests, compliance_rules
from tests.unit.serving.trees import ROUND

RULES = compliance_rules(ROUND)
LABELS = WorkloadTests(tests=["TEST01"], answers=AnswerComparison(dtype="int32"))
EMBEDDINGS = WorkloadTests(tests=["TEST01"], answers=AnswerComparison(dtype="float32", relative=1e-4))
TOKENS = WorkloadTests(tests=["TEST06"], answers=AnswerComparison(dtype="int32"), eos=2)


def run(score: int, latencies: list[int] | None = None, samples: list[int] | None = None) -> PerformanceTest:
    """A SingleStream run with a score in nanoseconds."""
    log = {"early_stopping_latency_ss": score, "result_validity": "VALID"}
    if latencies is None:
        return PerformanceTest("SingleStream", log)
    count = len(latencies)
    places = array("Q", range(0, 10**6 * count, 10**6))
    known = Latencies(
        places,
        array("Q", latencies),
        array("I", samples or [0] * count),
        array("I", range(count)),
        array("Q", [0] * count),
    )
    return PerformanceTest("SingleStream", log, latencies=known)


@pytest.mark.parametrize(
    ("reference", "test", "good"),
    [
        (1_000_000, 1_530_000, True),
        (1_000_000, 1_550_000, False),
        (1_000_000, 750_000, True),
        (1_000_000, 730_000, False),
    ],
)
def test_a_score_of_slow_queries_may_differ_by_what_a_machine_does(reference: int, test: int, good: bool) -> None:
    found = list(same_performance(run(reference), run(test), RULES.performance, faster=True, slower=True))
    assert (not found) is good, found


@pytest.mark.parametrize(("test", "good"), [(911.0, True), (890.0, False), (1099.0, True), (1110.0, False)])
def test_any_other_score_may_differ_by_a_tenth(test: float, good: bool) -> None:
    one, other = (
        PerformanceTest("Offline", {"result_samples_per_second": score, "result_validity": "VALID"})
        for score in (1000.0, test)
    )
    found = list(same_performance(one, other, RULES.performance, faster=True, slower=True))
    assert (not found) is good, found


def test_only_the_ways_that_are_asked_for_are_faults() -> None:
    slow, fast = run(2_000_000), run(1_000_000)
    assert not list(same_performance(fast, slow, RULES.performance, faster=True, slower=False))
    assert not list(same_performance(slow, fast, RULES.performance, faster=False, slower=True))
    assert list(same_performance(slow, fast, RULES.performance, faster=True, slower=False))


PLAIN = list(range(1_000_000, 1_050_000, 5))


@pytest.mark.parametrize("factor", [1 / 1.2, 1.2])
def test_a_run_that_is_faster_or_slower_in_all_its_queries_is_not_at_the_same_pace(factor: float) -> None:
    other = run(1_000_000, [round(latency * factor) for latency in PLAIN])
    [found] = same_performance(run(1_000_000, PLAIN), other, RULES.performance, faster=True, slower=True)
    assert found.pace
    assert ("slower" if factor > 1 else "faster") in found.message


def test_a_few_queries_that_waited_for_the_machine_are_no_other_pace() -> None:
    for every, good in ((10, True), (5, False)):
        waited = [latency * 4 if n % every == 0 else latency for n, latency in enumerate(PLAIN)]
        one, other = run(1_040_000, PLAIN), run(1_300_000, waited)
        for reference, test in ((one, other), (other, one)):
            found = list(same_performance(reference, test, RULES.performance, faster=True, slower=True))
            assert (not found) is good, (every, found)


def test_who_answers_only_the_slowest_queries_sooner_is_found_out_by_the_score() -> None:
    skewed = [latency * (9 if n % 10 == 0 else 1) for n, latency in enumerate(PLAIN)]  # long texts, one in ten
    skipped = [min(latency, 1_050_000) for latency in skewed]
    honest, cheat = run(9_400_000, skewed), run(1_050_000, skipped)
    assert [
        fault.message for fault in same_performance(cheat, honest, RULES.performance, faster=True, slower=True)
    ] == ["the run is slower than the performance run"]
    assert list(seeds_alike(cheat, honest, RULES))


def answers(*values: str) -> list[Answer]:
    return [Answer(number, number, value) for number, value in enumerate(values)]


def test_a_label_must_be_the_same_and_an_embedding_nearly() -> None:
    many = ["00000000"] * 100
    assert not list(same_answers(answers(*many), answers(*many), RULES, LABELS))
    assert list(same_answers(answers(*many), answers(*many[:-1], "01000000"), RULES, LABELS))
    close, far = array("f", [1.00001, 0.5]).tobytes().hex(), array("f", [1.01, 0.5]).tobytes().hex()
    whole = [array("f", [1.0, 0.5]).tobytes().hex()] * 100
    assert not list(same_answers(answers(*whole), answers(*whole[:-1], close), RULES, EMBEDDINGS))
    assert list(same_answers(answers(*whole), answers(*whole[:-1], far), RULES, EMBEDDINGS))
    nan = array("f", [float("nan"), 0.5]).tobytes().hex()
    assert list(same_answers(answers(*whole), answers(*whole[:-1], nan), RULES, EMBEDDINGS))
    infinite = array("f", [float("inf"), 0.5]).tobytes().hex()
    assert list(same_answers(answers(*whole), answers(*whole[:-1], infinite), RULES, EMBEDDINGS))
    assert list(same_answers(answers(infinite, *whole), answers(*whole), RULES, EMBEDDINGS))
    assert list(same_answers(answers(*whole), answers(*whole[:-1], "zz"), RULES, EMBEDDINGS))


def test_too_few_logged_answers_show_nothing() -> None:
    assert list(same_answers(answers("00"), answers("00"), RULES, LABELS))


def test_a_cache_is_slow_at_first_and_fast_after() -> None:
    samples = [n % 16 for n in range(1000)]
    slow_first = run(1000, [500_000 if n < 16 else 5_000 for n in range(1000)], samples)
    assert list(cached(slow_first, run(1000, [5_000] * 100), RULES))
    honest = run(1000, [500_000] * 1000, samples)
    assert not list(cached(honest, run(1000, [480_000] * 100), RULES))


def beginning(times: float, places: int = 100, ns: int = 5_000) -> list[int]:
    """Latencies of which those of the first places are longer."""
    return [round(times * ns) if n < places else ns for n in range(1000)]


def test_a_slow_beginning_is_no_cache_unless_it_is_too_slow() -> None:
    samples = [n % 64 for n in range(1000)]

    def faults(first: list[int], again: list[int]) -> int:
        return len(list(cached(run(1000, first, samples), run(1000, again), RULES)))

    assert faults(beginning(2.5), beginning(2.5)) == 0
    assert faults(beginning(4.4), beginning(4.4)) == 0
    assert faults(beginning(10), beginning(10)) == 1  # a cache that is not used at first
    assert faults(beginning(2.5), beginning(1)) == 1
    assert faults(beginning(2.5), beginning(2.5)[:80]) == 0
    assert faults(beginning(2.5), beginning(1)[:2]) == 1


def test_every_place_of_multistreams_first_query_is_a_first_answer() -> None:
    first, again = run(1000, beginning(1), [n % 64 for n in range(1000)]), run(1000, beginning(3, 8), [*range(8)] * 125)
    assert not list(cached(first, again, RULES))
    assert list(cached(run(1000, beginning(2, 64), [n % 64 for n in range(1000)]), again, RULES))


def test_test04_may_not_be_slower_where_a_cache_could_be_left_unused() -> None:
    log = {"effective_performance_issue_same": True, "effective_performance_issue_same_index": RULES.TEST04.index}

    def faults(scenario: str, times: float) -> list[str]:
        reference = run(100_000, [100_000] * 1000, [n % 64 for n in range(1000)])
        test = run(round(100_000 * times), [round(100_000 * times)] * 1000)
        reference, test = (
            replace(one, scenario=scenario, log=one.log | log | {"result_samples_per_second": 1e9 / score})
            for one, score in ((reference, 100_000), (test, 100_000 * times))
        )
        found = verdict("TEST04", RULES, LABELS, reference, test, [], [])
        return [fault.message for fault in found["performance"]]

    assert faults("SingleStream", 1.05) == []
    assert "slower than" in " ".join(faults("SingleStream", 1.5))
    assert faults("Offline", 1.5) == []


def test_the_advantage_is_the_largest_gap_between_the_distributions() -> None:
    assert advantage([1, 2, 3, 4], [1, 2, 3, 4], 1.1)[0] == 0
    assert advantage([1, 1, 3, 4], [2, 2, 3, 4], 1.1) == (0.5, 1)
    assert advantage([10], [100], 1.1)[0] == 1.0


def test_seeds_that_are_known_show_even_in_a_part_of_the_queries() -> None:
    plain = list(range(1_000_000, 1_100_000, 10))
    foreseen = [5_000 if n % 10 == 0 else latency for n, latency in enumerate(plain)]  # one in ten
    assert not list(seeds_alike(run(1_090_000, plain), run(1_090_000, plain), RULES))
    assert list(seeds_alike(run(1_090_000, foreseen), run(1_090_000, plain), RULES))
    drifted = [round(latency * 1.08) for latency in plain]
    assert not list(seeds_alike(run(1_090_000, plain), run(1_180_000, drifted), RULES))


def tokens(*values: int, said: int | None = None, count: int | None = None) -> Answer:
    data = array("i", values).tobytes().hex()
    first = array("i", [values[0] if said is None else said]).tobytes().hex()
    return Answer(0, 0, data, first, len(values) if count is None else count)


def test_tokens_are_what_was_said_of_them() -> None:
    honest = [tokens(5, 6, 2), tokens(5, 6, 7)]
    for test in (lambda a: first_tokens(a), lambda a: ends(a, TOKENS), lambda a: lengths(a, TOKENS)):
        assert not list(test(honest))
    assert list(first_tokens([tokens(5, 6, said=9)]))
    assert list(first_tokens([replace_first(tokens(5, 6))]))
    assert list(ends([tokens(5, 2, 2)], TOKENS))
    assert list(lengths([tokens(5, 6, count=12)], TOKENS))
    assert list(lengths([Answer(0, 0, "0500", "05000000", 1)], TOKENS))


def replace_first(answer: Answer) -> Answer:
    """The answer without a word of its first token."""
    return Answer(answer.seq_id, answer.qsl_idx, answer.data, None, answer.token_count)


def test_a_score_that_is_no_number_is_no_score() -> None:
    for value in (None, "fast", True, -1, 0, float("inf")):
        assert replace(run(1), log={"early_stopping_latency_ss": value}).score is None


def offline(latencies: list[int], samples: list[int]) -> PerformanceTest:
    """An Offline run: one query, each sample's latency counted from its start."""
    known = run(0, latencies, samples).latencies
    return PerformanceTest(
        "Offline", {"result_samples_per_second": 1000.0, "result_validity": "VALID"}, latencies=known
    )


TAKEN_IN_NS = 250_000_000  # before the first answer, for hundreds of thousands of samples
PACE_NS = 28_000


def answered(first_round_ns: int) -> PerformanceTest:
    """Three rounds through 5,000 samples, the first at its own pace."""
    paces = [first_round_ns] * 5_000 + [PACE_NS] * 10_000
    return offline([TAKEN_IN_NS + done for done in accumulate(paces)], [*range(5_000)] * 3)


REPEATED = offline([TAKEN_IN_NS + k * PACE_NS for k in range(1, 15_001)], [3] * 15_000)


def test_taking_in_offlines_one_query_is_not_held_against_the_first_answers() -> None:
    assert not list(cached(answered(PACE_NS), REPEATED, RULES))


def test_first_answers_of_offline_that_take_longer_than_repeated_ones_are_caught() -> None:
    assert [fault.message for fault in cached(answered(2 * PACE_NS), REPEATED, RULES)] == [
        "a sample's first answer takes longer"
    ]
