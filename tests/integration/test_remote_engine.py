"""Runs on an engine at the end of a network connection, plain or TLS, that may go silent at any moment."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from suite.engines.base import EngineLostError, SandboxLimits
from suite.engines.docker.connection import connect
from suite.engines.docker.runner import DockerRunner
from tests.integration.engines.conformance import job, until
from tests.integration.engines.proxy import Proxy
from tests.integration.engines.test_docker import leftovers

pytestmark = [pytest.mark.engine, pytest.mark.image]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Path:
    """A folder as DOCKER_CERT_PATH names it: one certificate that is its own authority, for both sides."""
    folder = tmp_path_factory.mktemp("certificate")
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    names = ["-subj", "/CN=engine", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names, *files], check=True, capture_output=True
    )
    shutil.copy(folder / "cert.pem", folder / "ca.pem")
    return folder


@pytest.fixture(params=["tcp", "tls"])
def proxy(request, monkeypatch, client):
    """A proxy to the engine that the environment now names as the engine."""
    tls = None
    if request.param == "tls":
        folder = request.getfixturevalue("certificate")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # they would take the place of ca.pem
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(folder))
    made = Proxy(tls)
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{made.port}")
    yield made
    made.close()


def run(image, program, limit_s, during=lambda _: None):
    """Run `program` on the engine the environment names; return its end, its lines and its files."""
    lines: list[str] = []

    def hear(line, _):
        lines.append(line)
        during(line)

    with DockerRunner(connect(), image).sandbox(SandboxLimits("0", 256 << 20), "work") as box:
        box.put(job(program))
        ended = box.run(limit_s, hear, lambda *_: None)
        files = box.take()
        box.close()
    return ended, lines, files


def test_a_run_across_the_network_ends_with_all_its_lines_and_files(client, jax_image, proxy):
    program = """
import sys
for number in range(20000):
    print("line", number)
open(sys.argv[1] + "/out/x", "wb").write(bytes(3 << 20))
"""
    ended, lines, files = run(jax_image, program, 60)
    assert ended.status == 0
    assert not ended.timed_out
    assert lines == [f"line {number}" for number in range(20000)]
    assert files["x"] == bytes(3 << 20)
    assert leftovers(client) == []


def test_a_run_across_the_network_past_its_limit_is_stopped(client, jax_image, proxy):
    ended, _, _ = run(jax_image, "import time; time.sleep(600)", 2)
    assert ended.timed_out
    assert leftovers(client) == []


@pytest.mark.parametrize("proxy", ["tls"], indirect=True)  # without TLS: the conformance suite
def test_an_engine_that_goes_silent_does_not_hold_the_runner(client, jax_image, proxy):
    started = time.monotonic()
    with pytest.raises(EngineLostError) as lost:
        run(jax_image, "import time; print('here', flush=True); time.sleep(600)", 3, lambda _: proxy.silent.set())
    assert "stopped answering" in lost.value.message
    assert time.monotonic() - started < 60
    proxy.close()
    assert until(lambda: not leftovers(client))


def test_a_report_that_came_before_the_limit_is_read_after_it(client, jax_image, proxy):
    """The runner itself is held up until the limit is over."""
    ended, lines, _ = run(jax_image, "print('here', flush=True)", 2, lambda _: time.sleep(3))
    assert not ended.timed_out
    assert ended.status == 0
    assert lines == ["here"]


def test_what_is_no_engine_is_said_to_be_none(monkeypatch):
    port = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port.getsockname()[1]}")
    started = time.monotonic()
    with pytest.raises(Exception, match="no Docker engine answers"):
        connect(timeout_s=1)
    assert time.monotonic() - started < 5
    port.close()
