"""One hardened container for one job: put files, run, take files, gone.

Everything goes through the engine's API, so the engine may be on another machine. The container lives only as
long as our connection to its standard input: see `suite.harness.supervisor`.
"""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

import docker
import requests
from docker.types import LogConfig, Mount, Ulimit
from pydantic import ValidationError

from rules.documents import Container, Memory
from rules.errors import MachineError
from rules.text import printable
from suite.attached import Attached
from suite.engine import EngineLostError, name, reason, sentences
from suite.owner import LABEL as LABEL
from suite.owner import busy as busy
from suite.owner import labels, remove_stale
from suite.targets.data import NOTHING, Access

JOB = "/io/job"
USER = 1000
PROGRESS = ":::ASSAY "
DONE = PROGRESS + '{"done"'
MAX_LINE = 1 << 20  # characters of one output line that are kept
MAX_WORDS = 64 << 10  # the same for standard error
MAX_STDOUT = 64 << 20  # characters of a run's log, all lines together
LINE_COST = 64  # what a line takes beside its characters, so that empty lines count
MAX_OUT = 1 << 30  # bytes taken back from a container
KILL_S = 10  # seconds an engine is given to confirm a kill, and to end the stream after it
DRAIN_S = 30  # seconds for the rest of a finished container's output
ARRIVED_S = 1  # seconds for reading what has arrived when the time is up

Line = Callable[[str, float], None]


@dataclass(frozen=True)
class Limits:
    """What the container may use: CPU list in the kernel's format, bytes of memory, number of processes, devices.

    `reads` are single files of the engine's machine that it sees, read-only, below /host.
    """

    cpuset: str
    memory_bytes: int
    pids: int = 512
    access: Access = NOTHING
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How the harness ended: `status` is its exit code, negative for a signal, None where nobody could say."""

    status: int | None
    out_of_memory: bool
    timed_out: bool
    memory: Memory | None


class Sandbox:
    """A container that is created on entry and gone, with its volume, on exit.

    `options` are the engine's, over those of `hardening`: the devices of a target, the rights of a meter.
    Raises MachineError where the engine refuses, EngineLostError where it stops answering.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        image_id: str,
        limits: Limits,
        environment: dict[str, str],
        command: list[str],
        kind: str = "job",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._client = client
        self._image = image_id
        self._limits = limits
        self._environment = environment
        self.command = command
        self._kind = kind
        self._options = hardening(limits) | dict(options or {})
        # Named from here, so that it can be removed even where the engine's answer never reached us.
        self.name = f"assay-{kind}-{secrets.token_hex(6)}"
        self._container: Any = None
        self._attached: Attached | None = None
        self._readers: dict[int, _Lines] = {}
        self._open = False  # whether the supervisor holds the container open for us
        self._lost = False  # whether the engine stopped answering

    def __enter__(self) -> Self:
        try:
            with sentences("creating the container"):
                remove_stale(self._client)
                self._container = self._client.containers.create(
                    self._image,
                    self.command,
                    name=self.name,
                    environment=self._environment,
                    labels=labels(self._kind),
                    **self._options,
                )
                params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
                self._attached = Attached(self._client.api.attach_socket(self._container.id, params=params))
                self._container.start()
        except BaseException as error:
            self._lost = isinstance(error, EngineLostError)
            self._remove()
            raise
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._lost = isinstance(error, EngineLostError)
        self._remove()

    def _remove(self) -> None:
        """End the connection and remove the container, as far as the engine answers."""
        if self._attached is not None:
            self._attached.close()
        with _brief(self._client, KILL_S if self._lost else DRAIN_S), _whatever_happens():
            self._client.api.remove_container(self.name, force=True, v=True)
        if not self._lost:
            with _whatever_happens():
                self._client.api.wait(self.name, condition="removed", timeout=DRAIN_S)

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
                for path in _folders(path for path, _ in files):
                    _add(archive, f"job/{path}".rstrip("/"), None)
                for path, content in files:
                    _add(archive, f"job/{path}", content)
            spool.seek(0)
            with sentences("copying the job into the container"):
                self._client.api.put_archive(self._container.id, "/io", spool)

    def run(self, limit_s: float, on_stdout: Line, on_stderr: Line) -> Ended:
        """Start, hand over each line with the host's receipt time (Unix seconds), return how it ended.

        The container is left open for `take`; a run past `limit_s` is killed. Raises EngineLostError where the engine
        is gone or silent, MachineError where the log outgrows MAX_STDOUT.
        """
        assert self._attached is not None
        done: list[_Report] = []

        def stderr(line: str, received: float) -> None:
            # The harness may have died in the middle of a line of its own.
            words, _, _ = line.partition(DONE)
            report = _Report.of(line[len(words) :])
            if report is not None:
                done.append(report)
            if report is None or words:
                on_stderr(words if report else line, received)

        self._readers = {1: _Lines(_bounded(on_stdout)), 2: _Lines(stderr, MAX_WORDS, keep_end=True)}
        timed_out = False
        with sentences("running the container"):
            self._attached.send(b"\n")  # GATE waits for it
            try:
                self._listen(limit_s, done)
            except TimeoutError:
                # A report that has arrived by now is the run's end, not the limit.
                try:
                    self._listen(ARRIVED_S, done)
                except TimeoutError:
                    timed_out = True
            if timed_out:
                self._kill()
            elif not done:
                # The stream ended: with the container where the engine answers, else with the engine.
                with _brief(self._client, KILL_S):
                    self._client.ping()
        if timed_out or not done:
            return Ended(status=None, out_of_memory=False, timed_out=timed_out, memory=None)
        self._open = True
        report = done[0]
        # The kernel may have killed a process beside the harness, which went on.
        out_of_memory = report.oom_kills > 0 and report.status == -9
        return Ended(status=report.status, out_of_memory=out_of_memory, timed_out=False, memory=report.memory)

    def _listen(self, limit_s: float, done: list[_Report]) -> None:
        """Hand over what comes until `done` has a report or the stream ends; raise TimeoutError after `limit_s`."""
        assert self._attached is not None
        for stream, data in self._attached.frames(time.monotonic() + limit_s):
            self._readers[stream].feed(data, time.time())
            if done:
                return

    def _kill(self) -> None:
        """End the container and hand over what its output still holds.

        Raises EngineLostError unless the engine confirms the end and closes the stream.
        """
        answers: list[Exception | None] = []

        def kill() -> None:
            try:
                with _brief(self._client, KILL_S):
                    self._client.api.kill(self.name)
                answers.append(None)
            except (docker.errors.DockerException, requests.RequestException, OSError) as error:
                answers.append(error)

        # The engine answers when the container has ended, which it has only once its output was read.
        asked = threading.Thread(target=kill, daemon=True)
        asked.start()
        try:
            self._listen(KILL_S, [])
        except OSError:
            raise self._silent("stopped answering during the run") from None
        asked.join(2 * KILL_S)
        answer = answers[0] if answers else TimeoutError()
        gone = isinstance(answer, docker.errors.APIError) and answer.status_code in (404, 409)  # it ended by itself
        if answer and not gone:
            raise self._silent(f"did not end the container ({reason(answer)})")

    def _silent(self, how: str) -> EngineLostError:
        if self._attached is not None:
            self._attached.close()
        return EngineLostError(f"the engine {how}", fix="start it again, then repeat the command with --resume")

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
            return unpack(spool)

    def close(self) -> None:
        """Let the container end, and hand over what its output still holds."""
        if self._open:
            self._kill()
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
        "mounts": [mount(path) for path in limits.reads],
        **limits.access.options(),
    }


