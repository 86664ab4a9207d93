"""Judges of MLPerf Inference rounds; they live with the review that calls them."""

from __future__ import annotations

import checker.inference.accuracy_run
import checker.inference.audits
import checker.inference.copies
import checker.inference.divisions
import checker.inference.endpoint_accuracy
import checker.inference.endpoint_files
import checker.inference.endpoint_marks
import checker.inference.endpoint_numbers
import checker.inference.endpoint_run
import checker.inference.endpoint_spread
import checker.inference.explained
import checker.inference.measured
import checker.inference.power_clean
import checker.inference.readable
import checker.inference.repository
import checker.inference.settings  # noqa: F401
from checker.judges.registry import judge


@judge("official-inference", "inference-official")
@judge("official-single-file", "inference-official")
@judge("inference-division", "inference-official")
@judge("inference-round-as-given", "inference-official")
@judge("inference-round-as-named", "inference-official")
def decided_elsewhere(*_facts: object):  # type: ignore[no-untyped-def]
    """Stand for what `official.py`, `walk.py` and `likeness.py` of `checker/inference` decide as a whole."""
    yield from ()
