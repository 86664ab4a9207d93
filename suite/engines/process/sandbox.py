"""Processes of an interpreter on this machine for one job, where there is no engine to contain them.

They are a session of their own, so that Ctrl-C at the terminal reaches the runner alone, and they end with the runner's
connection as containers do: the supervisor kills the harness when its standard input ends.
"""

from __future__ import annotations

import errno
import os
import selectors
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from checker.machine.use import cpus
from rules.documents import Container
from rules.errors import MachineError
from rules.text import printable
from suite.engines.base import KILL_S, NO_ENGINE, Ended, Sandbox, SandboxLimits
from suite.engines.job import Files, folders, stray, too_much
from suite.engines.output import SupervisorReport
from suite.host.disk import disk

CHUNK = 64 << 10
VMSTAT = Path("/proc/vmstat")


class ProcessSandbox(Sandbox):
    """The processes that `command` starts, with their job in `folder`: there on entry, all gone on exit."""

    def __init__(self, command: list[str], folder: Path, limits: SandboxLimits, environment: Mapping[str, str]) -> None:
        super().__init__()
        self._command, self._folder, self._limits, self._environment = command, folder, limits, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._killed_before = 0

    def __enter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)  # of a runner that was killed
        here = self._folder / "tmp"  # nothing in it can be imported by mistake
        with disk(here):
            here.mkdir(parents=True)
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                cwd=here,
                env=dict(self._environment),
                start_new_session=True,
            )
        except OSError as error:
            what = printable(self._command[0], 200)
            raise MachineError(f"{what} cannot be started: {error.strerror}") from None
        self._stream = _Pipes(self._process)
        # GATE still waits: what it becomes inherits this.
        if own := (cpus(self._limits.cpuset) or set()) & os.sched_getaffinity(0):
            os.sched_setaffinity(self._process.pid, own)
        self._killed_before = _killed_for_memory()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.kill()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):  # the kernel cannot end it: a driver holds it
                self._process.wait(KILL_S)
        if self._stream is not None:
            self._stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def describe(self) -> Container:
        """Return that nothing contains the processes, and which processors and user they have."""
        return Container(
            engine=NO_ENGINE,
            cpuset=self._limits.cpuset,
            memory_bytes=0,
            pids=0,
            network="host",
            read_only=False,
            user=f"{os.getuid()}:{os.getgid()}",
            cap_drop=[],
            security_opt=[],
        )

    def put(self, files: Files) -> None:
        with disk(self._folder):
            for path in folders(path for path, _ in files):
                (self._folder / path).mkdir(exist_ok=True)
            for path, content in files:
                if isinstance(content, bytes):
                    (self._folder / path).write_bytes(content)
                else:
                    shutil.copyfile(content, self._folder / path)

    def take(self) -> dict[str, bytes]:
        """Return the regular files of the job's `out` folder by relative path; what it left running may change them."""
        if not self._open:
            return {}
        out, found, left = self._folder / "out", dict[str, bytes](), self.most_out
        with disk(out):
            if out.is_symlink() or not out.is_dir():
                raise stray("out")
            for path in sorted(Path(top) / name for top, _, names in os.walk(out) for name in names):
                content = _regular(path, left + 1)
                if content is None:
                    continue
                left -= len(content)
                if left < 0:
                    raise too_much(self.most_out)
                found[path.relative_to(out).as_posix()] = content
        return found

    def kill(self) -> None:
        """End the whole session. Its leader is not waited for before, so that its number is nobody else's."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _end(self) -> None:
        self.kill()
        with suppress(TimeoutError):  # somebody else holds the pipes
            self._listen(KILL_S, [])

    def _ended_by_itself(self) -> None:
        """Do nothing: there is no engine that could be gone instead."""

    def _ended(self, report: SupervisorReport) -> Ended:
        # Counters of this process's own control group are of everything else in it too.
        out_of_memory = report.status == -signal.SIGKILL and _killed_for_memory() > self._killed_before
        return Ended(report.status, out_of_memory, timed_out=False, memory=None)


class _Pipes:
    """The three pipes of a process: a `Stream`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._stdin, self._outputs = process.stdin, (process.stdout, process.stderr)
        self._selector = selectors.DefaultSelector()
        for number, file in enumerate(self._outputs, 1):
            self._selector.register(file, selectors.EVENT_READ, number)

    def send(self, data: bytes) -> None:
        """Write to standard input; where nobody reads it, that shows in how the job ended."""
        with suppress(BrokenPipeError):
            os.write(self._stdin.fileno(), data)

    def frames(self, deadline: float) -> Iterator[tuple[int, bytes]]:
        """See `suite.engines.output.Stream`; what has come on both is handed over with standard output first."""
        while self._selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _ in sorted(self._selector.select(left), key=lambda ready: int(ready[0].data)):
                data = os.read(key.fd, CHUNK)
                if data:
                    yield key.data, data
                else:
                    self._selector.unregister(key.fileobj)

    def close(self) -> None:
        self._selector.close()
        for file in (self._stdin, *self._outputs):
            with suppress(OSError):
                file.close()


def _killed_for_memory() -> int:
    """Return how many processes of this machine the kernel has killed for memory; 0 where it does not count them."""
    with suppress(OSError, ValueError):
        for line in VMSTAT.read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def _regular(path: Path, most: int) -> bytes | None:
    """Return at most so many bytes of a regular file, None for what is none; links are not followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOENT):
            return None
        raise
    with os.fdopen(handle, "rb") as file:
        return file.read(most) if stat.S_ISREG(os.fstat(handle).st_mode) else None
