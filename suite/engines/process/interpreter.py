"""A Python that is there already: what it is and what is installed for it, by its own word."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pydantic import ValidationError

from rules.documents import DISTRIBUTIONS, Interpreter
from rules.errors import UsageError
from rules.text import printable
from suite.images.matrix import Cell, matrix
from suite.inputs.source import ROOT

INHERITED = ("PATH", "HOME", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
NOT_OURS = ("PYTHONNOUSERSITE",)  # of an image: what the user installed for himself is part of this interpreter
OLDEST = (3, 11)
ANSWER_S = 60
MOST = 1 << 20  # characters of an interpreter's answer


def ask(python: Path) -> Interpreter:
    """Return what an interpreter says of itself; raise UsageError where it is none that could run a job."""
    shown = f"--uncontained {printable(str(python), 200)}"
    fix = "give a Python that has the framework, e.g. --uncontained venv/bin/python"
    program = (ROOT / "suite/targets/installed.py").read_text()
    # By its absolute path, but not through links: a virtual environment's interpreter is a link out of it.
    path = os.path.abspath(python)  # noqa: PTH100 (resolve() would follow it)
    try:
        done = subprocess.run(
            [path, "-c", program], capture_output=True, env=inherited(), cwd="/", timeout=ANSWER_S, check=False
        )
    except OSError as error:
        raise UsageError(f"{shown}: {error.strerror}", fix=fix) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{shown}: it did not identify itself within {ANSWER_S} s", fix=fix) from None
    words = done.stdout.decode("utf-8", "replace").rstrip()
    try:
        if len(words) > MOST:
            raise ValueError("its answer is too long")
        found = Interpreter.model_validate_json(words.rpartition("\n")[2])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        why = f"more than {DISTRIBUTIONS} distributions" if first["type"] == "too_long" else "not a working Python"
        said = printable(done.stderr.decode("utf-8", "replace").strip()[-200:])
        raise UsageError(f"{shown}: {why}{f' ({said})' if said else ''}", fix=fix) from None
    except ValueError as error:
        raise UsageError(f"{shown}: {error}", fix=fix) from None
    if tuple(int(part) for part in found.version.split(".")[:2] if part.isdecimal()) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise UsageError(f"{shown}: it is Python {printable(found.version, 40)}", fix=f"give one from {wanted} on")
    return found.model_copy(update={"path": path})


def framework(found: Interpreter, cell: Cell) -> str:
    """Return the version of a cell's framework in it; raise UsageError where it lacks what runs of the cell import."""
    for pin in matrix().common:
        if (needed := pin.partition("==")[0]) not in found.distributions:
            raise _lacks(found.path, needed)
    wanted = cell.requirements[0].partition("==")[0].partition("[")[0]
    version = found.distributions.get(wanted) or found.distributions.get(wanted.removesuffix("-cpu"))
    if version is None:
        raise _lacks(found.path, wanted)
    return version


def environment_of(cell: Cell) -> dict[str, str]:
    """Return what an image's processes would hold, with what leads to this machine's own programs and devices."""
    held = {name: value for name, value in cell.environment.items() if name not in NOT_OURS}
    return held | inherited()


def inherited() -> dict[str, str]:
    """Return what processes of an interpreter need of this one's environment."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def _lacks(python: str, distribution: str) -> UsageError:
    return UsageError(
        f"{printable(python, 200)} has no {distribution}",
        fix=f"install it there: {printable(python, 200)} -m pip install {distribution}",
    )
