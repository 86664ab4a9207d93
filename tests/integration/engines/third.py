"""An engine by the recipe in CONTRIBUTING: as Slurm's will, it runs a job behind a program that starts it elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from suite.engines.base import SandboxLimits
from suite.engines.process import engine as process
from suite.engines.process.interpreter import environment_of
from suite.engines.process.runner import ProcessRunner
from suite.engines.process.sandbox import ProcessSandbox
from suite.images.matrix import Cell
from suite.targets.data import Access

STARTER = ("nice", "-n", "1")


class ThirdRunner(ProcessRunner):
    """Starts processes behind STARTER."""

    def sandbox(self, limits: SandboxLimits, module: str = "suite.harness", kind: str = "job") -> ProcessSandbox:
        return behind(super().sandbox(limits, module, kind))

    def observer(self, cpuset: str, sources: Sequence[str], access: Access) -> ProcessSandbox:
        return behind(super().observer(cpuset, sources, access))


def behind(box: ProcessSandbox) -> ProcessSandbox:
    box._command[:0] = STARTER
    return box


class ThirdEngine(process.ProcessEngine):
    """This machine, by its starter."""

    def runner(self, cell: Cell) -> ThirdRunner:
        return ThirdRunner(self._interpreter, self._folder, environment_of(cell))


def connect(place: str = "", folder: Path | None = None, *, hasty: bool = False) -> ThirdEngine:
    found = process.connect(place, folder, hasty=hasty)
    return ThirdEngine(found._interpreter, found._folder)
