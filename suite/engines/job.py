"""The job folder of a sandbox: how its job is started, and what may be put there and taken back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from rules.errors import MachineError

JOB = "/io/job"
MAX_OUT = 1 << 30  # bytes taken back from a sandbox
# The first process: waits until the job is in place, or ends with the runner that was to put it there.
GATE = "import os, sys; os.read(0, 1) and os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
Files = list[tuple[str, bytes | Path]]  # path below the job folder, content


def command(
    module: str = "suite.harness", interpreter: str = "/opt/venv/bin/python", folder: Path | str = JOB
) -> list[str]:
    """Return the command line that runs `module` on the job in `folder` under the supervisor."""
    return [interpreter, "-c", GATE, "-m", "suite.harness.transport.supervisor", str(folder), module]


def folders(paths: Iterable[str]) -> list[str]:
    """Return every folder above `paths`, parents first, with the job folder itself and its `out`."""
    found = {"", "out"}
    for path in paths:
        found |= {p.as_posix() for p in PurePosixPath(path).parents if p.as_posix() != "."}
    return sorted(found)


def too_much(most: int) -> MachineError:
    """Return the error for a job that left more than is taken back."""
    return MachineError(f"the run left more than {most} bytes of results", fix="write less to out/")


def stray(name: str) -> MachineError:
    """Return the error for results that are not below `out`; `name` is safe to print."""
    return MachineError(
        f"the results hold {name!r}, which is not below out/", fix="nothing but files may be left in out/"
    )
