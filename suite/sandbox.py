"""One hardened container for one job: put files, run, take files, gone.

Everything goes through the engine's API, so the engine may be on another machine. The container lives only as
long as our connection to its standard input: see `suite.harness.supervisor`.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

import docker
import requests
from docker.types import LogConfig, Ulimit
from docker.utils import socket as multiplexed

from rules.documents import Container, Memory
from rules.errors import MachineError
from suite.engine import EngineLostError, name, sentences

JOB = "/io/job"
USER = 1000
LABEL = "org.assay.job"
PROGRESS = ":::ASSAY "
MAX_LINE = 1 << 20  # characters of one output line that are kept
MAX_OUT = 1 << 30  # bytes taken back from a container

Line = Callable[[str, float], None]


@dataclass(frozen=True)
class Limits:
    """What the container may use: CPU list in the kernel's format, bytes of memory, number of processes."""

    cpuset: str
    memory_bytes: int
    pids: int = 512


@dataclass(frozen=True)
class Ended:
    """How the harness ended: `status` is its exit code, negative for a signal, None where nobody could say."""

    status: int | None
    out_of_memory: bool
    timed_out: bool
    memory: Memory | None


class Sandbox:
    """A container that is created on entry and gone, with its volume, on exit.

    Raises MachineError where the engine refuses, EngineLostError where it stops answering.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        image_id: str,
        limits: Limits,
        environment: dict[str, str],
        command: list[str],
    ) -> None:
        self._client = client
        self._image = image_id
        self._limits = limits
        self._environment = environment
        self.command = command
        self._container: Any = None
        self._socket: Any = None
        self._readers: dict[int, _Lines] = {}
        self._open = False  # whether the supervisor holds the container open for us

    def __enter__(self) -> Self:
        options = hardening(self._limits)
        with sentences("creating the container"):
            self._container = self._client.containers.create(
                self._image, self.command, environment=self._environment, labels={LABEL: "1"}, **options
            )
            params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            self._socket = self._client.api.attach_socket(self._container.id, params=params)
            self._container.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException, OSError):
            self._container.remove(force=True, v=True)
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException, OSError):
            self._container.wait(condition="removed", timeout=30)

    def describe(self) -> Container:
        """Return the limits and hardening as the engine holds them, read back from it."""
        with sentences("inspecting the container"):
            host = self._client.api.inspect_container(self._container.id)
        config = host["HostConfig"]
        return Container(
            engine=name(self._client),
            cpuset=config["CpusetCpus"],
            memory_bytes=config["Memory"],
            pids=config["PidsLimit"] or 0,
            network=config["NetworkMode"],
            read_only=config["ReadonlyRootfs"],
            user=host["Config"]["User"],
            cap_drop=config["CapDrop"] or [],
            security_opt=config["SecurityOpt"] or [],
        )

    def put(self, files: list[tuple[str, bytes | Path]]) -> None:
        """Place `files` (path below the job folder, content) in the container, owned by its user."""
        with tempfile.TemporaryFile() as spool:
            with tarfile.open(fileobj=spool, mode="w") as archive:
                for name in _folders(path for path, _ in files):
                    _add(archive, f"job/{name}".rstrip("/"), None)
                for name, content in files:
                    _add(archive, f"job/{name}", content)
            spool.seek(0)
            with sentences("copying the job into the container"):
                self._client.api.put_archive(self._container.id, "/io", spool)

    def run(self, limit_s: float, on_stdout: Line, on_stderr: Line) -> Ended:
        """Start, hand over each line with the host's receipt time (Unix seconds), return how it ended.

        The container is left open for `take`; a run past `limit_s` is killed.
        """
        timed_out = threading.Event()

        def expire() -> None:
            timed_out.set()
            with contextlib.suppress(docker.errors.DockerException, OSError):
                self._container.kill()

        watchdog = threading.Timer(limit_s, expire)
        watchdog.daemon = True
        done: dict[str, Any] = {}

        def stderr(line: str, received: float) -> None:
            if line.startswith(PROGRESS + '{"done"'):
                with contextlib.suppress(ValueError, KeyError):
                    done.update(json.loads(line[len(PROGRESS) :])["done"])
            else:
                on_stderr(line, received)

        readers = {1: _Lines(on_stdout), 2: _Lines(stderr)}
        with sentences("running the container"):
            _raw(self._socket).sendall(b"\n")  # GATE waits for it
            watchdog.start()
            try:
                for stream, data in _frames(self._socket):
                    readers[stream].feed(data, time.time())
                    if done:
                        break
            finally:
                watchdog.cancel()
        self._readers = readers
        self._open = bool(done)
        if not done and not timed_out.is_set():
            self._explain_silence()
        memory = done.get("memory")
        return Ended(
            status=done.get("status"),
            out_of_memory=bool(done.get("oom_kills")) or (not done and not timed_out.is_set()),
            timed_out=timed_out.is_set(),
            memory=Memory.model_validate(memory) if memory else None,
        )

    def _explain_silence(self) -> None:
        """Raise EngineLostError where the stream ended because the engine did; return where the container died."""
        try:
            self._client.ping()
        except (docker.errors.DockerException, OSError):
            raise EngineLostError(
                "the engine stopped answering during the run",
                fix="start it again, then repeat the command with --resume",
            ) from None

    def take(self) -> dict[str, bytes]:
        """Return the regular files of the job's `out` folder by relative path; none where the container is gone."""
        if not self._open:
            return {}
        with sentences("copying results out of the container"), tempfile.TemporaryFile() as spool:
            stream, _ = self._client.api.get_archive(self._container.id, f"{JOB}/out")
            for size, chunk in _running_total(stream):
                if size > MAX_OUT:
                    raise MachineError(f"the run left more than {MAX_OUT} bytes of results", fix="write less to out/")
                spool.write(chunk)
            spool.seek(0)
            with tarfile.open(fileobj=spool) as archive:
                return {
                    PurePosixPath(member.name).relative_to("out").as_posix(): archive.extractfile(member).read()  # type: ignore[union-attr]
                    for member in archive
                    if member.isreg()
                }

    def close(self) -> None:
        """Let the container end, and hand over what its output still holds."""
        with contextlib.suppress(OSError):
            _raw(self._socket).shutdown(socket.SHUT_WR)
            for stream, data in _frames(self._socket):
                self._readers[stream].feed(data, time.time())
        for reader in self._readers.values():
            reader.end(time.time())


