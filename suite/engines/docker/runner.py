"""Containers of one image on a Docker engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import docker
from docker.types import Mount

from suite.engines.base import Runner, SandboxLimits
from suite.engines.docker.connection import connect
from suite.engines.docker.images import DockerImages
from suite.engines.docker.labels import TURN, busy
from suite.engines.docker.questions import has
from suite.engines.docker.sandbox import ContainerSandbox, options
from suite.engines.job import JOB, command
from suite.images.build import BuiltImage, verify
from suite.targets.data import Access

# Energy counters are root's to read; the observer is our own code and has no network.
RIGHTS = {"user": "0:0"}
# Engines from 24 on hide this folder from containers, for other programs' sake; it is put where the observer looks.
POWERCAP = "/sys/devices/virtual/powercap"
MEMORY = 128 << 20  # bytes, of an observer, or of what shows that a result is being measured


class DockerRunner(Runner):
    """Makes containers of `built`, an image the engine has."""

    def __init__(self, client: docker.DockerClient, built: BuiltImage, version: str = "") -> None:
        self._client, self._built = client, built
        self.image, self.image_id, self.version = built.identity, built.image_id, version
        self.bill = {"sbom.cdx.json": built.sbom}

    @property
    def environment(self) -> dict[str, str]:
        return self._built.environment | {"PYTHONPATH": f"{JOB}/source"}

    def busy(self) -> str | None:
        return busy(self._client)

    def taken(self) -> ContainerSandbox:
        """Return a container that does nothing: hosts that share the engine see it, and it ends with this process."""
        limits = SandboxLimits(cpuset="", memory_bytes=MEMORY, pids=32)
        return ContainerSandbox(self._client, self._built.image_id, limits, {}, command(), TURN)

    def sandbox(self, limits: SandboxLimits, module: str = "suite.harness", kind: str = "job") -> ContainerSandbox:
        """Return a container of the image, which must have the recorded layers."""
        verify(DockerImages(self._client), self._built)
        return ContainerSandbox(self._client, self._built.image_id, limits, self.environment, command(module), kind)

    def observer(self, cpuset: str, sources: Sequence[str], access: Access) -> ContainerSandbox:
        client = connect()
        environment, given = {"PYTHONPATH": f"{JOB}/source"}, dict[str, Any](RIGHTS)
        if "nvml" in sources:
            environment["NVIDIA_DRIVER_CAPABILITIES"] = "utility"
            given |= options(access)
        powercap = Mount("/meters/powercap", POWERCAP, type="bind", read_only=True)
        if "rapl" in sources and has(client, self._built.image_id, powercap):
            given["mounts"] = [powercap]
        limits = SandboxLimits(cpuset=cpuset, memory_bytes=MEMORY, pids=32)
        start = command("suite.sampler")
        return _Beside(client, self._built.image_id, limits, environment, start, "observer", given)


class _Beside(ContainerSandbox):
    """A container with a connection of its own: the run's waits for the run."""

    def _remove(self) -> None:
        super()._remove()
        self._client.close()
