"""One job in one sandbox: what goes in, what it says while it runs, what comes back, and how it ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rules.documents import Container, Memory, Outcome
from rules.text import printable
from suite.engines.base import Ended, Runner, SandboxLimits
from suite.engines.output import PROGRESS
from suite.host.progress import Phase

MLLOG = ":::MLLOG "
STDERR_KEPT = 200  # last lines of the framework's own words, for the explanation of a failure
DISK_FULL = os.strerror(28)
Files = Sequence[tuple[str, bytes | Path]]


def job_files(code: Mapping[str, bytes], data: Mapping[str, Path]) -> list[tuple[str, bytes | Path]]:
    """Return what every job needs besides `job.json`: source and data."""
    files: list[tuple[str, bytes | Path]] = [(f"source/{name}", content) for name, content in code.items()]
    return files + [(f"data/{name}", path) for name, path in data.items()]


@dataclass
class RunWatch:
    """What a run says while it runs: log lines with the host's receipt times, progress, and its last words."""

    phase: Phase | None  # None: nothing is shown
    lines: list[str] = field(default_factory=list)
    receipts: list[float] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def stdout(self, line: str, received: float) -> None:
        """Keep a line of the log."""
        self.lines.append(line)
        if MLLOG in line:
            self.receipts.append(received)

    def stderr(self, line: str, _received: float) -> None:
        """Move the bar, or keep what the framework said."""
        if line.startswith(PROGRESS):
            with suppress(ValueError, TypeError, KeyError, OverflowError):
                said = json.loads(line[len(PROGRESS) :])
                step, steps, phase = int(said["step"]), int(said["steps"]), printable(str(said.get("phase", "")), 40)
                if self.phase:
                    self.phase.to(step, steps, phase)
            return
        self.words = [*self.words[-STDERR_KEPT:], line]

    @property
    def log(self) -> bytes:
        """The log as it will be kept: every line of standard output."""
        return "".join(f"{line}\n" for line in self.lines).encode()

    def events(self, key: str) -> list[dict[str, Any]]:
        """Return the log's records of `key`, in order."""
        found = []
        for line in self.lines:
            with suppress(ValueError):
                event = json.loads(line.partition(MLLOG)[2])
                if isinstance(event, dict) and event.get("key") == key and isinstance(event.get("metadata"), dict):
                    found.append(event)
        return found

    def value(self, key: str) -> Any:
        """Return the last value logged under `key`, None where there is none."""
        events = self.events(key)
        return events[-1].get("value") if events else None


@dataclass(frozen=True)
class Finished:
    """A job that ended, however it did."""

    ended: Ended
    watch: RunWatch
    files: dict[str, bytes]  # of the job's `out` folder, by name
    container: Container

    def memory(self) -> Memory | None:
        """Return the cgroup's peak, or the process's own where the kernel gave none."""
        own = self.result().get("peak_memory_bytes")
        if self.ended.memory or not isinstance(own, int):
            return self.ended.memory
        return Memory(peak_bytes=own, source="process ru_maxrss")

    def result(self) -> dict[str, Any]:
        """Return `result.json`, empty where there is none or it is damaged."""
        with suppress(ValueError):
            found = json.loads(self.files.get("result.json", b"{}"))
            return found if isinstance(found, dict) else {}
        return {}

    def failure(self, limit_s: float) -> tuple[Outcome, str]:
        """Return how a job failed that says nothing itself, and a sentence about it; `limit_s` was its time limit."""
        if self.ended.timed_out:
            return Outcome.TIMEOUT, f"it was stopped at the time limit of {limit_s:g} s"
        if self.ended.out_of_memory:
            limit = "at its memory limit" if self.container.memory_bytes else "for want of memory"
            return Outcome.OUT_OF_MEMORY, f"the kernel stopped it {limit}"
        if any(DISK_FULL in line for line in self.watch.words):
            return Outcome.DISK_FULL, "the disk that it runs on is full"
        if self.ended.status is None:
            return Outcome.CRASHED, "it was ended by another program"
        how = f"signal {-self.ended.status}" if self.ended.status < 0 else f"exit code {self.ended.status}"
        last = next((printable(line, 200) for line in reversed(self.watch.words) if line.strip()), "no output")
        return Outcome.CRASHED, f"the harness ended with {how}: {last}"


def run_job(
    runner: Runner,
    given: Mapping[str, object],
    files: Files,
    limits: SandboxLimits,
    limit_s: float,
    phase: Phase | None = None,
    kind: str = "job",
    module: str = "suite.harness",
) -> Finished:
    """Run the job `given` in a sandbox of `runner` with `files` (see `job_files`), take back what it left.

    Raises MachineError where the engine refuses or its image is not the recorded one, EngineLostError where it
    stops answering. How the harness itself ended is in the result.
    """
    watch = RunWatch(phase)
    content = json.dumps(given, indent=2).encode()
    with runner.sandbox(limits, module, kind) as box:
        container = box.describe()
        box.put([("job.json", content), *files])
        ended = box.run(limit_s, watch.stdout, watch.stderr)
        found = box.take()
        box.close()
    return Finished(ended, watch, found, container)
