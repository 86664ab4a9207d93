"""An accuracy run answers each sample once; LoadGen fills MultiStream's last query with some that it asked before."""

from __future__ import annotations

from array import array
from types import SimpleNamespace
from typing import Any

import pytest

from checker.serving.answers import Answer
from checker.serving.judging.accuracy import _once
from rules.compliance import compliance_rules

SAMPLES = 20  # in queries of eight: 24
WORKLOAD = "sentence-embedding"


def row(value: float) -> str:
    return array("f", [value, 1.0]).tobytes().hex()


def said(scenario: str, samples: list[int], width: Any = 8, **other: str) -> list[str]:
    """What is wrong with answers to `samples`, in order; `other`: by place, another answer."""
    logged = [Answer(n, sample, other.get(f"at_{n}", row(sample))) for n, sample in enumerate(samples)]
    result: Any = SimpleNamespace(compliance=compliance_rules("assay-inference/1.0"), workload=WORKLOAD)
    run: Any = SimpleNamespace(
        scenario=scenario, detail={"effective_samples_per_query": width}, answers_path="mlperf_log_accuracy.json"
    )
    return [problem.message for problem in _once(result, run, logged, SAMPLES)]


def test_multistreams_last_query_may_be_filled_up() -> None:
    whole = [*range(SAMPLES), 3, 7, 0, 19]
    assert said("MultiStream", whole) == []
    assert said("MultiStream", whole, at_20=row(3.0001)) == []  # within what TEST01 allows
    assert said("MultiStream", whole, at_21=row(8)) == ["the answers to sample 7, which was asked twice, differ"]


@pytest.mark.parametrize(
    ("scenario", "samples", "width"),
    [
        ("SingleStream", [*range(SAMPLES), 3, 7, 0, 19], 8),
        ("Offline", [*range(SAMPLES), 3], 8),
        ("MultiStream", [*range(SAMPLES)], 8),
        ("MultiStream", [*range(SAMPLES), 3, 7, 0], 8),
        ("MultiStream", [*range(SAMPLES), *range(12)], 8),
        ("MultiStream", [*range(SAMPLES), 3, 7, 0, 20], 8),
        ("MultiStream", [*range(1, SAMPLES), 3, 7, 4, 5, 6], 8),
        ("MultiStream", [*range(SAMPLES), 3, 7, 0, 19], 0),
        ("MultiStream", [*range(SAMPLES), 3, 7, 0, 19], "8"),
        ("MultiStream", [], 8),
    ],
)
def test_anything_else_is_not_each_sample_once(scenario: str, samples: list[int], width: Any) -> None:
    assert said(scenario, samples, width) == ["the accuracy log is not each sample once"]
