"""Where jobs run as a rule: containers of an image on an engine; and what stands below a framework's runs there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import docker
from docker.types import Mount

from suite import machine
from suite.engines.base import JOB, Limits, command
from suite.engines.docker.connection import connect, sentences
from suite.engines.docker.labels import TURN, busy, labels
from suite.engines.docker.sandbox import Sandbox
from suite.images.build import BuiltImage, build, verify
from suite.images.matrix import Cell
from suite.progress import Phase
from suite.result.environment import Ground
from suite.targets import fitness
from suite.targets.data import Access
from suite.targets.execution import Way

# Energy counters are root's to read; the observer is our own code and has no network.
RIGHTS = {"user": "0:0"}
# Engines from 24 on hide this folder from containers, for other programs' sake; it is put where the observer looks.
POWERCAP = "/sys/devices/virtual/powercap"


@dataclass(frozen=True)
class Containers:
    """Containers of one image on one engine: a `Place`."""

    client: docker.DockerClient
    image: BuiltImage

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every container that runs the harness."""
        return self.image.environment | {"PYTHONPATH": f"{JOB}/source"}

    def busy(self) -> str | None:
        """Return which measured run the engine is busy with."""
        return busy(self.client)

    def taken(self) -> Sandbox:
        """Return a container that does nothing: hosts that share the engine see it, and it ends with this process."""
        limits = Limits(cpuset="", memory_bytes=MEMORY, pids=32)
        return Sandbox(self.client, self.image.image_id, limits, {}, command("suite.harness"), TURN)

    def box(self, limits: Limits, module: str, kind: str) -> Sandbox:
        """Return a container of the image, which must have the recorded layers."""
        verify(self.client, self.image)
        return Sandbox(self.client, self.image.image_id, limits, self.environment, command(module), kind)

    def observer(self, cpuset: str, sources: Sequence[str], access: Access) -> Sandbox:
        """Return a container of the image with the rights and devices that meters need."""
        client = connect()
        environment, given = {"PYTHONPATH": f"{JOB}/source"}, dict[str, Any](RIGHTS)
        if "nvml" in sources:
            environment["NVIDIA_DRIVER_CAPABILITIES"] = "utility"
            given |= access.options()
        if "rapl" in sources and _has(client, self.image.image_id, POWERCAP):
            given["mounts"] = [Mount("/meters/powercap", POWERCAP, type="bind", read_only=True)]
        limits = Limits(cpuset=cpuset, memory_bytes=MEMORY, pids=32)
        return _Beside(client, self.image.image_id, limits, environment, command("suite.observe"), "observer", given)


MEMORY = 128 << 20  # bytes, of an observer, or of what shows that a result is being measured


class _Beside(Sandbox):
    """A container with a connection of its own: the run's waits for the run."""

    def _remove(self) -> None:
        super()._remove()
        self._client.close()


def _has(client: docker.DockerClient, image_id: str, path: str) -> bool:
    """Whether the engine's machine has `path`: it refuses to make a container with what it has not."""
    mounts = [Mount("/meters", path, type="bind", read_only=True)]
    with sentences("looking for meters"):
        try:
            found = client.containers.create(
                image_id, ["true"], mounts=mounts, network_mode="none", labels=labels("observer")
            )
        except docker.errors.APIError:
            return False
        with suppress(docker.errors.APIError):
            found.remove(force=True, v=True)
    return True


def ground(client: docker.DockerClient, way: Way, cell: Cell) -> Ground:
    """See that the engine's machine is fit, build the image, and return what the framework's runs stand on.

    `way` is how runs of the target happen. Raises MachineError where either cannot be had.
    """
    found = fitness.require(client, cell, way)
    with Phase(f"image {cell.framework} {cell.target}") as phase:
        image = build(client, cell, phase.building)
    facts = machine.probe(client, image.image_id)
    place = Containers(client, image)
    return Ground(
        place=place,
        machine=facts,
        host=machine.host(client),
        target=found,
        environment=place.environment,
        framework=cell.requirements[0].partition("==")[2],
        cpus=range(facts["cpus"]),
        access=way.access,
        emulation=way.emulation,
        image=image.identity,
        beside={"sbom.cdx.json": image.sbom},
    )
