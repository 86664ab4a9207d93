"""The Docker engine: find it, and say in one sentence what to do where it cannot be had."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException

from rules.errors import Exit, MachineError
from rules.text import printable
from suite.engines.base import EngineLostError
from suite.engines.docker.tunnel import through

NO_ENGINE_FIX = (
    "start one (suite/engine.sh installs and starts it as root on Debian), add yourself to the group `docker`, "
    "or point DOCKER_HOST at a machine that has one; `assay doctor` says more"
)
ANSWER_S = 1.5  # an engine that does not answer must not hold up who only looks
SSH_ANSWER_S = 25  # ssh itself may take as long to say why not
DESCRIBE_S = 5  # one that answers may be busy
T = TypeVar("T")
CLOSED: dict[str, Any] = {  # the options of every container
    "network_mode": "none",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
}


def connect(timeout_s: int = 60) -> docker.DockerClient:
    """Return a client for the engine `DOCKER_HOST` names, or raise MachineError saying how to get one."""
    host = printable(os.environ.get("DOCKER_HOST") or "the local socket", 200)
    try:
        if host.startswith("ssh://"):
            client = docker.DockerClient(base_url=through(os.environ["DOCKER_HOST"]), timeout=timeout_s)
        else:
            client = docker.from_env(timeout=timeout_s)
        client.ping()
    except (DockerException, requests.RequestException, OSError) as error:
        raise MachineError(f"no Docker engine answers at {host} ({reason(error)})", fix=NO_ENGINE_FIX) from None
    except ValueError as error:
        raise MachineError(f"DOCKER_HOST={host} is not an address ({reason(error)})", fix=NO_ENGINE_FIX) from None
    return client


def soon() -> docker.DockerClient:
    """Return a client for an engine that answers within seconds; raise MachineError where none does."""
    over_ssh = os.environ.get("DOCKER_HOST", "").startswith("ssh://")
    return within(SSH_ANSWER_S if over_ssh else ANSWER_S, lambda: connect(timeout_s=DESCRIBE_S))


def within(limit_s: float, ask: Callable[[], T]) -> T:
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


def name(client: docker.DockerClient) -> str:
    """Return what the engine calls itself, e.g. `Docker Engine - Community 28.2.2`."""
    with sentences("asking the engine for its version"):
        version = client.version()
    platform = (version.get("Platform") or {}).get("Name")
    return f"{platform or 'Docker'} {version['Version']}".strip()


def architecture(client: docker.DockerClient) -> str:
    """Return the architecture of the engine's machine as images name it, e.g. `amd64`."""
    with sentences("describing itself"):
        kernel = str(client.info()["Architecture"])
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(kernel, kernel)


@contextmanager
def sentences(doing: str) -> Iterator[None]:
    """Turn what the engine's client raises while `doing` something into errors with a sentence."""
    try:
        yield
    except APIError as error:
        text = reason(error)
        if "no space left" in text.lower():
            raise MachineError(
                f"the engine's disk is full while {doing}",
                fix="free space there (`docker system df` shows what is used)",
            ) from None
        raise MachineError(f"the engine refused {doing}: {text}") from None
    except (DockerException, requests.RequestException, OSError) as error:
        raise EngineLostError(
            f"the engine stopped answering while {doing} ({reason(error)})",
            fix="start it again, then repeat the command with --resume",
        ) from None


@contextmanager
def patience(client: docker.DockerClient, seconds: int) -> Iterator[None]:
    """Give the engine so long for each answer."""
    usual, client.api.timeout = client.api.timeout, seconds
    try:
        yield
    finally:
        client.api.timeout = usual


def reason(error: Exception) -> str:
    """Return the engine's own words in `error`, safe to print."""
    text = error.explanation if isinstance(error, APIError) and error.explanation else str(error)
    return printable(str(text).strip() or type(error).__name__)


if __name__ == "__main__":
    # suite/engine.sh asks so where it has neither curl nor the engine's own client.
    try:
        connect(timeout_s=10)
    except MachineError:
        sys.exit(Exit.MACHINE)
