"""Jobs of inference in the smallest image that has LoadGen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from suite.engines.base import SandboxLimits
from suite.engines.docker.images import DockerImages
from suite.engines.docker.runner import DockerRunner
from suite.images.build import build
from suite.images.matrix import cell
from suite.result.job import Finished, job_files, run_job
from tests.integration.serving.toys import LIMIT_S

Serve = Callable[..., Finished]


@pytest.fixture(scope="session")
def serving_image(client):
    """The smallest image with LoadGen."""
    return build(DockerImages(client), cell("onnxruntime", "cpu", suite="inference"), lambda *_: None)


@pytest.fixture
def serve(client, serving_image) -> Serve:
    """Run a job in a container."""

    def run(code: dict[str, bytes], job: dict[str, Any], memory_mib: int = 512) -> Finished:
        limits = SandboxLimits(cpuset="", memory_bytes=memory_mib << 20)
        return run_job(
            DockerRunner(client, serving_image), job, job_files(code, {}), limits, LIMIT_S, module="suite.serve"
        )

    return run
