"""An accuracy run answers each sample once; LoadGen fills MultiStream's last query with some that it asked before."""

from __future__ import annotations

from array import array
from types import SimpleNamespace
from typing import Any

import pytest

from checker.families.assay.inference.answers import Answer
from checker.families.assay.inference.rules.accuracy import _once
from rules.compliance import compliance_rules
from rules.scenarios import scenario_named
from rules.serving import ServingRules, serving_rules

RULES = serving_rules("assay-inference/1.0", "sentence-embedding").model_copy(
    update={"samples": 20, "performance_samples": 20}
)
SAMPLES = RULES.samples  # in queries of eight: 24


def row(value: float) -> str:
    return array("f", [value, 1.0]).tobytes().hex()


def said(
    scenario: str, samples: list[int], rules: ServingRules = RULES, division: str = "closed", **other: str
) -> list[str]:
    """What is wrong with answers to `samples`, in order; `other`: by place, another answer."""
    logged = [Answer(n, sample, other.get(f"at_{n}", row(sample))) for n, sample in enumerate(samples)]
    result: Any = SimpleNamespace(
        compliance=compliance_rules("assay-inference/1.0"), workload=rules.workload, rules=rules, division=division
    )
    asked: Any = rules.scenarios.get(scenario)  # type: ignore[call-overload]
    run: Any = SimpleNamespace(its=scenario_named(scenario), asked=asked, answers_path="mlperf_log_accuracy.json")
    return [problem.message.partition(":")[0] for problem in _once(result, run, logged, rules)]


def test_multistreams_last_query_may_be_filled_up() -> None:
    whole = [*range(SAMPLES), 3, 7, 0, 19]
    assert said("MultiStream", whole) == []
    assert said("MultiStream", whole, at_20=row(3.0001)) == []  # within what TEST01 allows
    differ = ["samples that were asked twice have two answers"]
    assert said("MultiStream", whole, at_21=row(8)) == differ
    assert said("MultiStream", whole, at_7=row(8)) == differ
    assert said("MultiStream", whole, division="open", at_21=row(8)) == []


def test_each_set_that_loadgen_loads_is_filled_up() -> None:
    sets = RULES.model_copy(update={"performance_samples": 13})  # 13 and 7: 16 and 8
    assert said("MultiStream", [*range(SAMPLES), 3, 7, 0, 19], sets) == []
    uneven = RULES.model_copy(update={"performance_samples": 9})  # 9, 9 and 2: 16, 16 and 8
    assert said("MultiStream", [*range(SAMPLES), *range(20)], uneven) == []
    assert said("MultiStream", [*range(SAMPLES), 3, 7, 0, 19], uneven) != []


@pytest.mark.parametrize(
    ("scenario", "samples"),
    [
        ("SingleStream", [*range(SAMPLES), 3, 7, 0, 19]),
        ("Offline", [*range(SAMPLES), 3]),
        ("MultiStream", [*range(SAMPLES)]),
        ("MultiStream", [*range(SAMPLES), 3, 7, 0]),
        ("MultiStream", [*range(SAMPLES), *range(12)]),
        ("MultiStream", [*range(SAMPLES), 3, 7, 0, 20]),
        ("MultiStream", [*range(1, SAMPLES), 3, 7, 4, 5, 6]),
        ("MultiStream", [*range(SAMPLES), 3, 3, 3, 3]),
        ("MultiStream", []),
    ],
)
def test_anything_else_is_not_each_sample_once(scenario: str, samples: list[int]) -> None:
    assert said(scenario, samples) == ["the accuracy log is not each sample once"]
