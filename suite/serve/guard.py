"""Between the system under test and LoadGen: every query answered once, whole, or a failure that says its name.

An exception that leaves a callback, a second answer or a missing one would end LoadGen by abort or let it wait for
ever. Here a failure is written to `out/failure.json` and the process ends at once; a system under test that gives no
answer in time is ended from a thread in C, which needs no lock that a hanging library may hold.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

FAILED = 4  # exit code of a run that failed.json explains
TICK_S = 0.3  # between two looks at the counts
_failing = threading.Lock()  # never given back: of threads that fail together the first is heard


class SutError(Exception):
    """The system under test broke its promise; `outcome` is one of `rules.documents.Outcome`."""

    def __init__(self, outcome: str, explanation: str) -> None:
        super().__init__(explanation)
        self.outcome = outcome
        self.explanation = explanation


def fail(out: Path, error: BaseException) -> NoReturn:
    """Write why the run came to nothing and end the process, whatever LoadGen is doing, and whatever the error does."""
    _failing.acquire()
    try:
        traceback.print_exception(error, file=sys.stderr)
        if isinstance(error, SutError):
            outcome, explanation = error.outcome, error.explanation
        elif isinstance(error, MemoryError):
            outcome, explanation = "out-of-memory", f"no memory left: {_said(error)}"
        else:
            outcome, explanation = "crashed", f"{type(error).__name__}: {_said(error)}{_where(error)}"
        (out / "failure.json").write_text(json.dumps({"outcome": outcome, "explanation": explanation[:2000]}))
    except BaseException as worse:  # noqa: BLE001 (a full disk, for one: the runner reads what is said of it)
        traceback.print_exception(worse, file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(FAILED)


def _said(error: BaseException) -> str:
    """Return an exception's words; it is the system under test's, and may not have any."""
    try:
        return str(error)
    except Exception as worse:  # noqa: BLE001
        return f"without words ({type(worse).__name__})"


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""


class Count:
    """How many samples a thread has begun and ended; only that thread writes it."""

    __slots__ = ("begun", "done")

    def __init__(self) -> None:
        self.begun = 0
        self.done = 0


class Watch:
    """Ends the process where work is outstanding and nothing comes of it for `limit_s`; shows progress meanwhile.

    `hang.txt` then holds the stack of every thread.
    """

    def __init__(self, out: Path, limit_s: float, show: Callable[[int, int], object]) -> None:
        self._file = (out / "hang.txt").open("w")
        self._limit_s = limit_s
        self._show = show
        self.counts: list[Count] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def arm(self, limit_s: float) -> None:
        """End the process unless it is armed anew, or told that all is well, within `limit_s`."""
        faulthandler.dump_traceback_later(limit_s, exit=True, file=self._file)

    def calm(self) -> None:
        """Nothing is awaited."""
        faulthandler.cancel_dump_traceback_later()

    def start(self) -> None:
        """Watch from now on."""
        self.arm(self._limit_s)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._ended.set()
        self._thread.join()
        self.calm()

    def _look(self) -> None:
        seen = -1
        while not self._ended.wait(TICK_S):
            done, begun = 0, 0
            for count in self.counts:
                done += count.done
                begun += count.begun
            if done != seen or done == begun:
                self.arm(self._limit_s)
            seen = done
            self._show(done, begun)


class Progress:
    """Turns the watch's looks into progress: by time or by samples, whichever is further from its end.

    `duration_ms` and `samples` are the least that a run has; no duration is 0.
    """

    def __init__(self, say: Callable[[str, int, int], None], phase: str, duration_ms: int, samples: int) -> None:
        self._say, self._phase, self._duration_ms, self._samples = say, phase, duration_ms, samples
        self._began = time.monotonic()

    def __call__(self, done: int, begun: int) -> None:
        """Say how far the run is, in per cent; it never is at its end while it runs."""
        share = done / max(self._samples, begun, 1)
        if self._duration_ms:
            share = min(share, 1000 * (time.monotonic() - self._began) / self._duration_ms)
        self._say(self._phase, min(int(100 * share), 99), 100)
