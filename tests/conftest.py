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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together in one process, and let those begin that hold the machine longest.

    Tests marked `machine` take the turn to measure, so they come one after another in one process, and the others fill
    the rest of the machine. Of the others, a file stays together, for what its tests share; in integration a test is on
    its own where its file does not name a group.
    """
    order = {"machine": 0, "images": 1, "file": 2, "test": 3}
    ranks = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        if item.get_closest_marker("machine"):
            kind = group = "machine"
        elif file.startswith("tests/integration/images/"):
            kind = group = "images"
        elif file.startswith("tests/integration/") and not item.get_closest_marker("together"):
            kind, group = "test", ""
        else:
            kind, group = "file", file
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
        ranks[item] = order[kind]
    items.sort(key=ranks.__getitem__)


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
