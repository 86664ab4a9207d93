"""Runs where a device is within reach and no engine: processes of a Python that is there already.

Nothing is promised of such a run, so what was used is captured instead: the interpreter, every distribution installed
for it, the machine. It stands beside the submissions, and the checker refuses it as a result of the round.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

import checker
from checker.report.render import text as render_text
from rules.documents import DISTRIBUTIONS, Interpreter
from rules.errors import MachineError, UsageError
from rules.text import printable
from suite.engines.base import Limits, command
from suite.engines.process.processes import Processes
from suite.harness import probe
from suite.images.matrix import Cell, matrix
from suite.machine import NO_ENGINE, Host
from suite.progress import say
from suite.result.environment import Ground
from suite.source import ROOT
from suite.targets import fitness, host
from suite.targets.data import Access, Target
from suite.targets.functional import NotRefusedError

FOLDER = "uncontained"  # below the submissions folder: none of it is a submission
RULE = "assay-uncontained"
INHERITED = ("PATH", "HOME", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
NOT_OURS = ("PYTHONNOUSERSITE",)  # of an image: what the user installed for himself is part of this interpreter
IMAGES_OWN = ("disk_free_gib",)  # facts that matter to an engine that keeps images
OLDEST = (3, 11)
ANSWER_S = 60
MOST = 1 << 20  # characters of an interpreter's answer
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Python:
    """Processes of one interpreter on this machine: a `Place`. `folder` is where their jobs are put."""

    interpreter: str
    folder: Path
    held: Mapping[str, str]  # environment

    def environment(self, job: str = "job") -> dict[str, str]:
        """Return what processes of `job` hold."""
        return {**self.held, "PYTHONPATH": str(self.folder / job / "source")}

    def busy(self) -> str | None:
        """Return None: whoever measures on this machine holds it (`suite.turn`)."""
        return None

    def taken(self) -> AbstractContextManager[object]:
        """Return nothing to enter: no other host measures here."""
        return nullcontext()

    def box(self, limits: Limits, module: str, kind: str) -> Processes:  # noqa: ARG002 (of an engine's containers)
        """Return processes for a job of `module`."""
        return self._processes("job", limits, module)

    def observer(self, cpuset: str, _sources: Sequence[str], _access: Access) -> Processes:
        """Return processes of the same interpreter: what this user may read is read."""
        return self._processes("observer", Limits(cpuset=cpuset, memory_bytes=0), "suite.observe")

    def _processes(self, job: str, limits: Limits, module: str) -> Processes:
        place = self.folder / job
        return Processes(command(module, self.interpreter, place), place, limits, self.environment(job))


@dataclass(frozen=True)
class Here:
    """This machine and an interpreter on it, found fit for a target."""

    interpreter: Interpreter
    target: Mapping[str, str]  # what its checks read
    output: Path

    def ground(self, cell: Cell) -> Ground:
        """Return what the framework's runs stand on; raise UsageError where the interpreter lacks what they import."""
        path, found = self.interpreter.path, self.interpreter.distributions
        for pin in matrix().common:
            if (needed := pin.partition("==")[0]) not in found:
                raise _lacks(path, needed)
        wanted = cell.requirements[0].partition("==")[0].partition("[")[0]
        version = found.get(wanted) or found.get(wanted.removesuffix("-cpu"))
        if version is None:
            raise _lacks(path, wanted)
        place = Python(path, self.output.resolve() / ".work" / "boxes", environment_of(cell))
        return Ground(
            place=place,
            machine=probe.facts(),
            host=_host(),
            target=self.target,
            environment=place.environment(),
            framework=version,
            cpus=sorted(os.sched_getaffinity(0)),
            interpreter=self.interpreter,
        )


