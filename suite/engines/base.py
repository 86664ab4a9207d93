"""What a run needs of an engine, whichever it is: Docker's containers, processes of this machine, later a cluster.

An `Engine` is a folder of `suite/engines` and a line of its table. It has one machine, and gives a `Runner` for a cell
of the matrix of images; that makes a `Sandbox` for each job. A sandbox lives only as long as our connection to its
standard input (see `suite.harness.transport.supervisor`), so whatever ends our process ends it too. Every engine
passes the conformance suite, `tests/integration/engines/conformance.py`.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Self

from rules.documents import Container, ImageIdentity, Interpreter, Memory
from rules.errors import MachineError
from suite.engines.job import MAX_OUT, Files
from suite.engines.output import DONE, MAX_WORDS, Line, LineCutter, Stream, SupervisorReport, bounded
from suite.host.diagnosis import Diagnosis
from suite.images.matrix import Cell
from suite.images.store import ImageStore
from suite.targets.data import NOTHING, Access, Emulation, ExecutionMode, Target

NO_ENGINE = "none"  # what a document calls the engine where nothing contains a run
KILL_S = 10  # seconds an engine is given to confirm a kill, and the stream to end after it
ARRIVED_S = 1  # seconds for reading what has arrived when the time is up


class EngineLostError(MachineError):
    """The engine stopped answering in the middle of the work; a run can be resumed."""


@dataclass(frozen=True)
class SandboxLimits:
    """What a sandbox may use: CPU list in the kernel's format, bytes of memory, number of processes, devices.

    `reads` are single files of the engine's machine that a container sees, read-only, below /host.
    """

    cpuset: str
    memory_bytes: int
    pids: int = 512
    access: Access = NOTHING
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How the harness ended: `status` is its exit code, negative for a signal, None where nobody could say."""

    status: int | None
    out_of_memory: bool
    timed_out: bool
    memory: Memory | None


class Sandbox(ABC):
    """A place for one job, there between entry and exit. What is inside is hostile: no method trusts it."""

    most_out = MAX_OUT  # bytes taken back
    _stream: Stream | None = None
    _open = False  # whether the supervisor holds the sandbox open for us

    def __init__(self) -> None:
        self._readers: dict[int, LineCutter] = {}

    @abstractmethod
    def __enter__(self) -> Self:
        """Make it and open its stream; remove what killed runners left behind.

        Raises MachineError in the engine's words where it refuses, EngineLostError where it stops answering; nothing
        is left behind then.
        """

    @abstractmethod
    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """End and remove it, as far as the engine answers; never raises."""

    @abstractmethod
    def describe(self) -> Container:
        """Return the limits and the hardening there are, as the engine holds them, not as they were asked for.

        Raises EngineLostError where it stops answering.
        """

    @abstractmethod
    def put(self, files: Files) -> None:
        """Place `files` in the job folder.

        Raises MachineError where they cannot be written there, EngineLostError where the engine stops answering.
        """

    @abstractmethod
    def take(self) -> dict[str, bytes]:
        """Return the regular files of the job's `out` folder by relative path; links are left out.

        Nothing where the sandbox is gone. Raises MachineError where `out` is no folder, holds more than `most_out`
        bytes or leads out of itself; EngineLostError where the engine stops answering.
        """

    @abstractmethod
    def kill(self) -> None:
        """End what runs, from whichever thread, and with that its output; never raises."""

    @abstractmethod
    def _end(self) -> None:
        """End what runs, and hand over what its output still holds.

        Raises EngineLostError unless the end is confirmed within KILL_S.
        """

    @abstractmethod
    def _ended_by_itself(self) -> None:
        """Raise EngineLostError where the stream ended with its engine and not with the sandbox."""

    def run(self, limit_s: float, on_stdout: Line, on_stderr: Line) -> Ended:
        """Start, hand over each line with the host's receipt time (Unix seconds), return how it ended.

        The sandbox is left open for `take`; a run past `limit_s` is killed. Raises EngineLostError where the engine
        is gone or silent, MachineError where the log outgrows MAX_STDOUT, and what the two callables raise.
        """
        assert self._stream is not None
        done: list[SupervisorReport] = []

        def stderr(line: str, received: float) -> None:
            # The harness may have died in the middle of a line of its own.
            words, _, _ = line.partition(DONE)
            report = SupervisorReport.of(line[len(words) :])
            if report is not None:
                done.append(report)
            if report is None or words:
                on_stderr(words if report else line, received)

        self._readers = {1: LineCutter(bounded(on_stdout)), 2: LineCutter(stderr, MAX_WORDS, keep_end=True)}
        timed_out = False
        self._stream.send(b"\n")  # GATE waits for it
        try:
            self._listen(limit_s, done)
        except TimeoutError:
            # A report that has arrived by now is the run's end, not the limit.
            try:
                self._listen(ARRIVED_S, done)
            except TimeoutError:
                timed_out = True
        if timed_out:
            self._end()
        elif not done:
            self._ended_by_itself()
        if timed_out or not done:
            return Ended(status=None, out_of_memory=False, timed_out=timed_out, memory=None)
        self._open = True
        return self._ended(done[0])

    def _ended(self, report: SupervisorReport) -> Ended:
        # The kernel may have killed a process beside the harness, which went on.
        out_of_memory = report.oom_kills > 0 and report.status == -9
        return Ended(status=report.status, out_of_memory=out_of_memory, timed_out=False, memory=report.memory)

    def _listen(self, limit_s: float, done: list[SupervisorReport]) -> None:
        """Hand over what comes until `done` has a report or the stream ends; raise TimeoutError after `limit_s`."""
        assert self._stream is not None
        for stream, data in self._stream.frames(time.monotonic() + limit_s):
            self._readers[stream].feed(data, time.time())
            if done:
                return

    def close(self) -> None:
        """Let the sandbox end, and hand over what its output still holds; raises what `run` does."""
        if self._open:
            self._end()
        for reader in self._readers.values():
            reader.end(time.time())


