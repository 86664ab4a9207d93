"""Engines behind ssh: a second one on this machine over real ssh, and every way in which ssh says no."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rules.errors import MachineError, UsageError
from suite.engines.docker import questions, tunnel
from suite.engines.docker.connection import connect
from suite.engines.docker.engine import DockerEngine
from suite.engines.docker.images import DockerImages
from suite.images import base
from suite.images.matrix import cell, target
from tests.integration.engines.proxy import engine_socket
from tests.integration.ssh_engine import Server, second_engine, ssh_server

pytestmark = pytest.mark.together


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with ssh_server(tmp_path_factory.mktemp("ssh")) as started:
        yield started


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory):
    with second_engine(tmp_path_factory.mktemp("far")) as listens:
        yield listens


@pytest.fixture(autouse=True)
def known(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the `ssh` first that has the server's key, as a user's configuration would have it."""
    monkeypatch.setenv("PATH", f"{server.folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.engine
def test_an_engine_over_ssh_is_another_one_and_its_machine_is_read_from_there(
    client, server: Server, far: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The container that reads the machine is built, filled, heard and emptied over ssh alone."""
    monkeypatch.setenv("DOCKER_HOST", server.address(far))
    remote = connect()
    assert remote.info()["DockerRootDir"] != client.info()["DockerRootDir"]
    mode = DockerEngine(remote).mode("cpu", target("cpu"))
    assert mode.sentence.startswith(f"target cpu: measured on the engine's machine ({server.address(far)})")
    chosen = cell("jax", "cpu", "mmdebstrap")
    below = base.prepare(DockerImages(remote), chosen, lambda *_: None)
    found = questions.facts(remote, below.image, chosen, mode.access, ("/etc/hostname", "/not/there"))
    assert float(found["memory_gib"]) == pytest.approx(remote.info()["MemTotal"] / 2**30, abs=0.1)
    assert found["swap_used_mib"].isdecimal()
    assert remote.containers.list(all=True) == []


@pytest.mark.engine
def test_the_way_is_opened_once_and_gone_with_the_program_even_a_killed_one(
    client, server: Server, tmp_path: Path
) -> None:
    program = (
        "import os, sys, time\n"
        "from suite.engines.docker import tunnel\n"
        "first = tunnel.through(sys.argv[1])\n"
        "assert tunnel.through(sys.argv[1]) == first\n"
        "print(first, next(iter(tunnel._open.values()))._ssh.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, server.address(engine_socket())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as opener:
        assert opener.stdout is not None
        listens, pid = opener.stdout.readline().split()
        assert Path(listens.removeprefix("unix://")).is_socket()
        opener.send_signal(signal.SIGKILL)
        opener.wait()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline, "ssh outlives the program that started it"
            time.sleep(0.05)
    shutil.rmtree(Path(listens.removeprefix("unix://")).parent)


@pytest.mark.parametrize(
    ("address", "said", "fix"),
    [
        ("ssh://root@127.0.0.1:{closed}", "nothing listens for ssh on 127.0.0.1", "start sshd there"),
        ("ssh://nobody@127.0.0.1:{port}/x.sock", "127.0.0.1 refuses to log nobody@127.0.0.1 in", "ssh-copy-id nobody@"),
        ("ssh://root@localhost:{port}/x.sock", "has a key this user has not accepted", "accept it: ssh root@localhost"),
        ("ssh://root@127.0.0.1:{port}/no/x.sock", "no Docker engine listens at /no/x.sock", "systemctl start docker"),
        ("ssh://root@nowhere.invalid", "no machine named nowhere.invalid", "check the name in DOCKER_HOST"),
    ],
)
def test_what_ssh_refuses_is_one_sentence_with_what_to_do(server: Server, address: str, said: str, fix: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("the addresses name root")
    started = time.monotonic()
    with pytest.raises(MachineError) as refused:
        tunnel.through(address.format(port=server.port, closed=1))
    assert time.monotonic() - started < 15
    assert said in refused.value.message
    assert refused.value.message.startswith("no engine over ssh: ")
    assert "\n" not in refused.value.message
    assert fix in refused.value.fix


def test_without_the_ssh_program_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MachineError, match="the ssh program is missing") as refused:
        tunnel.through("ssh://root@127.0.0.1")
    assert refused.value.fix == "apt-get install openssh-client"


@pytest.mark.parametrize(
    "address",
    [
        "ssh://",
        "ssh://-oProxyCommand=touch$IFS/tmp/x",
        "ssh://root@-oProxyCommand=x",
        "ssh://-l@host",
        "ssh://user:secret@host",
        "ssh://host:0",
        "ssh://host:99999",
        "ssh://host/a b",
        "ssh://host/a:b",
        "ssh://ho st",
    ],
)
def test_an_address_that_ssh_could_misread_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="is not the address of an engine over ssh"):
        tunnel.parse(address)


def test_an_address_is_taken_apart() -> None:
    assert tunnel.parse("ssh://me@board") == tunnel.Address("board", "me", None, "/var/run/docker.sock")
    assert tunnel.parse("ssh://10.0.0.7:2222/run/user/1000/docker.sock") == tunnel.Address(
        "10.0.0.7", None, 2222, "/run/user/1000/docker.sock"
    )
    assert tunnel.parse("ssh://me@[fe80::1]:22").host == "[fe80::1]"