# The container's first process: waits until the job is in place, or ends with the runner that was to put it there.
GATE = "import os, sys; os.read(0, 1) and os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


def command(module: str = "suite.harness") -> list[str]:
    """Return the command line of a container that runs `module` on the job under the supervisor."""
    return ["/opt/venv/bin/python", "-c", GATE, "-m", "suite.harness.supervisor", JOB, module]


def hardening(limits: Limits) -> dict[str, Any]:
    """Return the engine options every container of ours gets: nothing it does not need."""
    return {
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "user": f"{USER}:{USER}",
        "pids_limit": limits.pids,
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,
        "cpuset_cpus": limits.cpuset,
        "tmpfs": {"/tmp": "rw,nosuid,nodev,size=256m"},  # noqa: S108 (inside the container)
        "ulimits": [Ulimit(name="nofile", soft=4096, hard=4096), Ulimit(name="core", soft=0, hard=0)],
        "volumes": ["/io"],
        "working_dir": "/tmp",  # noqa: S108
        "init": True,
        "auto_remove": True,
        "stdin_open": True,
        "log_config": LogConfig(type=LogConfig.types.NONE),
    }


class _Lines:
    """Cut a byte stream into lines, each with the time its end was received."""

    def __init__(self, sink: Line) -> None:
        self._sink = sink
        self._rest = b""

    def feed(self, data: bytes, received: float) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:MAX_LINE]
        for line in lines:
            self._sink(line.decode("utf-8", "replace"), received)

    def end(self, received: float) -> None:
        if self._rest:
            self.feed(b"\n", received)


def _frames(connection: Any) -> Iterator[tuple[int, bytes]]:
    """Yield (1 for stdout or 2 for stderr, bytes) from the engine's multiplexed stream until it ends."""
    yield from multiplexed.frames_iter(connection, tty=False)  # type: ignore[no-untyped-call]


def _raw(connection: Any) -> socket.socket:
    """Return the socket below what the engine's client hands out for an attached container."""
    raw: socket.socket = getattr(connection, "_sock", connection)
    return raw


def _folders(paths: Iterable[str]) -> list[str]:
    """Return every folder above `paths`, parents first, with the job folder itself and its `out`."""
    found = {"", "out"}
    for path in paths:
        found |= {p.as_posix() for p in PurePosixPath(path).parents if p.as_posix() != "."}
    return sorted(found)


def _add(archive: tarfile.TarFile, name: str, content: bytes | Path | None) -> None:
    info = tarfile.TarInfo(name)
    info.uid = info.gid = USER
    if content is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(info)
        return
    info.mode = 0o644
    if isinstance(content, bytes):
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    else:
        info.size = content.stat().st_size
        with content.open("rb") as handle:
            archive.addfile(info, handle)


def _running_total(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        yield total, chunk
