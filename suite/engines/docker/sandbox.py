"""One hardened container for one job.

Everything goes through the engine's API, so the engine may be on another machine.
"""

from __future__ import annotations

import contextlib
import io
import secrets
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

import docker
import requests
from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

from rules.documents import Container
from rules.errors import MachineError
from rules.text import printable
from suite.engines.base import KILL_S, Ended, EngineLostError, Sandbox, SandboxLimits
from suite.engines.docker.attach_stream import AttachStream
from suite.engines.docker.connection import CLOSED, name, patience, reason, sentences
from suite.engines.docker.labels import labels, remove_stale
from suite.engines.job import JOB, Files, folders, stray, too_much
from suite.engines.output import Line
from suite.targets.data import Access

USER = 1000
CHUNK = 1 << 20
DRAIN_S = 30  # seconds for the rest of a finished container's output


class ContainerSandbox(Sandbox):
    """A container that is created on entry and gone, with its volume, on exit.

    `more` are the engine's options, over those of `hardening`: the devices of a target, the rights of a meter.
    Raises MachineError where the engine refuses, EngineLostError where it stops answering.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        image_id: str,
        limits: SandboxLimits,
        environment: dict[str, str],
        command: list[str],
        kind: str = "job",
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._client, self._image, self._environment, self._kind = client, image_id, environment, kind
        self.command = command
        self._options = hardening(limits) | dict(more or {})
        # Named from here, so that it can be removed even where the engine's answer never reached us.
        self.name = f"assay-{kind}-{secrets.token_hex(6)}"
        self._container: Any = None
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
                self._stream = AttachStream(self._client.api.attach_socket(self._container.id, params=params))
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
        if self._stream is not None:
            self._stream.close()
        with patience(self._client, KILL_S if self._lost else DRAIN_S), _whatever_happens():
            self._client.api.remove_container(self.name, force=True, v=True)
        if not self._lost:
            with _whatever_happens():
                self._client.api.wait(self.name, condition="removed", timeout=DRAIN_S)

    def describe(self) -> Container:
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

    def put(self, files: Files) -> None:
        with tempfile.TemporaryFile() as spool:
            with tarfile.open(fileobj=spool, mode="w") as archive:
                for path in folders(path for path, _ in files):
                    _add(archive, f"job/{path}".rstrip("/"), None)
                for path, content in files:
                    _add(archive, f"job/{path}", content)
            spool.seek(0)
            with sentences("copying the job into the container"):
                self._client.api.put_archive(self._container.id, "/io", spool)

    def run(self, limit_s: float, on_stdout: Line, on_stderr: Line) -> Ended:
        with sentences("running the container"):
            return super().run(limit_s, on_stdout, on_stderr)

    def _ended_by_itself(self) -> None:
        """See that the stream ended with the container: where it was the engine, that does not answer."""
        with patience(self._client, KILL_S):
            self._client.ping()

    def kill(self) -> None:
        with _whatever_happens():
            self._client.api.kill(self.name)

    def _end(self) -> None:
        """End the container and hand over what its output still holds.

        Raises EngineLostError unless the engine confirms the end and closes the stream.
        """
        answers: list[Exception | None] = []

        def kill() -> None:
            try:
                with patience(self._client, KILL_S):
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
        if self._stream is not None:
            self._stream.close()
        return EngineLostError(f"the engine {how}", fix="start it again, then repeat the command with --resume")

    def take(self) -> dict[str, bytes]:
        if not self._open:
            return {}
        with sentences("copying results out of the container"), tempfile.TemporaryFile() as spool:
            with _archive(self._client, self._container.id, f"{JOB}/out") as stream:
                for chunk in stream:
                    if spool.tell() + len(chunk) > self.most_out:
                        raise too_much(self.most_out)
                    spool.write(chunk)
            spool.seek(0)
            return unpack(spool)


def hardening(limits: SandboxLimits) -> dict[str, Any]:
    """Return the engine options every container of ours gets: nothing it does not need."""
    return {
        **CLOSED,
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
        **options(limits.access),
    }


def options(access: Access) -> dict[str, Any]:
    """Return the engine options that give a container what a target's sandboxes get."""
    given: dict[str, Any] = {}
    if access.gpus:
        given["device_requests"] = [DeviceRequest(count=access.gpus, capabilities=[["gpu"]])]
    if access.runtime:
        given["runtime"] = access.runtime
    if access.devices:
        given["devices"] = [f"{path}:{path}:rwm" for path in access.devices]
    if access.group_add:
        given["group_add"] = list(access.group_add)
    return given


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
                    raise stray(printable(member.name, 200))
                # A sparse member claims more than the archive holds.
                if member.isreg() and not member.issparse() and (content := members.extractfile(member)):
                    found[path.relative_to("out").as_posix()] = content.read()
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise MachineError(
            f"the engine's archive of the results cannot be read ({printable(str(error), 200)})",
            fix="repeat the command with --resume",
        ) from None
    return found


def _whatever_happens() -> contextlib.AbstractContextManager[None]:
    """Go on where the engine refuses or is gone: a container that outlives this is found by its labels."""
    return contextlib.suppress(docker.errors.DockerException, requests.RequestException, OSError)


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


@contextlib.contextmanager
def _archive(client: docker.DockerClient, container: str, path: str) -> Iterator[Iterator[bytes]]:
    """Give the engine's tar of a path in pieces; its connection is closed, or a tar half read would hold the container.

    The client's own get_archive leaves it open.
    """
    api = client.api
    address = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
    with api.get(address, params={"path": path}, stream=True, timeout=api.timeout) as answer:
        try:
            answer.raise_for_status()
        except requests.HTTPError as error:
            docker.errors.create_api_error_from_http_exception(error)
        yield answer.iter_content(CHUNK)
