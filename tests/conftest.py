"""What all tests share: a real engine, real images, and honest reasons for skipping."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import docker

    from suite.images.build import BuiltImage

# A shell that starts tests in the background has them, and all they start, ignore Ctrl-C: tests of it would not end.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("assay", deadline=None)
settings.load_profile("assay")


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    """The engine DOCKER_HOST names; `make test` starts one where it may."""
    from rules.errors import MachineError
    from suite.engines.docker.connection import connect

    try:
        engine = connect()
    except MachineError as error:
        pytest.skip(f"{error.message}; {error.fix}")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def jax_image(client: docker.DockerClient) -> BuiltImage:
    """The smallest framework image, built on demand."""
    from suite.engines.docker.images import DockerImages
    from suite.images.build import build
    from suite.images.matrix import cell

    return build(DockerImages(client), cell("jax", "cpu"), lambda *_: None)


@pytest.fixture
def project() -> Path:
    """The checkout."""
    return Path(__file__).parents[1]
