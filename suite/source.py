"""The source that runs inside the container: which files, and the digest that binds a result to them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
HARNESS = ("suite/harness", "suite/harness/frameworks")


def files(workload: str) -> dict[str, bytes]:
    """Return the files that go below `/io/job/source`, by path relative to it, sorted.

    The harness, the protocol and every framework's side of the workload: one digest covers what was compared.
    """
    return _read(*HARNESS, "suite/harness/trainers", "suite/workloads", _folder(workload))


def serving_files(workload: str) -> dict[str, bytes]:
    """Return the same for inference: its own harness, what it takes of training's, the workload's two sides."""
    folder = _folder(workload)
    return _read(*HARNESS, "suite/serve", "suite/workloads", folder, f"{folder}/serve")


def _folder(workload: str) -> str:
    return f"suite/workloads/{workload.replace('-', '_')}"


def _read(*folders: str) -> dict[str, bytes]:
    paths = [ROOT / "suite/__init__.py", *(path for folder in folders for path in (ROOT / folder).glob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in sorted(paths)}


def digest(sources: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over lines `<sha256>  <relative path>` of the files, sorted by path."""
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(sources.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
