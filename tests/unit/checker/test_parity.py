"""A parity certificate is judged by its own numbers, and by all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checker.families.assay.training.parity import disagreements
from rules.documents import ParityCertificate
from rules.workload import workload_rules

RULES = workload_rules("assay/1.0", "image-classification").parity
DIGEST = "0" * 64


def certificate(**changes: Any) -> ParityCertificate:
    losses = [2.3 / (n + 1) for n in range(RULES.steps)]
    sides = [
        {
            "framework": name,
            "wheel_lock_sha256": DIGEST,
            "versions": {},
            "losses_float64": list(losses),
            "losses_float32": list(losses),
        }
        for name in ("pytorch", "tensorflow", "jax")
    ]
    members = {
        "schema": "assay/parity-certificate/1",
        "ruleset": "assay/1.0",
        "workload": "image-classification",
        "seed": RULES.seed,
        "source_sha256": DIGEST,
        "data": {},
        "initial_weights_sha256": DIGEST,
        "frameworks": sides,
        "gradient_differences": {"head.weight": 1e-14},
        "weight_differences": {"head.weight": 1e-14, "stem.bn.running_var": 0.0},
    }
    return ParityCertificate.model_validate(members | changes)


def scaled(precision: str, step: int, factor: float) -> ParityCertificate:
    """A certificate in which the last framework's loss of one step (from 1) is off by a factor."""
    found = certificate()
    getattr(found.frameworks[2], f"losses_{precision}")[step - 1] *= factor
    return found


def test_frameworks_that_agree_are_not_objected_to() -> None:
    assert disagreements(certificate(), RULES) == []


@pytest.mark.parametrize(
    ("precision", "step", "off"),
    [("float64", 1, 2e-9), ("float64", 20, 2e-9), ("float32", 1, 2e-6), ("float32", 5, 2e-5)],
)
def test_a_loss_beyond_its_bound_is_named_with_pair_and_step(precision: str, step: int, off: float) -> None:
    found = disagreements(scaled(precision, step, 1 + off), RULES)
    assert {problem.message for problem in found} >= {
        f"losses of {name} and jax part in {precision} at step {step}" for name in ("pytorch", "tensorflow")
    }


@pytest.mark.parametrize(("precision", "step"), [("float64", 20), ("float32", 5)])
def test_a_loss_within_its_bound_is_not_objected_to(precision: str, step: int) -> None:
    assert disagreements(scaled(precision, step, 1 + RULES.losses_float64 / 2), RULES) == []


def test_float32_beyond_the_fifth_step_is_shown_and_not_judged() -> None:
    assert disagreements(scaled("float32", 6, 1.5), RULES) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": RULES.seed + 1},
        {"gradient_differences": {}},
        {"weight_differences": {}},
        {"gradient_differences": {"head.weight": 1e-8}},
        {"weight_differences": {"head.weight": 0.0, "stem.bn.running_var": 1e-3}},
    ],
)
def test_nothing_can_be_left_out_or_differ(changes: dict[str, Any]) -> None:
    assert disagreements(certificate(**changes), RULES)


def test_too_few_steps_or_the_same_framework_twice_prove_nothing() -> None:
    short = certificate()
    short.frameworks[0].losses_float64.pop()
    assert disagreements(short, RULES)
    twice = certificate()
    assert disagreements(twice.model_copy(update={"frameworks": [twice.frameworks[0]] * 2}), RULES)


@pytest.mark.parametrize("change", [lambda loss: -loss, lambda loss: 1.0, lambda loss: 0.0])
def test_losses_that_are_no_losses_prove_nothing(change: Callable[[float], float]) -> None:
    found = certificate()
    for side in found.frameworks:
        side.losses_float64[:] = [change(loss) for loss in side.losses_float64]
        side.losses_float32[:] = [change(loss) for loss in side.losses_float32]
    assert {problem.message.partition("'")[2] for problem in disagreements(found, RULES)} >= {
        f"s {precision} losses are not those of a training" for precision in ("float64", "float32")
    }


@pytest.mark.parametrize(("off", "named"), [(2e-5, True), (5e-6, False)])
def test_float32_begins_as_float64_does(off: float, named: bool) -> None:
    found = certificate()
    for side in found.frameworks:
        side.losses_float32[0] *= 1 + off
    assert bool(disagreements(found, RULES)) == named
