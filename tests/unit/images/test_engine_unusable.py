"""Machines where the engine, the cache or a folder cannot be had: a sentence, an exit code, no traceback, soon."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


def assay(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if name not in ("ASSAY_CACHE", "ASSAY_BASE")}
    return subprocess.run(
        [sys.executable, "-m", "suite.cli", *arguments],
        env={"DOCKER_HOST": "unix:///nowhere", **own, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture(params=["says nothing", "never comes to an end"])
def deaf(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address that takes connections and never gives an answer."""

    def drip() -> None:
        with contextlib.suppress(OSError):
            near, _ = listener.accept()
            near.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                near.sendall(b"X-More: to come\r\n")
                time.sleep(0.5)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        if request.param != "says nothing":
            threading.Thread(target=drip, daemon=True).start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def test_doctor_does_not_wait_for_an_engine_that_never_answers(deaf: str) -> None:
    started = time.monotonic()
    done = assay("doctor", DOCKER_HOST=deaf)
    assert time.monotonic() - started < 3
    assert done.returncode == 5
    assert "FAIL engine" in done.stdout
    assert done.stderr == ""


def test_doctor_offers_what_runs_without_an_engine_where_none_answers() -> None:
    done = assay("doctor")
    _, _, after = done.stdout.partition("FAIL engine")
    assert "assay run WORKLOAD --uncontained PYTHON" in after.splitlines()[1]
    assert done.returncode == 5


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("tcp://127.0.0.1:notaport", "is not an address"),
        ("tcp://127.0.0.1", "no Docker engine answers"),
        ("nonsense://x", "no Docker engine answers"),
        ("ssh://somebody@nowhere.invalid", "no engine over ssh: no machine named nowhere.invalid is known"),
    ],
)
def test_an_address_that_cannot_be_used_is_a_sentence(host: str, said: str) -> None:
    done = assay("images", "check", DOCKER_HOST=host)
    assert done.returncode == 5
    first, *_ = done.stderr.splitlines()
    assert said in first
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("x" * 5000, "File name too long"),
        ("a-file/below", "is a file, not a folder"),
        ("/proc/x", "no file can be written"),
    ],
)
def test_doctor_says_what_is_wrong_with_the_submissions_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, said: str
) -> None:
    (tmp_path / "a-file").touch()
    place = str(tmp_path / output) if output.startswith("a") else output
    done = assay("doctor", "--output", place)
    [line] = [line for line in done.stdout.splitlines() if " submissions " in line]
    assert line.startswith("FAIL")
    assert said in line
    assert done.returncode == 5
    assert done.stderr == ""


@pytest.mark.parametrize("cache", ["/proc/nope", "/etc/passwd", "/etc/passwd/below", "/" + "x" * 5000])
@pytest.mark.parametrize("command", [["doctor"], ["images", "list"]])
def test_a_cache_that_cannot_be_is_a_sentence(cache: str, command: list[str]) -> None:
    done = assay(*command, ASSAY_CACHE=cache)
    assert "Traceback" not in done.stderr
    assert "defect" not in done.stderr
    if command == ["doctor"] or cache != "/proc/nope":  # a list of nothing writes nothing
        assert done.returncode == 5


def test_a_user_without_a_home_is_told_to_name_a_cache() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become a user that nobody knows")
    program = "import os; os.setuid(54321); os.environ.pop('HOME', 0); from suite.host import cache; cache.root()"
    environment = {name: value for name, value in os.environ.items() if name not in ("ASSAY_CACHE", "XDG_CACHE_HOME")}
    program = f"import suite.host.cache\n{program}"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert "MachineError: this user has no home folder" in done.stderr


def test_a_base_nobody_knows_is_a_line_of_doctor(client: object) -> None:
    done = assay("doctor", ASSAY_BASE="foo", DOCKER_HOST=os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    assert "FAIL images" in done.stdout
    assert "unknown base" in done.stdout
    assert done.returncode == 5


def test_a_context_that_is_no_folder_is_a_usage_error() -> None:
    done = assay("images", "dockerfile", "--framework", "jax", "--context", "/etc/passwd")
    assert done.returncode == 2
    assert done.stderr.startswith("assay: /etc/passwd: ")


def test_a_stop_during_a_check_of_images_is_not_one_more_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    from rules.errors import Stopped
    from suite.cli import image_work as commands

    def stopped(*_: object) -> str:
        raise Stopped("interrupted (SIGINT)")

    monkeypatch.setattr(commands, "images", lambda: None)
    monkeypatch.setattr(commands, "_check_locks", stopped)
    with pytest.raises(Stopped):
        commands.check_images("jax", "cpu", None)
