"""What a round of inference asks of compliance runs: `compliance.yaml` of its folder, every number with its reason."""

from __future__ import annotations

from math import log, sqrt
from typing import Annotated, Literal

from pydantic import Field

from rules.round import Strict, kept

Test = Literal["TEST01", "TEST04", "TEST06", "seeds"]
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]


class Performance(Strict):
    """How far a compliance run's pace may be from the performance run's."""

    within: Share  # of the score, or of the latencies
    within_of_slow: Share  # SingleStream, MultiStream: of the score, which is of the slowest queries
    share: Share  # SingleStream, MultiStream: of the queries, which may be faster (or slower) by more than that
    significance: Share  # of what chance allows beyond a share

    def by_chance(self, ours: int, theirs: int) -> float:
        """Return by how much two distributions known by so many samples may seem to differ where they do not.

        sqrt(ln(1/a) / 2 * (n + m) / (n m)) is exceeded with a probability of at most a (Dvoretzky, Kiefer and
        Wolfowitz; Massart 1990).
        """
        return sqrt(log(1 / self.significance) / 2 * (ours + theirs) / (ours * theirs))


class Sampling(Strict):
    """TEST01: how many of a performance run's answers are logged, and how they are drawn."""

    accuracy_log_rng_seed: int
    target: Annotated[int, Field(ge=1)]  # accuracy_log_sampling_target
    at_least: Annotated[int, Field(ge=1)]  # logged answers without which nothing is shown


class Same(Strict):
    """TEST04: one sample again and again."""

    index: Annotated[int, Field(ge=0)]  # in the set that LoadGen has loaded
    cached: Annotated[float, Field(gt=1)]  # a sample's first answer takes at most so many times a repeated one's
    percentile: Share  # by this percentile of either
    slow_start: Annotated[float, Field(ge=1)]  # a run's beginning is so many times slower than its rest, at most


class Tokens(Strict):
    """TEST06: so many answers of a token model are logged, with what was said of them."""

    accuracy_log_rng_seed: int
    samples: Annotated[int, Field(ge=1)]


class SeedsTest(Strict):
    """Runs with other seeds: the round's are faster by `faster_by` in no larger share of queries than `share`."""

    faster_by: Share
    share: Share
    queued_percentile: Share  # Server, Interactive: this percentile of the others is at most `queued_times` the round's
    queued_times: Annotated[float, Field(gt=1)]


class Loading(Strict):
    """Loading samples takes at most `fraction` of the time of answering as many, and `floor_s`."""

    fraction: Share
    floor_s: Positive


class AnswerComparison(Strict):
    """How answers of two runs to one sample are compared: element by element, as `dtype`, little-endian."""

    dtype: Literal["int32", "int64", "float32"]
    relative: Annotated[float, Field(ge=0)] = 0.0  # |a - b| / max|a| over the elements of one answer
    differing: Annotated[float, Field(ge=0, lt=1)] = 0.0  # the share of answers that may differ all the same


class WorkloadTests(Strict):
    """Which tests a workload takes, and what its answers are."""

    tests: Annotated[list[Test], Field(min_length=1)]
    answers: AnswerComparison
    eos: int | None = None  # the token that ends an answer of a token model


class ComplianceRules(Strict):
    """The whole of `compliance.yaml`."""

    performance: Performance
    TEST01: Sampling
    TEST04: Same
    TEST06: Tokens
    seeds: SeedsTest
    loading: Loading
    # Of a compliance run, for each performance run: made again where its pace alone fails its test (an INVALID of
    # TEST01 and TEST04 is part of it). Each try is recorded, and the last one counts, whatever it shows.
    tries: Annotated[int, Field(ge=1)]
    retakes: Annotated[int, Field(ge=0)]  # of a performance run whose tests fail by their pace however often made
    workloads: dict[str, WorkloadTests]

    def tests(self, workload: str) -> list[Test]:
        """Return the tests that results of a workload need in the closed division."""
        return self.workloads[workload].tests if workload in self.workloads else []


compliance_rules = kept("compliance.yaml", ComplianceRules)
