"""A Docker engine behind ssh: its socket forwarded to one of this machine by the ssh program, for as long as we live.

The engine's own client would need paramiko for ssh://, and cannot attach to a container over the ssh program; the
program forwards sockets by itself, and brings the user's keys, agent and configuration along.
"""

from __future__ import annotations

import atexit
import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rules.errors import MachineError, UsageError
from rules.text import printable

SOCKET = "/var/run/docker.sock"
READY_S = 20
# No question is ever asked; a machine that went away is noticed within a minute.
OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": "10",
    "ExitOnForwardFailure": "yes",
    "ServerAliveCountMax": "4",
    "ServerAliveInterval": "15",
}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}|\[[0-9A-Fa-f:]{2,45}\]")
_PATH = re.compile(r"/[A-Za-z0-9._/-]{1,200}")
# Words of ssh (in lower case), what they mean, what to do; `{login}` is user and machine, `{host}` the machine.
_MEANINGS = (
    (
        "host key verification failed",
        "{host} has a key this user has not accepted, or its key changed",
        "compare its fingerprint and accept it: ssh {login}",
    ),
    ("permission denied (", "{host} refuses to log {login} in", "ssh-copy-id {login}; then: ssh {login} true"),
    ("could not resolve hostname", "no machine named {host} is known", "check the name in DOCKER_HOST"),
    (
        "connection refused",
        "nothing listens for ssh on {host}",
        "start sshd there, or give its port: ssh://user@machine:port",
    ),
    ("no route to host", "{host} cannot be reached", "check that it is on and in the same network"),
    ("timed out", "{host} does not answer", "check that it is on and in the same network"),
    (
        "administratively prohibited",
        "sshd on {host} does not forward sockets",
        "set AllowStreamLocalForwarding yes in its sshd_config",
    ),
    (
        "connect failed: permission denied",
        "{login} may not use the engine there",
        "on {host}: sudo usermod -aG docker USER, then log in again",
    ),
    ("connect failed", "no Docker engine listens at {path} on {host}", "on {host}: sudo systemctl start docker"),
)


@dataclass(frozen=True)
class Address:
    """`ssh://[user@]machine[:port][/path/of/the/engine.sock]`, taken apart."""

    host: str
    user: str | None
    port: int | None
    path: str

    @property
    def login(self) -> str:
        """User and machine, as ssh is given them."""
        return f"{self.user}@{self.host}" if self.user else self.host


class _Tunnel:
    """The ssh program and the socket it listens at, in a folder of this user alone."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._folder = tempfile.mkdtemp(prefix="assay-ssh-")
        self.socket = Path(self._folder) / "engine.sock"
        self._said = (Path(self._folder) / "said").open("w+b")
        atexit.register(self.close)
        command = ["ssh", *(word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}"))]
        command += ["-L", f"{self.socket}:{address.path}"]
        command += ["-p", str(address.port)] if address.port else []
        command += ["-l", address.user] if address.user else []
        # `cat` ends with our end of the pipe, and ssh with it: also where this process is killed.
        # A session of its own: Ctrl-C is for us, who still have containers to remove over it.
        self._ssh = subprocess.Popen(
            [*command, "--", address.host.strip("[]"), "exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
        )

    def await_ready(self) -> None:
        """Return when an engine can be asked through the tunnel; raise MachineError where it cannot be had."""
        deadline = time.monotonic() + READY_S
        while not self.socket.exists():
            if self._ssh.poll() is not None or time.monotonic() > deadline:
                raise self.explained()
            time.sleep(0.02)
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.settimeout(READY_S)
            probe.connect(str(self.socket))
            probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            if probe.recv(1):
                return
        raise self.explained()

    def alive(self) -> bool:
        """Return whether ssh still runs."""
        return self._ssh.poll() is None

    def explained(self) -> MachineError:
        """Return the error that ssh's own words amount to."""
        self._said.seek(0)
        said = self._said.read().decode("utf-8", "replace")
        names = {"login": self._address.login, "host": self._address.host, "path": self._address.path}
        for words, means, fix in _MEANINGS:
            if words in said.lower():
                return MachineError(f"no engine over ssh: {means.format(**names)}", fix=fix.format(**names))
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "no output")
        return MachineError(
            f"no engine over ssh at {self._address.login}: {printable(last, 300)}",
            fix=f"this must work: ssh {self._address.login} docker version",
        )

    def close(self) -> None:
        """End ssh, remove the socket."""
        if self._ssh.stdin is not None:
            with contextlib.suppress(OSError):
                self._ssh.stdin.close()
        self._ssh.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._ssh.wait(5)
        self._said.close()
        shutil.rmtree(self._folder, ignore_errors=True)


_open: dict[Address, _Tunnel] = {}
_one_at_a_time = threading.Lock()


def parse(text: str) -> Address:
    """Take apart an address ssh://…; raise UsageError for one that ssh could take for an option or a command."""
    try:
        parts = urlsplit(text)
        host, port = parts.netloc.rpartition("@")[2], parts.port
        host = host.removesuffix(f":{port}") if port is not None else host
        user = parts.username
    except ValueError:
        host, port, user, parts = "", None, None, urlsplit("")
    path = parts.path.rstrip("/") or SOCKET
    good = _NAME.fullmatch(host) and (user is None or _NAME.fullmatch(user)) and _PATH.fullmatch(path)
    if not good or parts.password or parts.query or parts.fragment or port == 0:
        raise UsageError(
            f"DOCKER_HOST={printable(text, 200)} is not the address of an engine over ssh",
            fix="write ssh://user@machine, with :port or /path/to/docker.sock where they are not the usual ones",
        )
    return Address(host, user, port, path)


def through(text: str) -> str:
    """Return the local address (unix://…) of the engine at `text` (ssh://…), after opening a way to it.

    One way is opened for each engine and kept until this process ends. Raises UsageError for an address that is none,
    MachineError where there is no ssh program or the machine, its engine or this user's rights there are missing.
    """
    address = parse(text)
    if shutil.which("ssh") is None:
        raise MachineError("the ssh program is missing", fix="apt-get install openssh-client")
    with _one_at_a_time:
        tunnel = _open.get(address)
        if tunnel is None or not tunnel.alive():
            tunnel = _Tunnel(address)
            try:
                tunnel.await_ready()
            except BaseException:
                tunnel.close()
                raise
            _open[address] = tunnel
        return f"unix://{tunnel.socket}"
