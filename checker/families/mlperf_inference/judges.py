"""Judges of MLPerf Inference rounds; they live with the review that calls them."""

from __future__ import annotations

import checker.families.mlperf_inference.endpoints.accuracy
import checker.families.mlperf_inference.endpoints.files
import checker.families.mlperf_inference.endpoints.marks
import checker.families.mlperf_inference.endpoints.numbers
import checker.families.mlperf_inference.endpoints.run
import checker.families.mlperf_inference.endpoints.spread
import checker.families.mlperf_inference.power.clean
import checker.families.mlperf_inference.rules.accuracy_run
import checker.families.mlperf_inference.rules.audits
import checker.families.mlperf_inference.rules.copies
import checker.families.mlperf_inference.rules.divisions
import checker.families.mlperf_inference.rules.explained
import checker.families.mlperf_inference.rules.measured
import checker.families.mlperf_inference.rules.readable
import checker.families.mlperf_inference.rules.repository
import checker.families.mlperf_inference.rules.settings  # noqa: F401
from checker.core.registry import judge


@judge("official-inference", "inference-official")
@judge("official-single-file", "inference-official")
@judge("inference-division", "inference-official")
@judge("inference-round-as-given", "inference-official")
@judge("inference-round-as-named", "inference-official")
def decided_elsewhere(*_facts: object):  # type: ignore[no-untyped-def]
    """Stand for what `official.py`, `walk.py` and `likeness.py` here decide as a whole."""
    yield from ()
