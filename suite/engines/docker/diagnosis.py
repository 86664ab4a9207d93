"""What `assay doctor` says of a Docker engine, its machine and its images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import get_args

import docker

from rules.errors import AssayError
from suite.engines.docker import questions
from suite.engines.docker.connection import sentences
from suite.host.diagnosis import Diagnosis, Level
from suite.images import base, wheelhouse
from suite.images.build import recorded
from suite.images.matrix import Cell, Suite, select, why_not
from suite.images.store import ImageStore
from suite.targets import fitness
from suite.targets.data import ExecutionMode, Target

GIB = 2**30
NEED_MEMORY_GIB = 4


def engine(client: docker.DockerClient) -> Iterator[Diagnosis]:
    """Look at the engine: version, size, how memory peaks are known, platform."""
    with sentences("describing itself"):
        info = client.info()
        version = client.version()["Version"]
    memory = info["MemTotal"] / GIB
    yield Diagnosis("engine", Level.OK, f"Docker {version} at {os.environ.get('DOCKER_HOST', 'the local socket')}")
    said, fix = f"{info['NCPU']} CPUs, {memory:.0f} GiB, {info['Architecture']}", "ask for less with --memory"
    fix = f"a run is given {NEED_MEMORY_GIB} GiB; {fix}"
    yield Diagnosis.of("machine", said, fix, good=memory >= NEED_MEMORY_GIB)
    controllers = {"MemoryLimit": "memory", "CPUSet": "cpuset", "PidsLimit": "pids"}
    missing = [name for member, name in controllers.items() if not info.get(member)]
    fix = "enable the cgroup controllers (rootless engines need them delegated)"
    said = f"memory, cpuset and pids, cgroup v{info.get('CgroupVersion', '1')}"
    said = f"the engine cannot limit {', '.join(missing)}" if missing else said
    yield Diagnosis.of("limits", said, fix, good=not missing, otherwise=Level.FAIL)


def machine(
    client: docker.DockerClient, store: ImageStore, name: str, kind: Target, mode_of: Callable[[], ExecutionMode]
) -> Iterator[Diagnosis]:
    """Look whether the engine's machine is one of the target `name`, and fit for a run in the mode `mode_of` finds."""
    try:
        mode = mode_of()
    except AssayError as error:
        yield Diagnosis(name, Level.FAIL, error.message, error.fix)
        return
    said = mode.sentence.partition(": ")[2]
    if mode.emulation is not None:
        yield Diagnosis(name, Level.WARN, said)
        ready = questions.refusal(client, kind.architecture) is None
        fix = "the first run installs it where it may: as root, with apt, on the engine's machine"
        yield Diagnosis.of("qemu", "registered" if ready else "absent", fix, good=ready)
        return
    yield Diagnosis(name, Level.OK, said)
    try:
        chosen = select(target=name)[0]
        with sentences("looking for images"):
            image = base.there(store, chosen)
        if image is None:
            said = "its clocks, memory and drivers are read once the first image is built"
            yield Diagnosis("machine", Level.OK, said)
            return
        found = questions.facts(client, image, chosen, mode.access, kind.reads)
    except AssayError as error:
        yield Diagnosis("machine", Level.FAIL, error.message, error.fix)
        return
    yield from fitness.diagnoses(kind.checks, found)


def images(store: ImageStore, target: str) -> Iterator[Diagnosis]:
    """Look which of a target's images are built, or what building them still has to fetch."""
    try:
        chosen = select(target=target, suite="all")
        for each in chosen:
            with sentences("looking for images"):
                found = _image(store, each)
            yield found
        for suite in sorted(set(get_args(Suite)) - {each.suite for each in chosen}):
            yield Diagnosis(suite, Level.WARN, why_not("all", target, suite))
    except AssayError as error:
        yield Diagnosis("images", Level.FAIL, error.message, error.fix)


def _image(store: ImageStore, cell: Cell) -> Diagnosis:
    if recorded(store, cell):
        return Diagnosis(cell.name, Level.OK, "built")
    fetched = wheelhouse.have(cell)
    wheels = "its wheels are here, no download needed" if fetched else "the first run fetches its wheels (minutes)"
    return Diagnosis(cell.name, Level.OK, f"not built yet; {wheels}")
