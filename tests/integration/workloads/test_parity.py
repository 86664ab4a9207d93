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
from suite.training.unmeasured import Unmeasured

if TYPE_CHECKING:
    import docker

    from suite.images.build import BuiltImage

pytestmark = [pytest.mark.engine, pytest.mark.image, pytest.mark.together]

WORKLOAD = "image-classification"
RULES = workload_rules("assay/1.0", WORKLOAD)
MODEL = "suite/workloads/image_classification/jax.py"
TASK = "suite/workloads/image_classification/task.py"
OPTIMISERS = "suite/harness/optimisers.py"
CLEAN = source.files(WORKLOAD)

NESTEROV = """        v = self.opt_momentum * v + g
        return p - rate * (g + self.opt_momentum * v), (v,)
"""
KERAS_NESTEROV = """        v = self.opt_momentum * v - rate * g
        return p + self.opt_momentum * v - rate * g, (v,)
"""
DECAY = """        if len(p.shape) > 1:
            g = g +"""
FAULTS = {
    "unbiased variance in the forward pass": (
        MODEL,
        "jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)",
        "(jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)) * (count / (count - 1))",
    ),
    "epsilon 1.1e-5": (TASK, "EPSILON, MOMENTUM = 1e-5", "EPSILON, MOMENTUM = 1.1e-5"),
    "epsilon 1e-3": (TASK, "EPSILON, MOMENTUM = 1e-5", "EPSILON, MOMENTUM = 1e-3"),
    "decay on normalisation and biases": (OPTIMISERS, DECAY, DECAY.replace("> 1", "> 0")),
    "Nesterov as Keras writes it": (OPTIMISERS, NESTEROV, KERAS_NESTEROV),
    "padding SAME": (MODEL, "(stride, stride), (pad, pad)", '(stride, stride), "SAME"'),
    "biased running variance": (MODEL, "MOMENTUM * var * (count / (count - 1))", "MOMENTUM * var"),
}


# The smallest of them, and the one that no loss shows.
TRIED = ("epsilon 1.1e-5", "biased running variance")


@pytest.fixture(scope="module")
def sides(client: docker.DockerClient, images: dict[str, BuiltImage], fashion: dict[str, Path]) -> object:
    """A function that runs one framework's side with one replacement in its source."""

    def run(framework: str, file: str = MODEL, old: str = "", new: str = "") -> parity.FrameworkSide:
        code = dict(CLEAN)
        if old:
            assert code[file].decode().count(old) == 1, f"{old!r} is not in {file} once"
            code[file] = code[file].decode().replace(old, new).encode()
        jobs = Unmeasured("assay/1.0", RULES, code, fashion)
        return parity.run_side(jobs, DockerRunner(client, images[framework]), "0", None)  # measured: the last

    return run


@pytest.fixture(scope="module")
def pytorch(sides) -> parity.FrameworkSide:
    return sides("pytorch")


def certificate(*both: parity.FrameworkSide) -> ParityCertificate:
    return parity.certificate_of(Unmeasured("assay/1.0", RULES, CLEAN, {}), both)


def test_the_published_sources_agree(sides, pytorch: parity.FrameworkSide) -> None:
    assert disagreements(certificate(pytorch, sides("jax")), RULES.parity) == []
    assert disagreements(certificate(pytorch, sides("tensorflow")), RULES.parity) == []


@pytest.mark.parametrize(
    "fault", [fault if fault in TRIED else pytest.param(fault, marks=pytest.mark.long) for fault in FAULTS]
)
def test_a_planted_fault_is_caught(sides, pytorch: parity.FrameworkSide, fault: str) -> None:
    assert disagreements(certificate(pytorch, sides("jax", *FAULTS[fault])), RULES.parity)
