"""Progress as `:::ASSAY` lines on standard error, for who waits."""

from __future__ import annotations

import json
import sys
import time

INTERVAL_S = 0.3


class Progress:
    """Says how far a run is; calls that come too fast are dropped, except the last step's."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, phase: str, step: int, steps: int) -> None:
        """Say that `step` of `steps` of a phase are done."""
        now = time.monotonic()
        if now < self._next and step < steps:
            return
        self._next = now + INTERVAL_S
        sys.stderr.write(f":::ASSAY {json.dumps({'step': step, 'steps': steps, 'phase': phase})}\n")
        sys.stderr.flush()
