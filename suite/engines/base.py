"""One job under the supervisor, wherever it runs: put files, run, take files, gone.

A box lives only as long as our connection to its standard input: see `suite.harness.supervisor`. It is a container
(`suite.engines.docker.sandbox`), or processes of an interpreter on this machine where there is no engine (`process/`).
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol, Self

from pydantic import ValidationError

from rules.documents import Container, Memory
from rules.errors import MachineError
from suite.targets.data import NOTHING, Access

JOB = "/io/job"
PROGRESS = ":::ASSAY "
DONE = PROGRESS + '{"done"'
MAX_LINE = 1 << 20  # characters of one output line that are kept
MAX_WORDS = 64 << 10  # the same for standard error
MAX_STDOUT = 64 << 20  # characters of a run's log, all lines together
LINE_COST = 64  # what a line takes beside its characters, so that empty lines count
MAX_OUT = 1 << 30  # bytes taken back from a box
KILL_S = 10  # seconds an engine is given to confirm a kill, and the stream to end after it
ARRIVED_S = 1  # seconds for reading what has arrived when the time is up

Line = Callable[[str, float], None]
Files = list[tuple[str, bytes | Path]]  # path below the job folder, content
# The first process: waits until the job is in place, or ends with the runner that was to put it there.
GATE = "import os, sys; os.read(0, 1) and os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


def command(
    module: str = "suite.harness", interpreter: str = "/opt/venv/bin/python", folder: Path | str = JOB
) -> list[str]:
    """Return the command line that runs `module` on the job in `folder` under the supervisor."""
    return [interpreter, "-c", GATE, "-m", "suite.harness.supervisor", str(folder), module]


@dataclass(frozen=True)
class Limits:
    """What a box may use: CPU list in the kernel's format, bytes of memory, number of processes, devices.

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


class Stream(Protocol):
    """The three standard streams of a box."""

    def send(self, data: bytes) -> None:
        """Write to standard input."""

    def frames(self, deadline: float) -> Iterator[tuple[int, bytes]]:
        """Yield (1 for stdout or 2 for stderr, bytes) until both end; TimeoutError past `deadline` (monotonic)."""

    def close(self) -> None:
        """End the connection: what runs takes it as the sign to stop."""


class Box(ABC):
    """A place for one job, there between entry and exit."""

    _attached: Stream | None = None
    _open = False  # whether the supervisor holds the box open for us

    def __init__(self) -> None:
        self._readers: dict[int, _Lines] = {}

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None: ...

    @abstractmethod
    def describe(self) -> Container:
        """Return the limits and hardening there are."""

    @abstractmethod
    def put(self, files: Files) -> None:
        """Place `files` in the job folder."""

    @abstractmethod
    def take(self) -> dict[str, bytes]:
        """Return the regular files of the job's `out` folder by relative path; none where the box is gone."""

    @abstractmethod
    def kill(self) -> None:
        """End what runs, from whichever thread; nothing is raised, whatever happens."""

    @abstractmethod
    def _end(self) -> None:
        """End what runs, and hand over what its output still holds."""

    @abstractmethod
    def _ended_by_itself(self) -> None:
        """Raise EngineLostError where the stream ended with its engine and not with the box."""

    def run(self, limit_s: float, on_stdout: Line, on_stderr: Line) -> Ended:
        """Start, hand over each line with the host's receipt time (Unix seconds), return how it ended.

        The box is left open for `take`; a run past `limit_s` is killed. Raises EngineLostError where the engine
        is gone or silent, MachineError where the log outgrows MAX_STDOUT.
        """
        assert self._attached is not None
        done: list[Report] = []

        def stderr(line: str, received: float) -> None:
            # The harness may have died in the middle of a line of its own.
            words, _, _ = line.partition(DONE)
            report = Report.of(line[len(words) :])
            if report is not None:
                done.append(report)
            if report is None or words:
                on_stderr(words if report else line, received)

        self._readers = {1: _Lines(_bounded(on_stdout)), 2: _Lines(stderr, MAX_WORDS, keep_end=True)}
        timed_out = False
        self._attached.send(b"\n")  # GATE waits for it
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

    def _ended(self, report: Report) -> Ended:
        # The kernel may have killed a process beside the harness, which went on.
        out_of_memory = report.oom_kills > 0 and report.status == -9
        return Ended(status=report.status, out_of_memory=out_of_memory, timed_out=False, memory=report.memory)

    def _listen(self, limit_s: float, done: list[Report]) -> None:
        """Hand over what comes until `done` has a report or the stream ends; raise TimeoutError after `limit_s`."""
        assert self._attached is not None
        for stream, data in self._attached.frames(time.monotonic() + limit_s):
            self._readers[stream].feed(data, time.time())
            if done:
                return

    def close(self) -> None:
        """Let the box end, and hand over what its output still holds."""
        if self._open:
            self._end()
        for reader in self._readers.values():
            reader.end(time.time())


