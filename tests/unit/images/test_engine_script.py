"""suite/engine.sh on machines where it can do nothing: the last line says exactly what to type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NEEDED = ("bash", "cat", "cut", "dirname", "sed", "tail", "timeout", "tr")


def machine(folder: Path, **programs: str) -> Path:
    """Return a PATH folder with the few real programs the script needs, and `programs` as one-line scripts."""
    place = folder / "bin"
    place.mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found
        (place / name).symlink_to(found)
    for name, body in {"uname": "echo Linux", "id": '[ "$1" = -u ] && echo 1000 || echo ada', **programs}.items():
        script = place / name.replace("_", "-")
        script.write_text(f"#!/bin/bash\n{body}\n")
        script.chmod(0o755)
    return place


@pytest.mark.parametrize(
    ("programs", "fix"),
    [
        ({"uname": "echo Darwin"}, "open -a Docker"),
        ({"apt_get": ":"}, "sudo apt-get update && sudo apt-get install -y docker.io && sudo usermod -aG docker ada"),
        ({"apt_get": ":", "dockerd": ":"}, "sudo systemctl start docker"),
        ({"dnf": ":"}, "sudo sh -c 'dnf install -y moby-engine && systemctl enable --now docker'"),
        ({"pacman": ":", "id": "echo 0"}, "sh -c 'pacman -S --noconfirm docker && systemctl enable --now docker'"),
        ({}, "install Docker for this system, or: export DOCKER_HOST=ssh://"),
    ],
)
def test_the_fix_is_a_command_for_this_system(
    tmp_path: Path, project: Path, programs: dict[str, str], fix: str
) -> None:
    done = run(project, machine(tmp_path, **programs))
    assert done.returncode == 5
    first, second = done.stderr.splitlines()
    assert first.startswith(("assay: no Docker engine ", "assay: the Docker engine is not running"))
    assert second.startswith(f"  fix: {fix}")


def test_an_engine_elsewhere_is_not_started_from_here(tmp_path: Path, project: Path) -> None:
    done = run(project, machine(tmp_path, docker="exit 1"), DOCKER_HOST="tcp://127.0.0.1:9")
    assert done.returncode == 5
    assert "only a local one can be started here" in done.stderr
    assert "unset DOCKER_HOST" in done.stderr


def run(project: Path, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    if Path("/var/run/docker.sock").exists() and not os.access("/var/run/docker.sock", os.W_OK):
        pytest.skip("an engine listens here that this user may not talk to: the script stops at that")
    # Away from the checkout, whose environment could ask the engine of the machine that runs this.
    script = shutil.copy(project / "suite" / "engine.sh", path.parent)
    return subprocess.run(
        [path / "bash", script],
        env={"PATH": str(path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.engine
def test_an_engine_is_found_without_curl_and_without_its_client(client, tmp_path: Path, project: Path) -> None:
    assert client.ping()
    path = machine(tmp_path)
    environment = {name: os.environ[name] for name in os.environ if name.startswith("DOCKER_")}
    done = subprocess.run(
        [path / "bash", project / "suite" / "engine.sh"], env={"PATH": str(path), **environment}, check=False
    )
    assert done.returncode == 0


def test_the_program_asks_an_engine_and_says_so_by_its_exit_code() -> None:
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere"}
    done = subprocess.run(
        [sys.executable, "-m", "suite.engines.docker.connection"], env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (5, b"", b"")
