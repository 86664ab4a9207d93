"""What a sandbox says, and how it is read: lines with the time they came, and the supervisor's report of the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from rules.documents import Memory
from rules.errors import MachineError

PROGRESS = ":::ASSAY "
DONE = PROGRESS + '{"done"'
MAX_LINE = 1 << 20  # characters of one output line that are kept
MAX_WORDS = 64 << 10  # the same for standard error
MAX_STDOUT = 64 << 20  # characters of a run's log, all lines together
LINE_COST = 64  # what a line takes beside its characters, so that empty lines count

Line = Callable[[str, float], None]  # a line without its end, and when it was received (Unix seconds)


class Stream(Protocol):
    """The three standard streams of a sandbox."""

    def send(self, data: bytes) -> None:
        """Write to standard input; raise OSError where the engine is gone."""

    def frames(self, deadline: float) -> Iterator[tuple[int, bytes]]:
        """Yield (1 for stdout or 2 for stderr, bytes) until both end.

        Raises TimeoutError past `deadline` (monotonic seconds), after which a new call goes on where this one stopped;
        MachineError where what comes is no such stream; OSError where the engine is gone.
        """

    def close(self) -> None:
        """End the connection, never raising: what runs takes it as the sign to stop."""


@dataclass(frozen=True)
class SupervisorReport:
    """What the supervisor said at the end."""

    status: int
    oom_kills: int
    memory: Memory | None

    @classmethod
    def of(cls, line: str) -> SupervisorReport | None:
        """Read the supervisor's line; None where it is none."""
        if not line.startswith(DONE):
            return None
        try:
            said = json.loads(line[len(PROGRESS) :])["done"]
            memory = Memory.model_validate(said["memory"]) if said["memory"] else None
            return cls(int(said["status"]), int(said["oom_kills"]), memory)
        except (ValueError, KeyError, TypeError, ValidationError):
            return None


class LineCutter:
    """Cut a byte stream into lines, each with the time its end was received; of one too long keep a part."""

    def __init__(self, sink: Line, limit: int = MAX_LINE, *, keep_end: bool = False) -> None:
        self._sink = sink
        self._kept = slice(-limit, None) if keep_end else slice(limit)
        self._rest = b""

    def feed(self, data: bytes, received: float) -> None:
        """Take what came, and hand over the lines that it ends."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[self._kept]
        for line in lines:
            self._sink(line[self._kept].decode("utf-8", "replace"), received)

    def end(self, received: float) -> None:
        """Hand over the last line where it has no end."""
        if self._rest:
            self.feed(b"\n", received)


def bounded(sink: Line) -> Line:
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