def find(python: Path, name: str, target: Target, output: Path) -> Here:
    """See that `python` and this machine can do runs of the target `name`, and say what will happen.

    Raises UsageError for an interpreter that cannot, MachineError for a machine that is not one of the target's, or
    not fit: busy, too old a driver, too little memory.
    """
    interpreter = ask(python)
    here = ARCHITECTURES.get(platform.machine(), platform.machine())
    kernel = platform.release()
    if here != target.architecture or (target.kernel and not any(part in kernel.lower() for part in target.kernel)):
        raise MachineError(
            f"target {name} needs {target.machine} ({target.platform}), and this machine is {here}, kernel "
            f"{printable(kernel, 100)}; uncontained, nothing is emulated",
            fix=f"run on {target.machine}",
        )
    found = {fact: printable(value, 200) for fact, value in host.facts().items() if fact not in IMAGES_OWN}
    # What a framework's build wants of the driver is of the round's own wheels; this interpreter has others.
    checks = tuple(check for check in target.checks if check.fact not in IMAGES_OWN)
    fitness.hold(f"this machine is not fit for target {name}, which needs {target.machine}", checks, found, {})
    if int(found.get("gpus", "0")) > target.accelerators > 0:
        say(f"  warning: a run uses the first of {found['gpus']} GPUs, and energy is that of all of them")
    say(
        f"target {name}: measured on this machine uncontained, by Python {interpreter.version} with what is installed "
        f"for it ({printable(interpreter.path, 200)}); not a submission"
    )
    return Here(interpreter, found, output)


def ask(python: Path) -> Interpreter:
    """Return what an interpreter says of itself; raise UsageError where it is none that could run a job."""
    shown = f"--uncontained {printable(str(python), 200)}"
    fix = "give a Python that has the framework, e.g. --uncontained venv/bin/python"
    program = (ROOT / "suite/targets/installed.py").read_text()
    # By its absolute path, but not through links: a virtual environment's interpreter is a link out of it.
    path = os.path.abspath(python)  # noqa: PTH100 (resolve() would follow it)
    try:
        done = subprocess.run(
            [path, "-c", program],
            capture_output=True,
            env=_inherited(),
            cwd="/",
            timeout=ANSWER_S,
            check=False,
        )
    except OSError as error:
        raise UsageError(f"{shown}: {error.strerror}", fix=fix) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{shown}: it does not say what it is within {ANSWER_S} s", fix=fix) from None
    words = done.stdout.decode("utf-8", "replace").rstrip()
    try:
        if len(words) > MOST:
            raise ValueError("its answer is too long")
        found = Interpreter.model_validate_json(words.rpartition("\n")[2])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        why = f"more than {DISTRIBUTIONS} distributions" if first["type"] == "too_long" else "no Python that answers"
        said = printable(done.stderr.decode("utf-8", "replace").strip()[-200:])
        raise UsageError(f"{shown}: {why}{f' ({said})' if said else ''}", fix=fix) from None
    except ValueError as error:
        raise UsageError(f"{shown}: {error}", fix=fix) from None
    if tuple(int(part) for part in found.version.split(".")[:2] if part.isdecimal()) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise UsageError(f"{shown}: it is Python {printable(found.version, 40)}", fix=f"give one from {wanted} on")
    return found.model_copy(update={"path": path})


def environment_of(cell: Cell) -> dict[str, str]:
    """Return what an image's processes would hold, with what leads to this machine's own programs and devices."""
    held = {name: value for name, value in cell.environment.items() if name not in NOT_OURS}
    return held | _inherited()


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def _lacks(python: str, distribution: str) -> UsageError:
    return UsageError(
        f"{printable(python, 200)} has no {distribution}",
        fix=f"install it there: {printable(python, 200)} -m pip install {distribution}",
    )


def _host() -> Host:
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        system = platform.system()
    return Host(
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        operating_system=printable(system, 200),
        engine=NO_ENGINE,
        cgroup_version="2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "1",
        storage_driver=NO_ENGINE,
    )


def judge(result: Path, show: Callable[[str], None]) -> bool:
    """Show what was measured and what the checker says; return whether it refuses the result for this reason alone.

    Raises NotRefusedError where it does not.
    """
    report = checker.check(result)
    show(render_text.render(report, colour=sys.stdout.isatty()))
    errors = {found.rule for found in report.findings if found.severity == "error"}
    if RULE not in errors:
        raise NotRefusedError(f"{result} is not refused as a result of the round", fix="report this with the command")
    passed = errors == {RULE}
    show(f"measured uncontained{'' if passed else ', and other rules FAILED'}; not a submission: {result}")
    return passed
