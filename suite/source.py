"""The source that runs inside the container: which files, and the digest that binds a result to them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


def files(workload: str) -> dict[str, bytes]:
    """Return the files that go below `/io/job/source`, by path relative to it, sorted.

    The harness, the protocol and every framework's side of the workload: one digest covers what was compared.
    """
    folder = ROOT / "suite/workloads" / workload.replace("-", "_")
    paths = [ROOT / "suite/__init__.py", *(ROOT / "suite/harness").glob("*.py")]
    paths += [*(ROOT / "suite/workloads").glob("*.py"), *folder.glob("*.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in sorted(paths)}


def digest(sources: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over lines `<sha256>  <relative path>` of the files, sorted by path."""
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(sources.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
