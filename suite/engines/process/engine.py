"""Runs where a device is within reach and no engine: processes of a Python that is there already.

Nothing is promised of such a run, so what was used is captured instead: the interpreter, every distribution installed
for it, the machine. It stands beside the submissions, and the checker refuses it as a result of the round.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

from rules.documents import Interpreter
from rules.errors import AssayError, MachineError
from rules.text import printable
from suite.engines.base import NO_ENGINE, Engine, Host, RunEnvironment
from suite.engines.process.interpreter import ask, environment_of, framework
from suite.engines.process.runner import ProcessRunner
from suite.harness import probe
from suite.host.diagnosis import Diagnosis, Level
from suite.host.progress import say
from suite.images.matrix import Cell
from suite.targets import fitness, host
from suite.targets.data import NOTHING, ExecutionMode, FactDemand, Target

IMAGES_OWN = ("disk_free_gib",)  # facts that matter to an engine that keeps images
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def connect(place: str = "", folder: Path | None = None, *, hasty: bool = False) -> ProcessEngine:  # noqa: ARG001
    """Return the engine of the interpreter `place`, whose jobs are put below `folder`; raise UsageError for none."""
    return ProcessEngine(ask(Path(place)), (folder or Path()).resolve() / ".work" / "boxes")


class ProcessEngine(Engine):
    """This machine and an interpreter on it."""

    def __init__(self, interpreter: Interpreter, folder: Path) -> None:
        self._interpreter, self._folder = interpreter, folder

    @property
    def host(self) -> Host:
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
            cpus=len(os.sched_getaffinity(0)),
        )

    def locks(self) -> list[str]:
        return ["machine"]

    def busy(self) -> str | None:
        """Return None: whoever measures on this machine holds its lock."""
        return None

    def mode(self, name: str, target: Target) -> ExecutionMode:
        """See that this machine is one of the target's and fit for it: nothing is emulated."""
        here = ARCHITECTURES.get(platform.machine(), platform.machine())
        kernel = platform.release()
        if here != target.architecture or (target.kernel and not any(part in kernel.lower() for part in target.kernel)):
            raise MachineError(
                f"target {name} needs {target.machine} ({target.platform}), and this machine is {here}, kernel "
                f"{printable(kernel, 100)}; uncontained, nothing is emulated",
                fix=f"run on {target.machine}",
            )
        found = self._facts()
        # What a framework's build wants of the driver is of the round's own wheels; this interpreter has others.
        checks = _of(target)
        fitness.hold(f"this machine is not fit for target {name}, which needs {target.machine}", checks, found, {})
        if int(found.get("gpus", "0")) > target.accelerators > 0:
            say(f"  warning: a run uses the first of {found['gpus']} GPUs, and energy is that of all of them")
        return ExecutionMode(
            NOTHING,
            f"target {name}: measured on this machine uncontained, by Python {self._interpreter.version} with what is "
            f"installed for it ({printable(self._interpreter.path, 200)}); not a submission",
            facts=found,
        )

    def _facts(self) -> dict[str, str]:
        return {fact: printable(value, 200) for fact, value in host.facts().items() if fact not in IMAGES_OWN}

    def prepare(self, target: Target, mode: ExecutionMode) -> None:
        """Do nothing: what there is was found."""

    def runner(self, cell: Cell) -> ProcessRunner:
        version = framework(self._interpreter, cell)
        return ProcessRunner(self._interpreter, self._folder, environment_of(cell), version)

    def environment(self, cell: Cell, mode: ExecutionMode) -> RunEnvironment:
        runner = self.runner(cell)
        return RunEnvironment(runner, probe.facts(), self.host, mode.facts, sorted(os.sched_getaffinity(0)))

    def examine(self, name: str, target: Target) -> Iterator[Diagnosis]:
        installed = f"{len(self._interpreter.distributions)} distributions"
        yield Diagnosis("interpreter", Level.OK, f"Python {self._interpreter.version}, {installed}")
        try:
            yield Diagnosis(name, Level.OK, self.mode(name, target).sentence.partition(": ")[2])
        except AssayError as error:
            yield Diagnosis(name, Level.FAIL, error.message, error.fix)
            return
        yield from fitness.diagnoses(_of(target), self._facts())


def _of(target: Target) -> tuple[FactDemand, ...]:
    """Return the target's checks that hold without an image."""
    return tuple(check for check in target.checks if check.fact not in IMAGES_OWN)
