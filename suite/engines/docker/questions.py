"""Ask a Docker engine about its machine: by small containers, each gone once it has answered.

Whether it runs a program of an architecture with a target's devices is asked by a container of some hundred bytes, so
it is answered in a second, on a remote engine too, and before anything is fetched or built.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import secrets
import tarfile
from collections.abc import Mapping
from typing import Any

import docker
import docker.errors
import requests
from docker.types import Mount
from pydantic import TypeAdapter, ValidationError

from rules.errors import MachineError
from rules.text import printable
from suite.engines.base import EngineLostError, Host, SandboxLimits
from suite.engines.docker.connection import CLOSED, name, reason, sentences
from suite.engines.docker.images import DockerImages
from suite.engines.docker.labels import labels
from suite.engines.docker.sandbox import ContainerSandbox, mount, options
from suite.engines.job import JOB, command
from suite.host import cache
from suite.images import archive
from suite.images.files import Layer
from suite.images.matrix import Cell
from suite.inputs.source import ROOT, SUPERVISOR, loaded
from suite.targets.data import NOTHING, Access
from suite.targets.program import program

PROGRAM = "/ends"
ANSWER_S = 30
PROBE_S = 60
SMALL = 256 << 20  # bytes of memory
FACTS = TypeAdapter(dict[str, str])


def host(client: docker.DockerClient) -> Host:
    """Return what the engine says of its machine."""
    with sentences("describing the machine"):
        info = client.info()
    return Host(
        memory_bytes=info["MemTotal"],
        operating_system=info["OperatingSystem"],
        engine=name(client),
        cgroup_version=info.get("CgroupVersion", "1"),
        storage_driver=info["Driver"],
        cpus=int(info["NCPU"]),
    )


def refusal(client: docker.DockerClient, architecture: str, access: Access = NOTHING) -> str | None:
    """Return why the engine cannot run a program of `architecture` with `access`, in its own words; None: it can.

    Raises MachineError where the engine stops answering.
    """
    with sentences("trying a container"):
        image = _smallest(client, architecture)
    trial = f"assay-trial-{secrets.token_hex(6)}"
    try:
        client.containers.create(
            image,
            [PROGRAM],
            name=trial,
            labels=labels("trial"),
            mem_limit="64m",
            **CLOSED,
            **options(access),
        )
        client.api.start(trial)
        status = int(client.api.wait(trial, timeout=ANSWER_S)["StatusCode"])
        said = printable(client.api.logs(trial, tail=3).decode("utf-8", "replace"), 300).strip()
    except docker.errors.APIError as error:
        return reason(error)
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineLostError(
            f"the engine stopped answering while trying a container ({reason(error)})", fix="repeat the command"
        ) from None
    finally:
        # The engine leaves the container behind where it could not be started.
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException, OSError):
            client.api.remove_container(trial, force=True, v=True)
    return None if status == 0 else said or f"its program ended with status {status}"


def _smallest(client: docker.DockerClient, architecture: str) -> str:
    """Return the engine's image that holds the program alone."""
    content = program(architecture)
    with cache.scratch() as scratch:
        place = scratch / "layer.tar"
        with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as tar:
            info = tarfile.TarInfo(PROGRAM.lstrip("/"))
            info.mode, info.size = 0o755, len(content)
            tar.addfile(info, io.BytesIO(content))
        diff_id = hashlib.sha256(place.read_bytes()).hexdigest()
        made = archive.config(architecture=architecture, epoch=0, layers={diff_id: "assay trial"})
        tag, store = f"assay/trial-{architecture}:{diff_id[:12]}", DockerImages(client)
        return store.find(tag, [diff_id]) or store.load(made, [Layer(place, diff_id)], tag, lambda *_: None)


def machine(client: docker.DockerClient, image: str) -> dict[str, Any]:
    """Return what the kernel under the engine says of the machine (`suite.harness.probe`)."""
    start, limits, files = (
        command("suite.harness.probe"),
        SandboxLimits("", SMALL),
        loaded(SUPERVISOR, "suite.harness.probe"),
    )
    found, said = _answer(client, image, start, {}, limits, files, "probe.json")
    if not found:
        raise MachineError(f"the probe container reported nothing about this machine: {said}")
    facts: dict[str, Any] = json.loads(found)
    return facts


def facts(
    client: docker.DockerClient, image: str, cell: Cell, access: Access, reads: tuple[str, ...]
) -> dict[str, str]:
    """Return the facts of the engine's machine, read by `suite/targets/host.py` in a container of the base `image`.

    `reads` are files of the machine it may read beside /proc and /sys; one that is not there is left out.
    """
    there = tuple(path for path in reads if has(client, image, mount(path)))
    limits = SandboxLimits(cpuset="", memory_bytes=SMALL, access=access, reads=there)
    files = loaded(SUPERVISOR) | {"host.py": (ROOT / "suite/targets/host.py").read_bytes()}
    start = [cell.interpreter, *command("host")[1:]]
    found, said = _answer(client, image, start, cell.environment, limits, files, "facts.json")
    try:
        return {fact: printable(value, 200) for fact, value in FACTS.validate_json(found).items()}
    except ValidationError:
        raise MachineError(f"the probe container reported nothing about the engine's machine: {said}") from None


def _answer(
    client: docker.DockerClient,
    image: str,
    start: list[str],
    environment: Mapping[str, str],
    limits: SandboxLimits,
    files: Mapping[str, Any],
    name: str,
) -> tuple[bytes, str]:
    """Run a probe's `files`; return the file `name` that it left, empty where there is none, and its last words."""
    said: list[str] = []
    held = {**environment, "PYTHONPATH": f"{JOB}/source"}
    with ContainerSandbox(client, image, limits, held, start) as box:
        box.put([(f"source/{file}", path) for file, path in files.items()])
        box.run(PROBE_S, lambda line, _: said.append(line), lambda line, _: said.append(line))
        found = box.take().get(name, b"")
        box.close()
    return found, printable(" ".join(said)[-300:])


def has(client: docker.DockerClient, image: str, there: Mount) -> bool:
    """Whether the engine's machine has what is to be mounted: else the engine refuses to make a container."""
    with sentences("looking for a file of its machine"):
        try:
            made = client.containers.create(
                image, ["true"], mounts=[there], network_mode="none", labels=labels("probe")
            )
        except docker.errors.APIError:
            return False
        with contextlib.suppress(docker.errors.APIError):
            made.remove(force=True, v=True)
    return True
