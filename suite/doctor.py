"""What this machine can run, and how to fix what it cannot: read-only, in seconds."""

from __future__ import annotations

import enum
import os
import platform
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

import docker

from rules.errors import AssayError, MachineError
from rules.ruleset import newest
from rules.serving import serving_rules, shipped
from rules.text import printable
from rules.workload import workload_rules
from suite.cache import cache_dir
from suite.engines.docker.connection import NO_ENGINE_FIX, connect, sentences
from suite.images import base, wheelhouse
from suite.images.build import recorded
from suite.images.matrix import Cell, Suite, select, why_not
from suite.images.matrix import target as described
from suite.settings import settings, workloads
from suite.targets import execution as route
from suite.targets import fitness, trial
from suite.targets.data import Target

GIB = 2**30
NEED_DISK_GIB = 8  # three images, their wheels and the layers the engine unpacks: measured in docs/images.md
NEED_MEMORY_GIB = 4
ANSWER_S = 1.5  # an engine that does not answer must not hold the report
SSH_ANSWER_S = 25  # ssh itself may take as long to say why not
DESCRIBE_S = 5  # one that answers may be busy

T = TypeVar("T")


class Level(enum.StrEnum):
    """How much a check's answer matters."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Check:
    """One thing looked at: what it is, how it stands, what to do."""

    name: str
    level: Level
    said: str
    fix: str = ""


def examine(cache: Path, submissions: Path, target: str) -> Iterator[Check]:
    """Yield every check, for runs on `target`; the engine's only where one answers soon.

    Raises UsageError for an unknown target.
    """
    kind = described(target)
    yield python()
    yield disk("cache", cache)
    yield disk("submissions", submissions)
    yield base_builder()
    try:
        soon = SSH_ANSWER_S if os.environ.get("DOCKER_HOST", "").startswith("ssh://") else ANSWER_S
        client = _within(soon, lambda: connect(timeout_s=DESCRIBE_S))
        yield from _within(DESCRIBE_S, lambda: list(engine(client)))
    except AssayError as error:
        yield Check("engine", Level.FAIL, error.message, error.fix)
        return
    yield from machine(client, target, kind)
    try:
        chosen = select(target=target, suite="all")
        for each in chosen:
            with sentences("looking for images"):
                found = image(client, each)
            yield found
        for suite in sorted(set(get_args(Suite)) - {each.suite for each in chosen}):
            yield Check(suite, Level.WARN, why_not("all", target, suite))
    except AssayError as error:
        yield Check("images", Level.FAIL, error.message, error.fix)
    for workload in workloads():
        if not settings(workload).frameworks:
            continue  # of inference alone
        try:
            yield ready(workload)
        except AssayError as error:
            yield Check("data", Level.FAIL, error.message, error.fix)


def _within(limit_s: float, ask: Callable[[], T]) -> T:
    """Return what `ask` returns; raise MachineError where it takes longer than `limit_s`.

    The client's own limit counts neither the look-up of a host's name nor an answer that comes drop by drop.
    """
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:  # noqa: BLE001 (it is raised in the thread that waits)
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return answer.result(limit_s)
    except TimeoutError:
        host = printable(os.environ.get("DOCKER_HOST") or "the local socket", 200)
        raise MachineError(f"no Docker engine answers at {host} within {limit_s:g} s", fix=NO_ENGINE_FIX) from None


def python() -> Check:
    """Look at the interpreter."""
    return Check("python", Level.OK, f"{platform.python_version()} at {sys.prefix}")


def disk(name: str, folder: Path) -> Check:
    """Look at the free space under `folder`, or under the nearest parent that exists."""
    try:
        here = next(p for p in (folder, *folder.parents) if p.exists())
        usage = shutil.disk_usage(here)
    except OSError as error:
        return Check(name, Level.FAIL, f"{printable(str(folder), 80)}: {error.strerror}", "choose another folder")
    shown = printable(str(here), 200)
    if not here.is_dir():
        return Check(name, Level.FAIL, f"{shown} is a file, not a folder", "choose another folder")
    if not os.access(here, os.W_OK):
        return Check(name, Level.FAIL, f"{shown} is not writable", "choose another folder or change its owner")
    if usage.total == 0:
        return Check(name, Level.FAIL, f"no file can be kept at {shown}", "choose another folder")
    free = usage.free / GIB
    level = Level.OK if free >= NEED_DISK_GIB else Level.WARN
    fix = "" if level is Level.OK else f"free space: building three images wants {NEED_DISK_GIB} GiB"
    return Check(name, level, f"{free:.0f} GiB free at {shown}", fix)


def base_builder() -> Check:
    """Look for what builds the base layer."""
    if shutil.which("mmdebstrap") is None:
        fix = "as root on Debian: apt-get install mmdebstrap; elsewhere images are built with --base registry"
        return Check("base", Level.WARN, "mmdebstrap is not installed", fix)
    if os.geteuid() != 0:
        return Check(
            "base", Level.WARN, "mmdebstrap is there, but needs root", "run as root, or build with --base registry"
        )
    return Check("base", Level.OK, "mmdebstrap is there")


def engine(client: docker.DockerClient) -> Iterator[Check]:
    """Look at the engine: version, size, how memory peaks are known, platform."""
    with sentences("describing itself"):
        info = client.info()
        version = client.version()["Version"]
    memory = info["MemTotal"] / GIB
    yield Check("engine", Level.OK, f"Docker {version} at {os.environ.get('DOCKER_HOST', 'the local socket')}")
    level = Level.OK if memory >= NEED_MEMORY_GIB else Level.WARN
    fix = "" if level is Level.OK else f"a run is given {NEED_MEMORY_GIB} GiB; ask for less with --memory"
    yield Check("machine", level, f"{info['NCPU']} CPUs, {memory:.0f} GiB, {info['Architecture']}", fix)
    controllers = {"MemoryLimit": "memory", "CPUSet": "cpuset", "PidsLimit": "pids"}
    missing = [name for member, name in controllers.items() if not info.get(member)]
    if missing:
        fix = "enable the cgroup controllers (rootless engines need them delegated)"
        yield Check("limits", Level.FAIL, f"the engine cannot limit {', '.join(missing)}", fix)
    else:
        yield Check("limits", Level.OK, f"memory, cpuset and pids, cgroup v{info.get('CgroupVersion', '1')}")


def machine(client: docker.DockerClient, name: str, kind: Target) -> Iterator[Check]:
    """Look whether the engine's machine is one of the target `name`, and fit for a run."""
    try:
        way = route.find(client, name, kind)
    except AssayError as error:
        yield Check(name, Level.FAIL, error.message, error.fix)
        return
    said = way.sentence.partition(": ")[2]
    if way.emulation is not None:
        yield Check(name, Level.WARN, said)
        ready = trial.refusal(client, kind.architecture) is None
        fix = "" if ready else "the first run installs it where it may: as root, with apt, on the engine's machine"
        yield Check("qemu", Level.OK if ready else Level.WARN, "registered" if ready else "absent", fix)
        return
    yield Check(name, Level.OK, said)
    try:
        chosen = select(target=name)[0]
        with sentences("looking for images"):
            image_id = base.there(client, chosen)
        if image_id is None:
            yield Check("machine", Level.OK, "its clocks, memory and drivers are read once the first image is built")
            return
        found = fitness.facts(client, image_id, chosen, way.access, kind.reads)
    except AssayError as error:
        yield Check("machine", Level.FAIL, error.message, error.fix)
        return
    for verdict in fitness.judge(kind.checks, found, {}):
        if not verdict.known and verdict.check.otherwise == "warn":
            yield Check("machine", Level.WARN, verdict.said)
            continue
        level = Level.FAIL if verdict.check.otherwise == "fail" else Level.WARN
        yield Check(
            "machine", Level.OK if verdict.good else level, verdict.said, "" if verdict.good else verdict.check.fix
        )


