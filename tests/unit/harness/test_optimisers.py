"""The optimisers' definitions, by what follows from them; that the frameworks run them is parity's to prove."""

from __future__ import annotations

import numpy as np
import pytest

from suite.harness.optimisers import OPTIMISERS, AdamW, Sgd, settings_of

MATRIX = np.array([[3.0, -2.0]])
NOTHING = np.zeros_like(MATRIX)


def stepped(optimiser: Sgd | AdamW, p: np.ndarray, gradients: list[np.ndarray], rate: float = 0.1) -> np.ndarray:
    slots = tuple(np.zeros_like(p) for _ in optimiser.SLOTS)
    for numbers, g in zip(optimiser.numbers([rate] * len(gradients), 0), gradients, strict=True):
        p, slots = optimiser.update(p, g, slots, numbers, np.sqrt)
    return p


def test_nesterov_momentum_looks_one_step_ahead() -> None:
    # v = 1, then 1.9; p moves by rate (1 + 0.9), then by rate (1 + 0.9 · 1.9).
    one = np.ones_like(MATRIX)
    assert MATRIX - stepped(Sgd(0.9, 0.0), MATRIX, [one, one]) == pytest.approx(0.1 * (1.9 + 2.71) * one)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_adamws_first_step_is_the_rate_whatever_the_gradients_size(size: float) -> None:
    moved = stepped(AdamW(0.9, 0.999, 1e-12, 0.0), MATRIX, [size * np.array([[1.0, -1.0]])])
    assert MATRIX - moved == pytest.approx(np.array([[0.1, -0.1]]))


def test_adamws_epsilon_is_added_after_the_bias_is_corrected() -> None:
    moved = stepped(AdamW(0.9, 0.999, 1.0, 0.0), MATRIX, [np.ones_like(MATRIX)])
    assert MATRIX - moved == pytest.approx(0.05 * np.ones_like(MATRIX))


def test_adamws_decay_does_not_pass_through_the_moments() -> None:
    assert stepped(AdamW(0.9, 0.999, 1e-8, 0.5), MATRIX, [NOTHING] * 2) == pytest.approx(MATRIX * 0.95**2)


@pytest.mark.parametrize("optimiser", [Sgd(0.9, 0.5), AdamW(0.9, 0.999, 1e-8, 0.5)])
def test_a_tensor_of_one_dimension_does_not_decay(optimiser: Sgd | AdamW) -> None:
    assert np.array_equal(stepped(optimiser, MATRIX[0], [NOTHING[0]]), MATRIX[0])


def test_hyperparameters_are_called_as_the_log_calls_them() -> None:
    assert {name: settings_of(name) for name in OPTIMISERS} == {
        "sgd": ["opt_momentum", "opt_weight_decay"],
        "adamw": ["opt_adamw_beta_1", "opt_adamw_beta_2", "opt_adamw_epsilon", "opt_adamw_weight_decay"],
    }
    assert settings_of("lamb") is settings_of(7) is None
