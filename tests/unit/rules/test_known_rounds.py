"""A round without rules is said to be one; a suggestion never crosses a family or a major version."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.errors import UsageError
from rules.known_rounds import families, named, newest_first, spans, title
from rules.round import rulesets
from rules.ruleset import load

TRAINING = ", ".join(name for name in rulesets() if name.startswith("mlperf-training/"))
ALL = "it knows MLPerf HPC 1.0 to 3.0, MLPerf Inference 5.0 to 6.1, MLPerf Tiny 1.3 to 1.4, MLPerf Training 3.0 to 6.1"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mlperf-trainin/5.1", "mlperf-training/5.1"),
        ("mlperf-training/51", "mlperf-training/5.1"),
        ("mlperf-training/5,1", "mlperf-training/5.1"),
        ("mlperf-training/v5.1", "mlperf-training/5.1"),
        ("MLPerf-Training/5.1 ", "mlperf-training/5.1"),
        ("training/5.1", "mlperf-training/5.1"),
        ("training_v5.1", "mlperf-training/5.1"),
        ("inference_results_v6.0", "mlperf-inference/6.0"),
        ("mlperf-tiny/1.5", "mlperf-tiny/1.4"),
        ("assay/1.O", "assay/1.0"),
        ("asay-inference/1.0", "assay-inference/1.0"),
    ],
)
def test_a_slip_is_a_suggestion(name: str, meant: str) -> None:
    with pytest.raises(UsageError) as error:
        load(name)
    assert error.value.message == f"unknown round {name!r}"
    assert error.value.fix.startswith(f"did you mean {meant!r}? known: ")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mlperf-training/2.1", "MLPerf Training 2.1"),
        ("mlperf-training/7.0", "MLPerf Training 7.0"),
        ("mlperf-trainin/2.1", "MLPerf Training 2.1"),
    ],
)
def test_a_round_without_rules_is_answered_with_those_of_its_family(name: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        load(name)
    assert error.value.message == f"unknown round {name!r}: Assay has no rules of {said}"
    assert error.value.fix == f"known: {TRAINING}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mlperf-automotive/0.5", "MLPerf Automotive 0.5"),
        ("mlperf-storage/2.0", "MLPerf Storage 2.0"),
        ("mlperf-mobile/5.0", "MLPerf Mobile 5.0"),
        ("mlperf-mobile", "MLPerf Mobile"),
        ("mlperf-endpoints/1.0", "MLPerf Endpoints 1.0"),
    ],
)
def test_a_family_without_rules_is_answered_with_all_there_are(name: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        load(name)
    assert error.value.message == f"unknown round {name!r}: Assay has no rules of {said}; {ALL}"
    assert "did you mean" not in error.value.fix


@pytest.mark.parametrize("of", [f"{name}/{of}" for name, family in families().items() for of in family.rounds])
def test_no_published_round_without_rules_is_taken_for_a_slip(of: str) -> None:
    with pytest.raises(UsageError) as error:
        load(of)
    assert "Assay has no rules of" in error.value.message
    assert "did you mean" not in error.value.fix


@pytest.mark.parametrize("name", ["", "5.1", "x", "/", "mlperf-client/1.0", "a" * 5000, "\x1b[2J/1"])
def test_what_is_no_round_at_all_gets_the_list(name: str) -> None:
    with pytest.raises(UsageError) as error:
        load(name)
    assert error.value.message.startswith("unknown round")
    assert error.value.message.isprintable()
    assert error.value.fix == f"known: {', '.join(rulesets())}"


@pytest.mark.parametrize(
    ("path", "round_"),
    [
        ("/x/training_results_v2.1/NVIDIA", "mlperf-training/2.1"),
        ("/x/Inference_Results_V4.1-main", "mlperf-inference/4.1"),
        ("/x/mobile_submission_1.1", "mlperf-mobile/1.1"),
        ("/x/submissions_tiny_v1.3", "mlperf-tiny/1.3"),
        ("/x/training_v5.1/y", "mlperf-training/5.1"),
        ("/x/training-5.1", None),
        ("/x/mytraining_v5.1", None),
        ("/x/inference_results_v5.1.1", None),
        ("/x/training_results_vx.y", None),
    ],
)
def test_a_folder_is_named_for_a_round(path: str, round_: str | None) -> None:
    said = named(Path(path))
    assert (said and said[0]) == round_


def test_no_round_is_both_with_and_without_rules() -> None:
    assert {f"{name}/{of}" for name, family in families().items() for of in family.rounds}.isdisjoint(rulesets())


def test_rounds_are_said_in_words() -> None:
    assert title(["mlperf-tiny/1.2", "mlperf-tiny/1.0"]) == "MLPerf Tiny 1.0 or 1.2"
    assert title(["mlperf-storage"]) == "MLPerf Storage"
    assert spans(["mlperf-hpc/2.0", "mlperf-hpc/1.0", "assay/1.0"]) == "assay 1.0, MLPerf HPC 1.0 to 2.0"
    assert newest_first(["a/1.0", "a/10.0", "b/2.0"]) == ["b/2.0", "a/10.0", "a/1.0"]
