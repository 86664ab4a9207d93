"""Write the locks anew: wheels resolved by uv, Debian packages by apt, every line with its hash.

A lock names no index, no folder and no address, so it is the same file wherever it was made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from rules.errors import MachineError
from rules.text import printable
from suite.host import cache
from suite.images import locks, mmdebstrap
from suite.images.matrix import Cell


def wheels(cell: Cell) -> bool:
    """Resolve the cell's requirements into its wheel lock; return whether the file changed.

    Raises MachineError with uv's own words where they cannot be resolved.
    """
    command = [_uv(), "pip", "compile", "--quiet", "--generate-hashes", "--only-binary", ":all:"]
    command += ["--python-version", cell.python, "--python-platform", cell.wheels]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    # A local build (2.13.0+cpu) would also satisfy a pin of the published one (2.13.0): look there only if asked for.
    for folder in _find_links() if any("+" in pin for pin in cell.requirements) else ():
        command += ["--find-links", folder]
    asked = "\n".join(cell.requirements) + "\n"
    with cache.scratch() as scratch:
        done = subprocess.run([*command, "-"], cwd=scratch, input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(
            f"uv could not resolve {cell.name}: {printable(done.stderr.strip(), 800)}",
            fix="check the pins in images/matrix.yaml, and that the wheels are where pip looks (PyTorch's are on "
            "PyTorch's CPU wheel index)",
        )
    own = cell.wheel_lock.stem.startswith(f"{cell.framework}-{cell.target}")
    kind = cell.target if own else cell.base.architecture  # targets of one architecture may share a lock
    head = (
        f"# Wheels of {cell.framework} on {kind} ({cell.wheels}, Python {cell.python}). "
        "Written by `assay images lock`; do not edit.\n"
    )
    return _replace(cell.wheel_lock, (head + done.stdout).encode())


def base(cell: Cell) -> bool:
    """Resolve the Debian packages of the cell's base into its lock; return whether the file changed.

    A registry base's lock is one line that a person writes: there is nothing to resolve.
    """
    if cell.base.provider == "registry":
        return False
    pinned = mmdebstrap.resolve(cell)
    return _replace(cell.base_lock, locks.write_packages(pinned, cell.base.suite, cell.base.architecture))


def _replace(lock: Path, content: bytes) -> bool:
    if lock.exists() and lock.read_bytes() == content:
        return False
    lock.parent.mkdir(parents=True, exist_ok=True)
    fresh = lock.with_name(f".{lock.name}.new")
    fresh.write_bytes(content)
    fresh.replace(lock)
    return True


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    if beside.exists():
        return str(beside)
    if found := shutil.which("uv"):
        return found
    raise MachineError("uv is missing: it resolves wheel locks", fix="make setup-dev")


def _find_links() -> list[str]:
    """Return the wheel folders pip is configured with: uv does not read pip's settings."""
    command = [sys.executable, "-m", "pip", "config", "get"]
    found = [os.environ.get("PIP_FIND_LINKS", "")]
    for section in ("global", "install", "download"):
        done = subprocess.run([*command, f"{section}.find-links"], capture_output=True, text=True, check=False)
        found.append(done.stdout if done.returncode == 0 else "")
    return list(dict.fromkeys(" ".join(found).split()))
