"""Jobs of the harness in real images, a few steps long."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rules.workload import workload_rules

if TYPE_CHECKING:
    import docker

    from suite.images.build import BuiltImage

WORKLOAD = "image-classification"
QUALITY = {"metric": "top-1 accuracy", "log": "eval_accuracy", "better": "higher", "target": 0.9}
FRAMEWORKS = ("pytorch", "tensorflow", "jax")


@dataclass
class Ran:
    """What a job left: the harness's exit code, its events, its other words, its files."""

    status: int | None
    events: list[dict[str, Any]]
    stderr: list[str]
    out: dict[str, bytes] = field(default_factory=dict)

    @property
    def result(self) -> dict[str, Any]:
        return json.loads(self.out["result.json"])


@pytest.fixture(scope="session")
def images(client: docker.DockerClient) -> dict[str, BuiltImage]:
    """The image of every framework."""
    from suite.engines.docker.images import DockerImages
    from suite.images.build import build
    from suite.images.matrix import cell

    return {name: build(DockerImages(client), cell(name, "cpu"), lambda *_: None) for name in FRAMEWORKS}


@pytest.fixture(scope="session")
def fashion() -> dict[str, Path]:
    """The data files."""
    from suite.inputs.data import obtain

    return obtain(WORKLOAD, workload_rules("assay/1.0", WORKLOAD), None, lambda *_: None)


@pytest.fixture(scope="session")
def run_job(client: docker.DockerClient, images: dict[str, BuiltImage], fashion: dict[str, Path]) -> Callable[..., Ran]:
    """Run a short training job: twelve steps, an evaluation after eight, on one core."""
    from suite.engines.base import SandboxLimits
    from suite.engines.docker.sandbox import ContainerSandbox
    from suite.engines.job import command
    from suite.inputs import source

    rules = workload_rules("assay/1.0", WORKLOAD)

    def run(framework: str, hyperparameters: Mapping[str, Any] | None = None, **members: Any) -> Ran:
        code = source.files(WORKLOAD, profile=members.get("mode") == "profile")
        short = {"opt_learning_rate_training_steps": 12, "opt_learning_rate_warmup_steps": 4}
        job = {
            "mode": "train",
            "workload": WORKLOAD,
            "framework": framework,
            "division": "open",
            "target": "cpu",
            "run": 0,
            "seed": 11,
            "threads": 1,
            "submission": {"org": "tests", "platform": "tests"},
            "ruleset": "assay/1.0",
            **source.digests(code),
            "data": rules.data,
            "hyperparameters": rules.hyperparameters | short | dict(hyperparameters or {}),
            "evaluation": {"first_step": 8, "every_steps": 3},
            "quality": QUALITY,
            "schedule": "linear",
            "warmup_steps": 4,
        } | members
        files: list[tuple[str, bytes | Path]] = [("job.json", json.dumps(job).encode())]
        files += [(f"source/{name}", content) for name, content in code.items()]
        files += [(f"data/{name}", path) for name, path in fashion.items()]
        ran = Ran(None, [], [])
        image = images[framework] if framework in images else images["jax"]
        environment = image.environment | {"PYTHONPATH": "/io/job/source"}
        with ContainerSandbox(client, image.image_id, SandboxLimits("0", 4 << 30), environment, command()) as box:
            box.put(files)
            ended = box.run(
                300,
                lambda line, _: ran.events.append(json.loads(line.removeprefix(":::MLLOG "))),
                lambda line, _: ran.stderr.append(line),
            )
            ran.out = box.take()
            box.close()
        ran.status = ended.status
        return ran

    return run
