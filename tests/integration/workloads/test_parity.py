"""The parity certificate tells the same model from nearly the same one: six small faults, each in one framework."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.families.assay.training.parity import disagreements
from rules.documents import ParityCertificate
from rules.workload import workload_rules
from suite.engines.docker.runner import DockerRunner
from suite.inputs import source
from suite.training import parity

if TYPE_CHECKING:
    import docker

    from suite.images.build import BuiltImage

pytestmark = [pytest.mark.engine, pytest.mark.image, pytest.mark.together]

WORKLOAD = "image-classification"
RULES = workload_rules("assay/1.0", WORKLOAD)
FILE = "suite/workloads/image_classification/jax.py"
CLEAN = source.files(WORKLOAD)

NESTEROV = """    velocity = {n: optimiser.momentum * v + g[n] for n, v in velocity.items()}
    weights = {n: p - rate * (g[n] + optimiser.momentum * velocity[n]) for n, p in weights.items()}
"""
KERAS_NESTEROV = """    velocity = {n: optimiser.momentum * v - rate * g[n] for n, v in velocity.items()}
    weights = {n: p + optimiser.momentum * velocity[n] - rate * g[n] for n, p in weights.items()}
"""
FAULTS = {
    "unbiased variance in the forward pass": (
        "jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)",
        "(jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)) * (count / (count - 1))",
    ),
    "epsilon 1.1e-5": ("EPSILON, MOMENTUM = 1e-5", "EPSILON, MOMENTUM = 1.1e-5"),
    "epsilon 1e-3": ("EPSILON, MOMENTUM = 1e-5", "EPSILON, MOMENTUM = 1e-3"),
    "decay on normalisation and biases": ("if p.ndim > 1 else gradients[n]", "if p.ndim > 0 else gradients[n]"),
    "Nesterov as Keras writes it": (NESTEROV, KERAS_NESTEROV),
    "padding SAME": ("(stride, stride), (pad, pad)", '(stride, stride), "SAME"'),
    "biased running variance": ("MOMENTUM * var * (count / (count - 1))", "MOMENTUM * var"),
}


# The smallest of them, and the one that no loss shows.
TRIED = ("epsilon 1.1e-5", "biased running variance")


class Silent:
    """A progress bar nobody watches."""

    def to(self, done: int, total: int, detail: str = "") -> None: ...


@pytest.fixture(scope="module")
def sides(client: docker.DockerClient, images: dict[str, BuiltImage], fashion: dict[str, Path]) -> object:
    """A function that runs one framework's side with one replacement in its source."""

    def run(framework: str, old: str = "", new: str = "") -> parity.FrameworkSide:
        code = dict(CLEAN)
        if old:
            assert code[FILE].decode().count(old) == 1, f"{old!r} is not in {FILE} once"
            code[FILE] = code[FILE].decode().replace(old, new).encode()
        return parity.run_side(
            DockerRunner(client, images[framework]), "1", "assay/1.0", RULES, code, fashion, Silent()
        )

    return run


@pytest.fixture(scope="module")
def pytorch(sides) -> parity.FrameworkSide:
    return sides("pytorch")


def certificate(*both: parity.FrameworkSide) -> ParityCertificate:
    return parity.certificate_of("assay/1.0", RULES, source.digest(CLEAN), both)


def test_the_published_sources_agree(sides, pytorch: parity.FrameworkSide) -> None:
    assert disagreements(certificate(pytorch, sides("jax")), RULES.parity) == []
    assert disagreements(certificate(pytorch, sides("tensorflow")), RULES.parity) == []


@pytest.mark.parametrize(
    "fault", [fault if fault in TRIED else pytest.param(fault, marks=pytest.mark.long) for fault in FAULTS]
)
def test_a_planted_fault_is_caught(sides, pytorch: parity.FrameworkSide, fault: str) -> None:
    assert disagreements(certificate(pytorch, sides("jax", *FAULTS[fault])), RULES.parity)
