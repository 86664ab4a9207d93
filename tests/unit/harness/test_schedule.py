"""What happens at which step: learning rates, data order, evaluations and calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.harness.job import Job, JobError
from suite.harness.schedule import DataOrder, call_sizes, calls, evaluation_steps, learning_rates, recipe

CLOSED = {
    "global_batch_size": 128,
    "gradient_accumulation_steps": 1,
    "opt_name": "sgd",
    "opt_base_learning_rate": 0.4,
    "opt_momentum": 0.9,
    "opt_weight_decay": 5e-4,
    "opt_learning_rate_warmup_steps": 187,
    "opt_learning_rate_training_steps": 936,
}


def job(**hyperparameters: Any) -> Job:
    return Job(
        folder=Path(),
        mode="train",
        workload="image-classification",
        framework="jax",
        division="open",
        target="cpu",
        run=0,
        seed=1,
        threads=1,
        submission={},
        ruleset="assay/1.0",
        source_sha256="",
        transport_sha256="",
        data={},
        hyperparameters=CLOSED | hyperparameters,
        evaluation={},
        quality={},
        schedule="linear",
        warmup_steps=4,
    )


def test_the_rate_rises_to_its_peak_at_the_end_of_warmup_and_falls_towards_zero() -> None:
    rates = learning_rates(recipe(job()))
    assert len(rates) == 936
    assert rates[0] == pytest.approx(0.4 / 187, rel=1e-15)
    assert rates[186] == pytest.approx(0.4)
    assert rates[187] == pytest.approx(0.4)
    assert rates[935] == pytest.approx(0.4 / 749, rel=1e-15)


def test_no_warmup_starts_at_the_peak() -> None:
    assert learning_rates(recipe(job(opt_learning_rate_warmup_steps=0)))[0] == 0.4


@pytest.mark.parametrize(
    "broken",
    [
        {"opt_name": "lamb"},
        {"opt_name": "adamw"},
        {"gradient_accumulation_steps": 2},
        {"global_batch_size": 0},
        {"opt_learning_rate_warmup_steps": 936},
        {"opt_momentum": "much"},
    ],
)
def test_a_recipe_no_trainer_implements_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(JobError):
        recipe(job(**broken))


def test_a_constant_schedule_stays_at_the_peak() -> None:
    rates = learning_rates(replace(recipe(job()), schedule="constant"))
    assert rates[186] == pytest.approx(0.4)
    assert set(rates[187:]) == {0.4}


def test_an_epoch_visits_every_sample_once_but_for_the_dropped_rest() -> None:
    order = DataOrder(7, 1000, 128)
    epoch = order.take(order.steps_per_epoch)
    assert epoch.shape == (7, 128)
    assert len(np.unique(epoch)) == 7 * 128


def test_epochs_differ_and_seeds_differ() -> None:
    order = DataOrder(7, 1000, 128)
    first, second = order.take(7), order.take(7)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, DataOrder(8, 1000, 128).take(7))


@given(st.lists(st.integers(1, 20), min_size=1, max_size=10), st.integers(0, 2**32 - 1))
def test_the_data_order_does_not_depend_on_how_many_steps_a_call_takes(pieces: list[int], seed: int) -> None:
    whole = DataOrder(seed, 500, 50).take(sum(pieces))
    order = DataOrder(seed, 500, 50)
    assert np.array_equal(whole, np.concatenate([order.take(n) for n in pieces]))


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(JobError, match="more than the 100"):
        DataOrder(1, 100, 128)


def test_evaluations_come_at_the_rules_steps_and_after_the_last() -> None:
    assert evaluation_steps(780, 26, 936) == [780, 806, 832, 858, 884, 910, 936]
    assert evaluation_steps(780, 26, 20) == [20]


@given(st.integers(1, 200), st.integers(1, 60), st.integers(1, 400), st.integers(1, 40))
def test_warmup_knows_every_shape_the_run_will_use(first: int, every: int, last: int, size: int) -> None:
    evaluations = evaluation_steps(first, every, last)
    used, at = [], 0
    for stop in evaluations:
        used += calls(at, stop, size)
        at = stop
    assert sum(used) == last
    assert set(used) == call_sizes(evaluations, size)