@dataclass(frozen=True)
class Report:
    """What the supervisor said at the end."""

    status: int
    oom_kills: int
    memory: Memory | None

    @classmethod
    def of(cls, line: str) -> Report | None:
        """Read the supervisor's line; None where it is none."""
        if not line.startswith(DONE):
            return None
        try:
            said = json.loads(line[len(PROGRESS) :])["done"]
            memory = Memory.model_validate(said["memory"]) if said["memory"] else None
            return cls(int(said["status"]), int(said["oom_kills"]), memory)
        except (ValueError, KeyError, TypeError, ValidationError):
            return None


class _Lines:
    """Cut a byte stream into lines, each with the time its end was received; of one too long keep a part."""

    def __init__(self, sink: Line, limit: int = MAX_LINE, *, keep_end: bool = False) -> None:
        self._sink = sink
        self._kept = slice(-limit, None) if keep_end else slice(limit)
        self._rest = b""

    def feed(self, data: bytes, received: float) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[self._kept]
        for line in lines:
            self._sink(line[self._kept].decode("utf-8", "replace"), received)

    def end(self, received: float) -> None:
        if self._rest:
            self.feed(b"\n", received)


def _bounded(sink: Line) -> Line:
    """Return `sink` with an end to how much it takes; past it the line raises MachineError."""
    taken = 0

    def counted(line: str, received: float) -> None:
        nonlocal taken
        taken += len(line) + LINE_COST
        if taken > MAX_STDOUT:
            raise MachineError(
                f"the run was stopped: it wrote a log of more than {MAX_STDOUT >> 20} MiB",
                fix="a log is a few thousand lines; look for what writes to standard output",
            )
        sink(line, received)

    return counted


def folders(paths: Iterable[str]) -> list[str]:
    """Return every folder above `paths`, parents first, with the job folder itself and its `out`."""
    found = {"", "out"}
    for path in paths:
        found |= {p.as_posix() for p in PurePosixPath(path).parents if p.as_posix() != "."}
    return sorted(found)


def too_much() -> MachineError:
    """Return the error for a job that left more than is taken back."""
    return MachineError(f"the run left more than {MAX_OUT} bytes of results", fix="write less to out/")


class Place(Protocol):
    """Where the jobs of a result run."""

    def busy(self) -> str | None:
        """Return a sentence naming another measured run that is under way here, None where there is none."""

    def taken(self) -> AbstractContextManager[object]:
        """Show to whoever else may measure here that a result is being measured, between its runs too."""

    def box(self, limits: Limits, module: str, kind: str) -> Box:
        """Return a box for a job of `module`; `kind` says what for, "run" for a measured one.

        Raises MachineError where what would run is not what was recorded.
        """

    def observer(self, cpuset: str, sources: Sequence[str], access: Access) -> Box:
        """Return a box beside a run's, on `cpuset`, for what samples the `sources`; `access` is the target's."""
