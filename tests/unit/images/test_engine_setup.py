"""requirements/setup.sh beside environments that are half made or made with another Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Stands for a Python whose `venv` copies it and whose pip installs nothing.
PYTHON = f"""#!/bin/bash
case "$1 $2" in
    "-m venv") echo "$*" >>made; [ -e refuse ] && exit 1
        rm -rf .venv; mkdir -p .venv/bin
        for name in python assay; do cp "$0" ".venv/bin/$name"; done; touch .venv/pip ;;
    "-m pip") [ -e "${{0%/bin/python}}/pip" ] ;;
    *base_prefix*) echo PREFIX ;;
    *) exec {sys.executable} "$@" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path, project: Path) -> Path:
    (tmp_path / "requirements").mkdir()
    shutil.copy(project / "requirements" / "setup.sh", tmp_path / "requirements")
    for name in ("requirements/host.txt", "requirements/dev.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    return tmp_path


def setup(checkout: Path, python: str = "one") -> tuple[int, int]:
    """Run it with the Python named; return its exit code and how often an environment was made so far."""
    path = checkout / python
    path.write_text(PYTHON.replace("PREFIX", f"/{python}"))
    path.chmod(0o755)
    # Without apt-get, as on most systems.
    tools = checkout / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("bash", "cat", "cp", "dirname", "id", "mkdir", "rm", "sha256sum", "touch", "chmod", "tr"):
        if not (tools / name).exists():
            (tools / name).symlink_to(shutil.which(name) or "/missing")
    done = subprocess.run(
        [tools / "bash", "requirements/setup.sh", "host"],
        cwd=checkout,
        env={"PYTHON": str(path), "PATH": str(tools), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    made = checkout / "made"
    if done.returncode == 5:
        assert "could not create .venv; on Debian, as root: apt-get install python3" in done.stderr
    return done.returncode, len(made.read_text().splitlines()) if made.exists() else 0


def test_an_environment_is_made_once(checkout: Path) -> None:
    assert [setup(checkout), setup(checkout)] == [(0, 1), (0, 1)]


def test_an_environment_without_pip_is_made_anew(checkout: Path) -> None:
    assert setup(checkout) == (0, 1)
    (checkout / ".venv" / "pip").unlink()
    (checkout / ".venv" / ".assay-setup").unlink()
    assert setup(checkout) == (0, 2)


def test_another_python_makes_another_environment(checkout: Path) -> None:
    assert [setup(checkout, "one"), setup(checkout, "two"), setup(checkout, "two")] == [(0, 1), (0, 2), (0, 2)]


def test_a_python_that_cannot_make_one_is_said_with_the_package_that_lacks(checkout: Path) -> None:
    (checkout / "refuse").touch()
    assert setup(checkout) == (5, 1)