class Runner(ABC):
    """Makes sandboxes of one image or interpreter on one engine."""

    image: ImageIdentity | None = None  # what runs: an image,
    interpreter: Interpreter | None = None  # or a Python that was there
    version: str  # of the framework in it
    bill: Mapping[str, bytes] = MappingProxyType({})  # what is in it, as files by name: they stand beside the runs

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The environment of every process that runs the harness."""

    @abstractmethod
    def busy(self) -> str | None:
        """Return a sentence naming another measured run that is under way here, None where there is none.

        It names the process and host whose run it is. Raises EngineLostError.
        """

    @abstractmethod
    def taken(self) -> AbstractContextManager[object]:
        """Show to whoever else may measure here that a result is being measured, between its runs too."""

    @abstractmethod
    def sandbox(self, limits: SandboxLimits, module: str = "suite.harness", kind: str = "job") -> Sandbox:
        """Return a sandbox for a job of `module`; `kind` says what for, "run" for a measured one.

        Raises MachineError where what would run is not what was recorded.
        """

    @abstractmethod
    def observer(self, cpuset: str, sources: Sequence[str], access: Access) -> Sandbox:
        """Return a sandbox beside a run's, on `cpuset`, for what samples the `sources`; `access` is the target's.

        Raises EngineLostError.
        """

    @property
    def versions(self) -> Mapping[str, str]:
        """Distribution name -> version, of all there is."""
        return self.image.versions if self.image else self.interpreter.distributions if self.interpreter else {}


@dataclass(frozen=True)
class Host:
    """An engine's machine as a whole, beside what its kernel says of the processor."""

    memory_bytes: int
    operating_system: str
    engine: str  # name and version; NO_ENGINE where runs are not contained
    cgroup_version: Literal["1", "2"]
    storage_driver: str  # the engine's
    cpus: int = 0

    @property
    def contained(self) -> bool:
        """Whether runs are, in an engine's containers."""
        return self.engine != NO_ENGINE


@dataclass(frozen=True)
class RunEnvironment:
    """What one framework's runs stand on, captured before the first of them."""

    runner: Runner
    machine: Mapping[str, Any]  # what the kernel says (suite.harness.probe)
    host: Host
    target: Mapping[str, str]  # what the target's checks read
    cpus: Sequence[int]  # processors there are for runs
    access: Access = NOTHING
    emulation: Emulation | None = None


class Engine(ABC):
    """What runs sandboxes on a machine. Every method raises EngineLostError where the engine stops answering."""

    images: ImageStore | None = None  # where it keeps images; None where it has none of its own

    @property
    @abstractmethod
    def host(self) -> Host:
        """Its machine."""

    @abstractmethod
    def locks(self) -> list[str]:
        """Return the names under which one command at a time holds the machine (`suite.result.turn`)."""

    @abstractmethod
    def busy(self) -> str | None:
        """Return a sentence naming what is measured there and by whom, None where that is nothing."""

    @abstractmethod
    def mode(self, name: str, target: Target) -> ExecutionMode:
        """Return how runs of the target `name` can happen here; nothing is installed, fetched or built for it.

        Raises MachineError saying what the machine lacks, in the target's words for those of the engine.
        """

    @abstractmethod
    def prepare(self, target: Target, mode: ExecutionMode) -> None:
        """Make what `mode` needs of the machine beside images; raise MachineError where that cannot be."""

    @abstractmethod
    def runner(self, cell: Cell) -> Runner:
        """Return what runs `cell`, built where it is not there yet.

        Raises MachineError where it cannot be had, UsageError where an interpreter lacks what the cell imports.
        """

    @abstractmethod
    def environment(self, cell: Cell, mode: ExecutionMode) -> RunEnvironment:
        """See that the machine is fit for `cell`, and return what its runs stand on.

        Raises what `runner` does, and MachineError for what must be and is not; warns of what should be.
        """

    @abstractmethod
    def examine(self, name: str, target: Target) -> Iterator[Diagnosis]:
        """Yield what is to be said of the engine, its machine, and what it has for the target `name`; in seconds."""
