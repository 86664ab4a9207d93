"""The recipe "Add a round": one that extends the newest of its family and changes one number, and is run by."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rules.round
from rules.errors import UsageError
from rules.inference import inference_rules
from rules.known_rounds import newest_first
from rules.ruleset import load, newest
from rules.serving import serving_rules
from rules.tiny import tiny_rules
from rules.training import package_rules
from suite.inference.procedure import Inference
from suite.inference.reference_check import reference_outputs
from suite.result.request import Request
from suite.training.procedure import Training
from tests.unit.by_table import mistakes
from tests.unit.rounds import forget

WORKLOAD = "image-classification"
CHANGES = {
    "assay": (f"workloads/{WORKLOAD}.yaml", "runs: {open: 7}"),
    "assay-inference": (f"workloads/{WORKLOAD}.yaml", "scenarios: {SingleStream: {min_duration_ms: 12345}}"),
    "mlperf-training": ("package.yaml", "repository: {file_bytes: 12345}"),
    "mlperf-hpc": ("package.yaml", "repository: {file_bytes: 12345}"),
    "mlperf-inference": ("package.yaml", "limits: {duration_ms: 12345}"),
    "mlperf-tiny": ("tiny.yaml", "wake_words: {wrong_at_most: 12345}"),
}


@pytest.fixture
def after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The newest round of each family, by that family, with a round `99.0` after it."""
    root = tmp_path / "rules"
    shutil.copytree(rules.round.ROOT, root, ignore=shutil.ignore_patterns("*.py", "__pycache__", "schemas"))
    (tmp_path / "docs").symlink_to(rules.round.ROOT.parent / "docs")
    before = {family: newest(family) for family in CHANGES}
    for family, (file, change) in CHANGES.items():
        for path, text in (("ruleset.yaml", f"extends: {before[family]}"), (file, change)):
            (root / family / "99.0" / path).parent.mkdir(parents=True, exist_ok=True)
            (root / family / "99.0" / path).write_text(text)
    monkeypatch.setattr(rules.round, "ROOT", root)
    for cached in (package_rules, inference_rules, tiny_rules):
        cached.cache_clear()
    forget()
    yield before
    forget()


def asked(**more: Any) -> Request:
    """Return a request for open results of the workload."""
    given: list[Any] = [WORKLOAD, "pytorch", "cpu", "open", "Example", None, [], None, None, None, None, Path("out")]
    return Request(*given, False, False, False, **more)


def test_a_round_of_each_family_says_only_that_it_extends_one(after: dict[str, str]) -> None:
    for family, before in after.items():
        then, now = load(before), load(newest(family))
        assert now.name == f"{family}/99.0"
        assert now.cards == then.cards
        assert (now.limits, now.salt, now.workloads()) == (then.limits, then.salt, then.workloads())
    assert package_rules("mlperf-training/99.0").repository.file_bytes == 12345
    assert package_rules("mlperf-hpc/99.0").repository.file_bytes == 12345
    assert inference_rules("mlperf-inference/99.0").package.limits.duration_ms == 12345
    assert tiny_rules("mlperf-tiny/99.0").wake_words.wrong_at_most == 12345
    assert list(mistakes()) == []


def test_training_is_run_by_the_newest_round_or_by_the_one_asked_for(after: dict[str, str]) -> None:
    procedure = Training(asked())
    assert (procedure.ruleset, procedure.rules.runs.open) == ("assay/99.0", 7)
    assert procedure.rules.quality == load(after["assay"]).workload(WORKLOAD).quality
    older = Training(asked(round=after["assay"]))
    assert (older.ruleset, older.rules) == (after["assay"], load(after["assay"]).workload(WORKLOAD))
    assert older.request.arguments("jax")[-2:] == ["--round", after["assay"]]


def test_inference_is_run_by_the_newest_round_or_by_the_one_asked_for(after: dict[str, str]) -> None:
    procedure = Inference(asked(scenario="SingleStream"))
    scenario = procedure.rules.scenarios["SingleStream"]
    assert (procedure.ruleset, scenario.min_duration_ms, scenario.percentile) == ("assay-inference/99.0", 12345, 0.9)
    older = serving_rules(after["assay-inference"], WORKLOAD)
    assert Inference(asked(scenario="SingleStream", round=after["assay-inference"])).rules == older
    assert reference_outputs(procedure.ruleset, procedure.rules) == reference_outputs(after["assay-inference"], older)


def test_a_round_of_another_family_is_no_round_to_run_by(after: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"unknown round of assay 'assay-inference/1\.0'") as said:
        Training(asked(round=after["assay-inference"]))
    assert said.value.fix.endswith("known: assay/1.0, assay/99.0")


def test_the_newest_is_by_version_and_not_by_letters() -> None:
    assert newest_first(["assay/1.9", "assay/1.10"])[0] == "assay/1.10"
