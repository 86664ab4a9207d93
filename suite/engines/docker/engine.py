"""A Docker engine, on this machine or another, and how it does what every engine does (`suite.engines.base`)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import docker

from rules.errors import MachineError
from rules.text import printable
from suite.engines.base import Engine, Host, RunEnvironment
from suite.engines.docker import connection, diagnosis, labels, questions
from suite.engines.docker.connection import sentences
from suite.engines.docker.images import DockerImages
from suite.engines.docker.runner import DockerRunner
from suite.host.diagnosis import Diagnosis
from suite.host.progress import Phase
from suite.images import base
from suite.images.build import build
from suite.images.matrix import Cell, minimums
from suite.images.matrix import target as described
from suite.targets import emulation, fitness
from suite.targets.data import NOTHING, ExecutionMode, Target

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def connect(place: str = "", folder: Path | None = None, *, hasty: bool = False) -> DockerEngine:  # noqa: ARG001
    """Return the engine that DOCKER_HOST names; `place` and `folder` are of other engines.

    `hasty` refuses one that does not answer within seconds. Raises MachineError saying how to get one.
    """
    return DockerEngine(connection.soon() if hasty else connection.connect())


class DockerEngine(Engine):
    """The engine that `client` leads to."""

    def __init__(self, client: docker.DockerClient) -> None:
        self.client = client
        self.store = self.images = DockerImages(client)

    @property
    def host(self) -> Host:
        return questions.host(self.client)

    def locks(self) -> list[str]:
        """Return the engine's own, and this machine's where it shares that with what runs here without an engine."""
        host = os.environ.get("DOCKER_HOST", "")
        with sentences("describing itself"):
            engine = str(self.client.info().get("ID") or host)
        here = not _remote() or urlsplit(host).hostname in LOOPBACK
        return [*(["machine"] if here else []), f"engine-{hashlib.sha256(engine.encode()).hexdigest()[:16]}"]

    def busy(self) -> str | None:
        return labels.busy(self.client)

    def mode(self, name: str, target: Target) -> ExecutionMode:
        """Return how runs of the target happen on this engine, by its machine and a trial with the target's devices."""
        where = _where()
        with sentences("describing itself"):
            kernel = str(self.client.info().get("KernelVersion", ""))
        here = self.store.architecture
        known = not target.kernel or any(part in kernel.lower() for part in target.kernel)
        if here == target.architecture and known:
            if (said := questions.refusal(self.client, here, target.access)) is not None:
                raise _refused(name, target, said)
            how = f"measured on {where}, {target.machine} (kernel {printable(kernel)})"
            return ExecutionMode(target.access, f"target {name}: {how}; what it shows is {target.claims}")
        if target.emulation is None:
            what = f"is {here}" if here != target.architecture else f"runs the kernel {printable(kernel)}"
            raise MachineError(
                f"target {name} needs {target.machine} ({target.platform}), and {where} {what}",
                fix=f"run on {target.machine}, or point DOCKER_HOST at one: DOCKER_HOST=ssh://user@machine",
            )
        short = target.emulation
        how = "under emulation (qemu)" if here != target.architecture else f"on {here} that is not {target.machine}"
        return ExecutionMode(
            NOTHING,
            f"target {name}: {where} is not {target.machine}, so its {target.platform} image runs {how}: a smoke "
            f"run of {short.training_steps} training steps and one evaluation, not a performance result. That takes "
            f"about {short.minutes} minutes, the first time about {short.first_minutes}; the run is ended after "
            f"{short.time_limit_s:g} s. To measure {target.machine}: DOCKER_HOST=ssh://user@machine",
            short,
        )

    def prepare(self, target: Target, mode: ExecutionMode) -> None:
        """Have an emulator for another architecture where runs are emulated."""
        if mode.emulation is not None:
            emulation.ensure(
                lambda architecture: questions.refusal(self.client, architecture),
                target.architecture,
                local=not _remote(),
            )

    def runner(self, cell: Cell) -> DockerRunner:
        with Phase(f"image {cell.name}") as phase:
            built = build(self.store, cell, phase.to)
        return DockerRunner(self.client, built, cell.requirements[0].partition("==")[2])

    def environment(self, cell: Cell, mode: ExecutionMode) -> RunEnvironment:
        found = self._fit(cell, mode)
        runner = self.runner(cell)
        machine = questions.machine(self.client, runner.image_id)
        cpus = range(machine["cpus"])
        return RunEnvironment(runner, machine, self.host, found, cpus, mode.access, mode.emulation)

    def _fit(self, cell: Cell, mode: ExecutionMode) -> dict[str, str]:
        """Return the facts of the machine that measures `cell`, nothing where another one stands in for it.

        Only the base is fetched for it, which is small beside a framework.
        """
        if mode.emulation is not None:
            return {}
        kind = described(cell.target)
        with Phase(f"machine for {cell.target}") as phase:
            below = base.prepare(self.store, cell, phase.to)
            found = questions.facts(self.client, below.image, cell, mode.access, kind.reads)
        least = minimums(cell.framework, cell.target)
        fitness.hold(f"the engine's machine is not fit for {cell.name}", kind.checks, found, least)
        return found

    def examine(self, name: str, target: Target) -> Iterator[Diagnosis]:
        yield from connection.within(connection.DESCRIBE_S, lambda: list(diagnosis.engine(self.client)))
        yield from diagnosis.machine(self.client, self.store, name, target, lambda: self.mode(name, target))
        yield from diagnosis.images(self.store, name)


def _remote() -> bool:
    """Return whether the engine is on another machine, by its address."""
    host = os.environ.get("DOCKER_HOST", "")
    return bool(host) and not host.startswith("unix://")


def _where() -> str:
    return f"the engine's machine ({printable(os.environ['DOCKER_HOST'], 100)})" if _remote() else "this machine"


def _refused(name: str, target: Target, said: str) -> MachineError:
    if (known := target.refusal(said)) is not None:
        return MachineError(f"target {name} cannot run on {_where()}: {known.means}", fix=known.fix)
    return MachineError(
        f"target {name} cannot run on {_where()}: {printable(said, 300)}", fix=f"assay doctor --target {name}"
    )
