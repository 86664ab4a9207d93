"""An engine that is gone is said to be gone wherever an image is looked for, also between two runs."""

from __future__ import annotations

from collections.abc import Callable

import docker
import pytest

from suite.engines.base import EngineLostError
from suite.engines.docker.images import DockerImages


@pytest.mark.parametrize(
    "look", [lambda its: its.find("x", []), lambda its: its.layers("x"), lambda its: its.named("x")]
)
def test_an_engine_that_is_gone_is_a_sentence(look: Callable[[DockerImages], object]) -> None:
    with pytest.raises(EngineLostError, match="stopped answering while looking for an image"):
        look(DockerImages(docker.DockerClient(base_url="tcp://127.0.0.1:1", version="1.43")))
