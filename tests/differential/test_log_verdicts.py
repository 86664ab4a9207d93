"""The official verdict on a log is the official checker's own: every round and benchmark, spoiled in every way known.

ASSAY_DIFFERENTIAL=all runs all of them (a quarter of an hour); otherwise a sample that changes with nothing.
"""

from __future__ import annotations

import os
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("mlperf_logging")

from tests.differential import mutations, sheet_logs
from tests.differential.log_mutants import copied, mutate, spoil
from tests.differential.log_oracle import official, ours, tame, text

ROUNDS = [f"mlperf-training/{version}" for version in ("3.0", "3.1", "4.0", "4.1", "5.0", "5.1", "6.0", "6.1")]
ROUNDS += [f"mlperf-hpc/{version}" for version in ("1.0", "2.0", "3.0")]
EVERYTHING = os.environ.get("ASSAY_DIFFERENTIAL") == "all"
Case = tuple[str, str, str, str | None]


def _cases() -> list[Case]:
    found: list[Case] = []
    for name in ROUNDS:
        for division, benchmark in sheet_logs.cases(name):
            optimisers = ("sgd", "lars") if benchmark == "resnet" and division == "closed" else (None,)
            found += [(name, division, benchmark, optimiser) for optimiser in optimisers]
    return found


CASES = _cases()


@cache
def _lines(case: Case) -> list[dict[str, Any]]:
    return sheet_logs.log(*case)


def _agree(log: bytes, round_name: str) -> None:
    if tame(log):
        assert ours(log, round_name) == official(log, round_name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(filter(None, case)))
def test_named_spoilings_get_the_same_answer(case: Case) -> None:
    log = text(_lines(case))
    for spoiling in mutations.LOGS.values():
        spoiled = spoiling(log)
        if spoiled is not None:
            _agree(spoiled, case[0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(filter(None, case)))
def test_each_key_spoiled_gets_the_same_answer(case: Case) -> None:
    log, rng = text(_lines(case)), Random(" ".join(filter(None, case)))
    every = [spoiling for key in mutations.keys_of(log) for _, spoiling in mutations.per_key(key)]
    for spoiling in every if EVERYTHING else rng.sample(every, 40):
        spoiled = spoiling(log)
        if spoiled is not None:
            _agree(spoiled, case[0])


@pytest.mark.parametrize("log_round", ROUNDS)
@pytest.mark.parametrize("judging_round", ROUNDS)
def test_a_log_of_another_round_gets_the_same_answer(log_round: str, judging_round: str) -> None:
    for case in CASES:
        if case[0] == log_round:
            _agree(text(_lines(case)), judging_round)


@settings(max_examples=20_000 if EVERYTHING else 600, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(CASES), st.integers(0, 5), st.integers(0, 2), st.randoms(use_true_random=False))
def test_any_mixture_of_spoilings_gets_the_same_answer(case: Case, edits: int, bytes_changed: int, rng: Random) -> None:
    lines = copied(_lines(case))
    for _ in range(edits):
        mutate(lines, rng)
    log = text(lines)
    for _ in range(bytes_changed):
        log = spoil(log, rng)
    _agree(log, case[0])
