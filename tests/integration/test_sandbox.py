"""The container around a run: closed to the world, told apart when it fails, gone when its runner is."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import docker
import pytest

from rules.errors import MachineError
from suite import source
from suite.engines.base import Ended, Limits, command
from suite.engines.docker.labels import LABEL, OWNER, owner, remove_stale
from suite.engines.docker.sandbox import Sandbox, busy, unpack

pytestmark = [pytest.mark.engine, pytest.mark.image]
ENVIRONMENT = {"PYTHONPATH": "/io/job/source"}


def job(program: str) -> list[tuple[str, bytes | Path]]:
    """Files of a job whose module `work` is `program`."""
    code = {f"source/{name}": content for name, content in source.files("image-classification").items()}
    return [*code.items(), ("source/work.py", program.encode())]


class Outcome:
    """What a program did in the sandbox."""

    def __init__(self, client, image, program, memory=256 << 20, limit_s=60):
        self.out: list[tuple[str, float]] = []
        with Sandbox(client, image.image_id, Limits("0", memory), ENVIRONMENT, command("work")) as box:
            box.put(job(program))
            self.container = box.describe()
            self.ended: Ended = box.run(limit_s, lambda *line: self.out.append(line), lambda *_: None)
            self.files = box.take()
            box.close()


def leftovers(client, belongs=None, **filters):
    """Containers of one owner, this process if none is said: others may use the same engine."""
    mine = {"label": [LABEL, f"{OWNER}={belongs or owner()}"], **filters}
    return [container["Names"] for container in client.api.containers(all=True, filters=mine)]


def until(happens, seconds=60):
    """Wait until `happens()`; return whether it did."""
    deadline = time.monotonic() + seconds
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.1)
    return bool(happens())


def test_output_files_and_exit_code_come_back(client, jax_image):
    before = time.time()
    done = Outcome(
        client,
        jax_image,
        "import sys\nopen(sys.argv[1] + '/out/x', 'w').write('y')\nprint('one\\ntwo', end='')\nsys.exit(3)",
    )
    assert done.ended.status == 3
    assert [line for line, _ in done.out] == ["one", "two"]
    assert all(before <= received <= time.time() for _, received in done.out)
    assert done.files["x"] == b"y"
    assert done.ended.memory is not None
    assert done.ended.memory.peak_bytes > 1 << 20
    assert leftovers(client) == []


def test_the_container_is_closed_to_the_world(client, jax_image):
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
    done = Outcome(client, jax_image, program)
    lines = [line for line, _ in done.out]
    assert lines[:3] == ["OSError", "OSError", "OSError"]
    assert lines[3].startswith("1000 ")
    assert "CapEff:\\t0000000000000000" in lines[3]
    assert "NoNewPrivs:\\t1" in lines[3]
    assert lines[4] == "['lo']"
    assert done.container.network == "none"
    assert done.container.read_only
    assert done.container.cap_drop == ["ALL"]
    assert done.container.user == "1000:1000"


def test_running_out_of_memory_is_told_from_a_kill(client, jax_image):
    hungry = Outcome(client, jax_image, "x = []\nwhile True: x.append(bytearray(1 << 20))", memory=128 << 20)
    killed = Outcome(client, jax_image, "import os\nos.kill(os.getpid(), 9)")
    assert hungry.ended.out_of_memory
    assert killed.ended.status == -signal.SIGKILL
    assert not killed.ended.out_of_memory


@pytest.mark.parametrize("end", ["kill", "remove"])
def test_a_container_that_somebody_ends_did_not_run_out_of_memory(client, jax_image, end):
    limits = Limits("0", 128 << 20)
    with Sandbox(client, jax_image.image_id, limits, ENVIRONMENT, command("work")) as box:
        box.put(job("import time\nprint('here', flush=True)\ntime.sleep(600)"))

        def interfere(*_):
            container = client.containers.get(box.name)
            container.kill() if end == "kill" else container.remove(force=True)

        ended = box.run(60, interfere, print)
        assert box.take() == {}
    assert ended == Ended(status=None, out_of_memory=False, timed_out=False, memory=None)


def test_memory_that_ran_out_beside_the_harness_is_not_the_end_of_it(client, jax_image):
    program = """
