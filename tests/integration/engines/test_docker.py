"""Containers on a Docker engine, as an engine; and what is Docker's alone: hardening, archives, labels."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import docker
import pytest

from rules.errors import MachineError
from suite.engines.base import Ended
from suite.engines.docker import sandbox
from suite.engines.docker.connection import connect
from suite.engines.docker.engine import DockerEngine
from suite.engines.docker.labels import LABEL, OWNER, owner, remove_stale
from suite.engines.docker.runner import DockerRunner
from suite.engines.docker.sandbox import ContainerSandbox, unpack
from suite.images.build import BuiltImage
from tests.integration.engines.conformance import Conformance, Subject, job, limits, run, until
from tests.integration.engines.proxy import Proxy

pytestmark = [pytest.mark.engine, pytest.mark.image, pytest.mark.together]


def leftovers(client, belongs=None, **filters):
    """Containers of one owner, this process if none is said: others may use the same engine."""
    mine = {"label": [LABEL, f"{OWNER}={belongs or owner()}"], **filters}
    return [container["Names"] for container in client.api.containers(all=True, filters=mine)]


@contextlib.contextmanager
def silent(image: BuiltImage) -> Iterator[tuple[DockerRunner, Callable[[], None]]]:
    """A runner of an engine behind a connection on which nothing passes any more, once it is told so."""
    proxy = Proxy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{proxy.port}")
        patch.setattr(sandbox, "KILL_S", 2)  # else a silent engine is given three times ten seconds
        yield DockerRunner(connect(), image), proxy.silent.set
    proxy.close()


@pytest.fixture(scope="module")
def runner(client: docker.DockerClient, jax_image: BuiltImage) -> DockerRunner:
    return DockerRunner(client, jax_image)


class TestDocker(Conformance):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, client: docker.DockerClient, jax_image: BuiltImage, runner: DockerRunner) -> Subject:
        other = jax_image.identity.model_copy(update={"diff_ids": [*jax_image.identity.diff_ids[:-1], "0" * 64]})
        began: dict[int, str] = {}

        def alive(pid: int) -> list[object]:
            return leftovers(client, began.setdefault(pid, owner(pid)))

        return Subject(
            engine=DockerEngine(client),
            runner=runner,
            elsewhere=lambda _: (
                "from suite.engines.docker.connection import connect\n"
                "from suite.engines.docker.runner import DockerRunner\n"
                "from suite.images.build import BuiltImage\n"
                "from rules.documents import ImageIdentity\n"
                f"identity = ImageIdentity.model_validate_json({jax_image.identity.model_dump_json()!r})\n"
                f"image = BuiltImage(identity, b'', {jax_image.image_id!r}, {jax_image.environment!r})\n"
                "runner = DockerRunner(connect(), image)\n"
            ),
            alive=alive,
            tampered=DockerRunner(client, replace(jax_image, identity=other)),
            broken=ContainerSandbox(client, f"sha256:{'0' * 64}", limits(), {}, ["true"]),
            silent=lambda: silent(jax_image),
        )


def test_the_container_is_closed_to_the_world(runner):
    program = """
import os, socket
def refused(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "allowed"
print(refused(lambda: open("/x", "w")))
print(refused(lambda: open("/opt/venv/x", "w")))
print(refused(lambda: socket.create_connection(("192.0.2.1", 80), 2)))
print(os.getuid(), [line for line in open("/proc/self/status") if "CapEff" in line or "NoNewPrivs" in line])
print(sorted(os.listdir("/sys/class/net")))
"""
    done = run(runner, program)
    lines = done.said
    assert lines[:3] == ["OSError", "OSError", "OSError"]
    assert lines[3].startswith("1000 ")
    assert "CapEff:\\t0000000000000000" in lines[3]
    assert "NoNewPrivs:\\t1" in lines[3]
    assert lines[4] == "['lo']"
    assert done.container.network == "none"
    assert done.container.read_only
    assert done.container.cap_drop == ["ALL"]
    assert done.container.user == "1000:1000"


@pytest.mark.parametrize("end", ["kill", "remove"])
def test_a_container_that_somebody_ends_did_not_run_out_of_memory(client, runner, end):
    with runner.sandbox(limits(), "work") as box:
        box.put(job("import time\nprint('here', flush=True)\ntime.sleep(600)"))

        def interfere(*_):
            container = client.containers.get(box.name)
            container.kill() if end == "kill" else container.remove(force=True)

        ended = box.run(60, interfere, print)
        assert box.take() == {}
    assert ended == Ended(status=None, out_of_memory=False, timed_out=False, memory=None)


def test_memory_that_ran_out_beside_the_harness_is_not_the_end_of_it(runner):
    program = """
import subprocess, sys
hungry = "open('/proc/self/oom_score_adj', 'w').write('1000')\\nx = []\\nwhile True: x.append(bytearray(1 << 20))"
print(subprocess.run([sys.executable, "-c", hungry]).returncode)
"""
    done = run(runner, program.replace("open('/proc/self/oom_score_adj', 'w').write('1000')\\n", ""))
    assert done.said == ["-9"]
    assert done.ended.status == 0
    assert not done.ended.out_of_memory


def tar(*members: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"<html>" * 200,
        tar(("out/x", b"y" * 5000))[:1500],
        tar(("../x", b"")),
        tar(("out/../x", b"")),
        tar(("/etc/x", b"")),
    ],
)
def test_an_archive_that_is_not_what_was_asked_for_is_refused(archive):
    with pytest.raises(MachineError):
        unpack(io.BytesIO(archive))


def stopped_before_the_start(client, image, stop):
    """Stop a runner when its container is made and not yet started; return the runner's owner label."""
    program = f"""
import docker, time
from suite.engines.base import SandboxLimits
from suite.engines.docker import sandbox
sandbox.AttachStream = lambda _: time.sleep(600)
with sandbox.ContainerSandbox(docker.from_env(), {image.image_id!r}, SandboxLimits("0", 128 << 20), {{}}, ["true"]):
    pass
"""
    runner = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    belongs = owner(runner.pid)
    assert until(lambda: leftovers(client, belongs, status="created"))
    time.sleep(0.5)
    os.kill(runner.pid, stop)
    runner.wait(60)
    return belongs


def test_a_runner_interrupted_before_the_start_removes_its_container(client, jax_image):
    belongs = stopped_before_the_start(client, jax_image, signal.SIGINT)
    assert leftovers(client, belongs) == []


def test_the_next_run_removes_what_a_killed_runner_never_started(client, jax_image, runner):
    belongs = stopped_before_the_start(client, jax_image, signal.SIGKILL)
    assert leftovers(client, belongs)
    run(runner, "")
    assert leftovers(client, belongs) == []


def test_containers_of_living_runners_and_of_other_hosts_are_left_alone(client, jax_image):
    labels = {
        "mine": owner(),
        "elsewhere": "other-host pid:[1] 999999999 1",
        "number used again": " ".join([*owner().split()[:-1], "1"]),
        "old": "other-host",
    }
    made = {
        name: client.api.create_container(jax_image.image_id, ["true"], labels={LABEL: "job", OWNER: label})["Id"]
        for name, label in labels.items()
    }
    try:
        remove_stale(client)
        here = {found["Id"] for found in client.api.containers(all=True, filters={"label": OWNER})}
        assert {name for name, container in made.items() if container in here} == {"mine", "elsewhere", "old"}
    finally:
        for container in made.values():
            with contextlib.suppress(docker.errors.NotFound):
                client.api.remove_container(container, force=True)