def image(client: docker.DockerClient, chosen: Cell) -> Check:
    """Look whether the image of a cell is built, or what building it still has to fetch."""
    if recorded(client, chosen):
        return Check(chosen.name, Level.OK, "built")
    if wheelhouse.have(chosen):
        return Check(chosen.name, Level.OK, "not built yet; its wheels are here, no download needed")
    return Check(chosen.name, Level.OK, "not built yet; the first run fetches its wheels (minutes)")


def ready(workload: str) -> Check:
    """Look whether the data of a workload is in the cache; the first run verifies it by digest."""
    place = cache_dir() / "data" / workload
    if settings(workload).frameworks:
        names = set(workload_rules(newest("assay"), workload).data)
    else:
        ruleset = newest("assay-inference")
        names = {name for name in serving_rules(ruleset, workload).data if shipped(ruleset, name) is None}
    if all((place / name).exists() for name in names):
        return Check("data", Level.OK, f"{workload}: in the cache")
    return Check("data", Level.OK, f"{workload}: the first run fetches it, or give your own copy with --data")


Show = Callable[[str], None]


def report(checks: Iterator[Check], show: Show) -> bool:
    """Show every check as it is made; return whether none failed."""
    good = True
    for check in checks:
        good &= check.level is not Level.FAIL
        show(f"{check.level:<5}{check.name:<12} {check.said}")
        if check.fix:
            show(f"{'':17} fix: {check.fix}")
    return good
