"""Whose a container is: labels that let the next run remove what a killed one could not."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

import docker
import requests

from rules.text import printable
from suite.engines.docker.connection import sentences

LABEL = "org.assay.job"  # its value: what the container does, "run" for a measured run
TURN = "turn"  # of one that does nothing, and shows as long as it runs that its owner measures on this engine
OWNER = "org.assay.owner"
STALE_S = 600  # a container is started within seconds of its creation


def owner(pid: int | None = None) -> str:
    """Return the owner label of process `pid` (default: this one): host, process namespace, process, its start."""
    pid = os.getpid() if pid is None else pid
    return f"{_here()} {pid} {_start(pid)}"


def labels(kind: str) -> dict[str, str]:
    """Return the labels of a new container of this process."""
    return {LABEL: kind, OWNER: owner()}


def remove_stale(client: docker.DockerClient) -> None:
    """Remove containers that were made and never started, where their owner is gone or time has passed.

    A started one ends with its owner's connection; one in state `created` waits for nobody.
    """
    for found in client.api.containers(all=True, filters={"label": LABEL, "status": "created"}):
        belongs = (found.get("Labels") or {}).get(OWNER, "")
        if not _gone(belongs) and time.time() - found["Created"] < STALE_S:
            continue
        # Another run may remove it at the same time.
        with contextlib.suppress(docker.errors.APIError, requests.RequestException):
            client.api.remove_container(found["Id"], force=True, v=True)


def busy(client: docker.DockerClient) -> str | None:
    """Return a sentence naming what `client`'s engine is measuring, None where that is nothing.

    A run counts whoever made it; that a result is being measured, with or without a run at this moment, others' alone.
    """
    with sentences("listing its containers"):
        running = client.api.containers(filters={"label": LABEL})
    for found in running:
        kind, by = ((found.get("Labels") or {}).get(name, "") for name in (LABEL, OWNER))
        if kind != "run" and (kind != TURN or by == owner()):
            continue
        name = next((name.lstrip("/") for name in found.get("Names") or []), found["Id"][:12])
        host, _, pid, _ = f"{by}   ".split(" ", 3)
        whose = f", started by process {pid} on {host}" if pid else ""
        return printable(f"another run is being measured on this engine (container {name}{whose})", 300)
    return None


def _here() -> str:
    """Return where process numbers mean the same as here: host name and process namespace, without blanks."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        namespace = "-"
    return f"{socket.gethostname().replace(' ', '_') or '-'} {namespace}"


def _start(pid: int) -> str:
    """Return when `pid` started in the kernel's own count (proc(5), stat field 22), `-` where it does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "-"


def _gone(belongs: str) -> bool:
    """Return whether the owner that a label names was a process of this host and is no more."""
    here, _, process = belongs.rpartition(" ")[0].rpartition(" ")
    if here != _here() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return belongs != owner(int(process))