def mount(path: str) -> Mount:
    """Return the option that shows a container the file `path` of the engine's machine, read-only, below /host."""
    return Mount(f"/host{path}", path, type="bind", read_only=True)


def unpack(archive: IO[bytes]) -> dict[str, bytes]:
    """Return the regular files of a tar of the folder `out`; raise MachineError where it is anything else."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=archive) as members:
            for member in members:
                path = PurePosixPath(member.name)
                if path.parts[:1] != ("out",) or ".." in path.parts or (path.parts == ("out",) and not member.isdir()):
                    raise MachineError(
                        f"the container's results hold {printable(member.name, 200)!r}, which is not below out/",
                        fix="nothing but files may be left in out/",
                    )
                # A sparse member claims more than the archive holds.
                if member.isreg() and not member.issparse() and (content := members.extractfile(member)):
                    found[path.relative_to("out").as_posix()] = content.read()
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise MachineError(
            f"the engine's archive of the results cannot be read ({printable(str(error), 200)})",
            fix="repeat the command with --resume",
        ) from None
    return found


@dataclass(frozen=True)
class _Report:
    """What the supervisor said at the end."""

    status: int
    oom_kills: int
    memory: Memory | None

    @classmethod
    def of(cls, line: str) -> _Report | None:
        """Read the supervisor's line; None where it is none."""
        if not line.startswith(DONE):
            return None
        try:
            said = json.loads(line[len(PROGRESS) :])["done"]
            memory = Memory.model_validate(said["memory"]) if said["memory"] else None
            return cls(int(said["status"]), int(said["oom_kills"]), memory)
        except (ValueError, KeyError, TypeError, ValidationError):
            return None


class _Lines:
    """Cut a byte stream into lines, each with the time its end was received; of one too long keep a part."""

    def __init__(self, sink: Line, limit: int = MAX_LINE, *, keep_end: bool = False) -> None:
        self._sink = sink
        self._kept = slice(-limit, None) if keep_end else slice(limit)
        self._rest = b""

    def feed(self, data: bytes, received: float) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[self._kept]
        for line in lines:
            self._sink(line[self._kept].decode("utf-8", "replace"), received)

    def end(self, received: float) -> None:
        if self._rest:
            self.feed(b"\n", received)


def _bounded(sink: Line) -> Line:
    """Return `sink` with an end to how much it takes; past it the line raises MachineError."""
    taken = 0

    def counted(line: str, received: float) -> None:
        nonlocal taken
        taken += len(line) + LINE_COST
        if taken > MAX_STDOUT:
            raise MachineError(
                f"the run was stopped: it wrote a log of more than {MAX_STDOUT >> 20} MiB",
                fix="a log is a few thousand lines; look for what writes to standard output",
            )
        sink(line, received)

    return counted


@contextlib.contextmanager
def _brief(client: docker.DockerClient, seconds: int) -> Iterator[None]:
    """Give the engine only so long for each answer."""
    usual = client.api.timeout
    client.api.timeout = seconds
    try:
        yield
    finally:
        client.api.timeout = usual


def _whatever_happens() -> contextlib.AbstractContextManager[None]:
    """Go on where the engine refuses or is gone: a container that outlives this is found by its labels."""
    return contextlib.suppress(docker.errors.DockerException, requests.RequestException, OSError)


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
