"""Events as `:::MLLOG` lines on standard output, progress as `:::ASSAY` lines on standard error.

The line format is MLCommons' (mlperf_logging.mllog); written here because the image holds only the framework.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]  # holds `suite`
PROGRESS_INTERVAL_S = 0.3


class Log:
    """The log of one run."""

    def __init__(self) -> None:
        # A framework may print to standard output, even from C; only this log may reach the real one.
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        self._next_progress = 0.0

    def event(self, key: str, value: Any = None, **metadata: Any) -> None:
        """Write a point in time."""
        self._write("POINT_IN_TIME", key, value, metadata)

    def start(self, key: str, **metadata: Any) -> None:
        """Write the start of an interval."""
        self._write("INTERVAL_START", key, None, metadata)

    def stop(self, key: str, value: Any = None, **metadata: Any) -> None:
        """Write the end of an interval."""
        self._write("INTERVAL_END", key, value, metadata)

    def _write(self, kind: str, key: str, value: Any, metadata: dict[str, Any]) -> None:
        caller = sys._getframe(2)
        where = {
            "file": Path(caller.f_code.co_filename).resolve().relative_to(ROOT).as_posix(),
            "lineno": caller.f_lineno,
        }
        record = {
            "namespace": "",
            "time_ms": time.time_ns() // 1_000_000,
            "event_type": kind,
            "key": key,
            "value": value,
            "metadata": where | metadata,
        }
        self._out.write(f":::MLLOG {json.dumps(record, allow_nan=False)}\n")
        self._out.flush()

    def progress(self, phase: str, step: int, steps: int) -> None:
        """Say how far the run is; calls that come too fast are dropped, except the last step's."""
        now = time.monotonic()
        if now < self._next_progress and step < steps:
            return
        self._next_progress = now + PROGRESS_INTERVAL_S
        sys.stderr.write(f":::ASSAY {json.dumps({'step': step, 'steps': steps, 'phase': phase})}\n")
        sys.stderr.flush()
