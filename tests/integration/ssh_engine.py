"""A second Docker engine on this machine, in its own network namespace, reached over real ssh on loopback.

Everything is thrown away afterwards: keys, server, engine and its images.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest


@dataclass(frozen=True)
class Server:
    """An sshd of our own: its port, and a folder whose `ssh` knows it (first in PATH)."""

    port: int
    folder: Path

    def address(self, path: Path | str = "") -> str:
        """Return ssh:// to the socket `path` of the server."""
        return f"ssh://{os.environ.get('USER') or 'root'}@127.0.0.1:{self.port}{path}"


def needed(*programs: str) -> None:
    """Skip, saying why, where a program is missing that apt could not bring either."""
    packages = {"sshd": "openssh-server", "ssh": "openssh-client", "ssh-keygen": "openssh-client"}
    for name in programs:
        if shutil.which(name) or Path(f"/usr/sbin/{name}").exists():
            continue
        if os.geteuid() == 0 and shutil.which("apt-get") and name in packages:
            install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", packages[name]]
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
            subprocess.run(install, capture_output=True, check=False)
        if not (shutil.which(name) or Path(f"/usr/sbin/{name}").exists()):
            pytest.skip(f"{name} is missing here")


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[Server]:
    """Start an sshd on a free port of loopback with keys of its own, and an `ssh` that is let in."""
    needed("sshd", "ssh", "ssh-keygen")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = [f"HostKey {folder}/host", f"AuthorizedKeysFile {folder}/authorized", f"PidFile {folder}/pid"]
    server += ["StrictModes no", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin yes", "LogLevel ERROR"]
    (folder / "sshd_config").write_text("\n".join(server) + "\n")
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    client = [f"IdentityFile {folder}/user", f"UserKnownHostsFile {folder}/known", "IdentitiesOnly yes"]
    (folder / "ssh_config").write_text("\n".join([*client, "StrictHostKeyChecking yes"]) + "\n")
    # ssh finds its configuration by the user's entry in /etc/passwd, whatever HOME says.
    wrapper = folder / "bin/ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {shlex.quote(f"{folder}/ssh_config")} "$@"\n')
    wrapper.chmod(0o755)
    listen = ["-p", str(port), "-o", "ListenAddress=127.0.0.1"]
    with subprocess.Popen(
        [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd_config", *listen]
    ) as sshd:
        try:
            wait(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
            yield Server(port, wrapper.parent)
        finally:
            sshd.terminate()


@contextlib.contextmanager
def second_engine(folder: Path) -> Iterator[Path]:
    """Start a Docker engine that shares nothing with the first; yield its socket."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("a second engine needs root and dockerd")
    listen = folder / "engine.sock"
    places = {"data-root": "data", "exec-root": "exec", "pidfile": "engine.pid"}
    command = [f"--{option}={folder / name}" for option, name in places.items()]
    # In the first one's network namespace, --bridge=none would delete its bridge.
    alone = ["unshare", "--net", "dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false"]
    with (folder / "log").open("w") as log:
        engine = subprocess.Popen(
            [*alone, *command, f"--host=unix://{listen}"], stdout=log, stderr=log, start_new_session=True
        )
    try:
        try:
            wait(lambda: docker.DockerClient(base_url=f"unix://{listen}").ping(), 40)
        except Exception:  # noqa: BLE001 (whatever the client raises, it has not started)
            pytest.skip(f"a second engine does not start here: {(folder / 'log').read_text()[-300:]}")
        yield listen
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait(30)
        shutil.rmtree(folder / "data", ignore_errors=True)


def wait(happened, limit_s: float = 10) -> None:
    """Return once `happened` raises nothing; raise what it raised last after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            happened()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
