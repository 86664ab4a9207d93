"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Self

from rich import progress as bars
from rich.console import Console

PLAIN_EVERY_S = 10.0
Progress = Callable[[int, int, str], None]  # done, total (bytes or items; 0: not known), what is under way


class Phase:
    """One phase of work with a name and a number of steps; use as a context manager.

    `to(done, total)` moves the bar; a total of 0 means that it is not known.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._detail = ""
        self._bar: bars.Progress | None = None
        self._started = self._said = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            said = bars.TextColumn("{task.description}", markup=False)
            columns = (said, bars.BarColumn(), bars.TaskProgressColumn(), bars.TimeElapsedColumn())
            self._bar = bars.Progress(*columns, console=Console(stderr=True), transient=False)
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=None)
        else:
            say(f"{self._name} …")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        elapsed = time.monotonic() - self._started
        if self._bar:
            if kind is None:
                task = self._bar.tasks[0]
                self._bar.update(self._task, total=task.total or 1, completed=task.total or 1)
            self._bar.stop()
        elif kind is None:
            say(f"{self._name}: done in {elapsed:.1f} s")

    def to(self, done: int, total: int, detail: str = "") -> None:
        """Show that `done` of `total` is behind us; `detail` names what is under way."""
        if self._bar:
            self._bar.update(
                self._task, completed=done, total=total or None, description=f"{self._name} {detail}".strip()
            )
        elif time.monotonic() - self._said >= PLAIN_EVERY_S or (detail and detail != self._detail):
            self._said, self._detail = time.monotonic(), detail
            share = f" {100 * done // total} %" if total else ""
            say(f"{self._name}: {detail}{share}")


def say(line: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
