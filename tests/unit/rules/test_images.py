"""What the round says of images is what `images/` and the workloads hold."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rules.images import Images, images
from rules.published import certificates
from rules.ruleset import load
from suite.engines.job import JOB
from suite.images.matrix import Suite, cell, select
from suite.images.matrix import target as kind
from suite.workloads.image_classification import task

ROUND = load("assay/1.0")
ROUNDS: dict[Suite, Images | None] = {"training": images(ROUND), "inference": images(load("assay-inference/1.0"))}
KNOWN = {suite: found for suite, found in ROUNDS.items() if found is not None}
CELLS = [(s, f, t) for s, known in KNOWN.items() for t, of in known.targets.items() for f in of.frameworks]


def test_the_rounds_have_the_images_of_the_matrix_and_no_other() -> None:
    """But for images on a base that only a submitter can name: nothing of it could be fixed."""
    built = [each for each in select(suite="all") if each.base.provider == "mmdebstrap"]
    assert {(each.suite, each.framework, each.target) for each in built} == set(CELLS)


@pytest.mark.parametrize(("suite", "framework", "name"), CELLS)
def test_locks_environment_and_wheel_are_those_the_image_is_built_from(suite: Suite, framework: str, name: str) -> None:
    known = KNOWN[suite]
    built, target = cell(framework, name, "mmdebstrap", suite), known.targets[name]
    fixed = target.frameworks[framework]
    assert hashlib.sha256(built.wheel_lock.read_bytes()).hexdigest() == fixed.wheel_lock_sha256
    assert hashlib.sha256(built.base_lock.read_bytes()).hexdigest() == target.base_lock_sha256
    assert built.environment | {"PYTHONPATH": f"{JOB}/source"} == {**known.environment, **fixed.environment}
    assert built.base.architecture == target.architecture
    assert list(kind(name).meters) == target.meters
    assert kind(name).accelerators == target.accelerators
    assert any(requirement.partition("==")[0].partition("[")[0] in fixed.wheels for requirement in built.requirements)


def test_the_published_certificate_was_made_with_the_rounds_wheels() -> None:
    (certificate,) = certificates(ROUND.name, "image-classification", "")
    locks = {name: fixed.wheel_lock_sha256 for name, fixed in KNOWN["training"].targets["cpu"].frameworks.items()}
    assert {side.framework: side.wheel_lock_sha256 for side in certificate.frameworks} == locks


def test_the_workloads_tensors_are_those_training_ends_with() -> None:
    shapes = {name: list(value.shape) for name, value in task.initial_weights(Path(), 1).items()}
    assert ROUND.workload("image-classification").weights == shapes


def test_wheels_of_a_framework_have_an_order() -> None:
    known = images(ROUND)
    assert known is not None
    assert known.wheels("tensorflow") == ["tensorflow", "tensorflow-cpu"]