import subprocess, sys
hungry = "open('/proc/self/oom_score_adj', 'w').write('1000')\\nx = []\\nwhile True: x.append(bytearray(1 << 20))"
print(subprocess.run([sys.executable, "-c", hungry]).returncode)
"""
    done = Outcome(client, jax_image, program.replace("open('/proc/self/oom_score_adj', 'w').write('1000')\\n", ""))
    assert [line for line, _ in done.out] == ["-9"]
    assert done.ended.status == 0
    assert not done.ended.out_of_memory


def test_the_report_is_read_behind_words_without_an_end(client, jax_image):
    words = "import sys, os\nsys.stderr.write('x' * (3 << 20) + 'last words')\nsys.stderr.flush()\nos._exit(7)"
    heard = []
    with Sandbox(client, jax_image.image_id, Limits("0", 128 << 20), ENVIRONMENT, command("work")) as box:
        box.put(job(words))
        ended = box.run(30, print, lambda line, _: heard.append(line))
        box.close()
    assert ended.status == 7
    assert heard[-1].endswith("last words")
    assert len(heard[-1]) <= 64 << 10


def test_a_log_without_end_stops_the_run(client, jax_image):
    with pytest.raises(MachineError, match="log of more than 64 MiB"):
        Outcome(client, jax_image, "line = 'x' * 1000 + '\\n'\nimport sys\nwhile True: sys.stdout.write(line)")
    assert leftovers(client) == []


def test_a_flood_of_output_does_not_outlive_the_limit(client, jax_image):
    done = Outcome(client, jax_image, "import sys\nwhile True: sys.stdout.write('x' * 65536)", limit_s=3)
    assert done.ended.timed_out
    assert leftovers(client) == []


def test_results_that_are_no_folder_are_refused(client, jax_image):
    program = "import os, shutil, sys\nout = sys.argv[1] + '/out'\nshutil.rmtree(out)\nopen(out, 'w').write('x')"
    with pytest.raises(MachineError, match="'out', which is not below out/"):
        Outcome(client, jax_image, program)
    assert leftovers(client) == []


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


def test_a_run_past_its_limit_is_stopped_and_says_so(client, jax_image):
    started = time.monotonic()
    done = Outcome(client, jax_image, "import time\ntime.sleep(600)", limit_s=2)
    assert done.ended.timed_out
    assert not done.ended.out_of_memory
    assert time.monotonic() - started < 60
    assert leftovers(client) == []


def test_an_endless_line_is_cut_not_collected(client, jax_image):
    done = Outcome(client, jax_image, "import sys\nfor _ in range(64): sys.stdout.write('x' * (1 << 20))")
    assert done.ended.status == 0
    assert sum(len(line) for line, _ in done.out) <= 2 << 20


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_runner_that_is_stopped_takes_its_container_along(client, jax_image, stop):
    program = f"""
import docker
from suite.engines.base import command
from suite.engines.docker.sandbox import *
limits = Limits("0", 128 << 20)
with Sandbox(docker.from_env(), {jax_image.image_id!r}, limits, {ENVIRONMENT!r}, command("work")) as box:
    box.put({job("import time; time.sleep(600)")!r})
    box.run(600, print, print)
"""
    runner = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    belongs = owner(runner.pid)
    assert until(lambda: leftovers(client, belongs, status="running"))
    volumes = len(client.volumes.list())
    os.kill(runner.pid, stop)
    runner.wait(60)
    assert until(lambda: not leftovers(client, belongs))
    assert len(client.volumes.list()) < volumes


def stopped_before_the_start(client, image, stop):
    """Stop a runner when its container is made and not yet started; return the runner's owner label."""
    program = f"""
import docker, time
from suite.engines.docker import sandbox
sandbox.Attached = lambda _: time.sleep(600)
with sandbox.Sandbox(docker.from_env(), {image.image_id!r}, sandbox.Limits("0", 128 << 20), {{}}, ["true"]):
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


def test_the_next_run_removes_what_a_killed_runner_never_started(client, jax_image):
    belongs = stopped_before_the_start(client, jax_image, signal.SIGKILL)
    assert leftovers(client, belongs)
    Outcome(client, jax_image, "")
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


@pytest.mark.machine
def test_a_measured_run_keeps_the_engine_busy_and_nothing_else_does(client, jax_image):
    limits = Limits("0", 128 << 20)
    with Sandbox(client, jax_image.image_id, limits, {}, command("work")) as other:
        assert other.name not in (busy(client) or "")
    if at_work := busy(client):
        pytest.skip(at_work)
    with Sandbox(client, jax_image.image_id, limits, {}, command("work"), kind="run") as box:
        said = busy(client)
        assert said is not None
        assert box.name in said
        assert f"process {os.getpid()}" in said
    assert busy(client) is None
