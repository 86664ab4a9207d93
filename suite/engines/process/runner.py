"""Processes of one interpreter on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rules.documents import Interpreter
from rules.errors import MachineError, UsageError
from rules.text import printable
from suite.engines.base import Runner, SandboxLimits
from suite.engines.job import command
from suite.engines.process.interpreter import ask
from suite.engines.process.sandbox import ProcessSandbox
from suite.targets.data import Access


class ProcessRunner(Runner):
    """Starts processes of `interpreter` with `held` as their environment; their jobs are put below `folder`."""

    def __init__(self, interpreter: Interpreter, folder: Path, held: Mapping[str, str], version: str = "") -> None:
        self.interpreter, self.version = interpreter, version
        self._path, self._folder, self._held = interpreter.path, folder, held

    @property
    def environment(self) -> dict[str, str]:
        return self._environment("job")

    def _environment(self, job: str) -> dict[str, str]:
        return {**self._held, "PYTHONPATH": str(self._folder / job / "source")}

    def busy(self) -> str | None:
        """Return None: whoever measures on this machine holds it (`suite.result.turn`)."""
        return None

    def taken(self) -> AbstractContextManager[object]:
        """Return nothing to enter: no other host measures here."""
        return nullcontext()

    def sandbox(self, limits: SandboxLimits, module: str = "suite.harness", kind: str = "job") -> ProcessSandbox:  # noqa: ARG002
        """Return processes for a job of `module`; the interpreter must have what was recorded of it."""
        try:
            now = ask(Path(self._path))
        except UsageError as error:  # it was usable at the start
            raise MachineError(error.message, fix="restore that Python; then --resume") from None
        if now != self.interpreter:
            raise MachineError(
                f"{printable(self._path, 200)} no longer has the distributions recorded at the start",
                fix="install nothing during a run; then start over with --discard",
            )
        return self._sandbox("job", limits, module)

    def observer(self, cpuset: str, _sources: Sequence[str], _access: Access) -> ProcessSandbox:
        """Return processes of the same interpreter: what this user may read is read."""
        return self._sandbox("observer", SandboxLimits(cpuset=cpuset, memory_bytes=0), "suite.sampler")

    def _sandbox(self, job: str, limits: SandboxLimits, module: str) -> ProcessSandbox:
        place = self._folder / job
        return ProcessSandbox(command(module, self._path, place), place, limits, self._environment(job))
