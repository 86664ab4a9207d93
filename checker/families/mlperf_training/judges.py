"""Judges of MLPerf Training and HPC rounds; they live with the review that calls them."""

from __future__ import annotations

import checker.families.mlperf_training.copies
import checker.families.mlperf_training.integrity
import checker.families.mlperf_training.measured
import checker.families.mlperf_training.readable
import checker.families.mlperf_training.repository
import checker.families.mlperf_training.submitter  # noqa: F401
from checker.core.registry import judge


@judge("official-log", "training-official")
@judge("log-sheets", "training-official")
@judge("official-package", "training-official")
@judge("official-repository", "training-official")
@judge("training-byte-order-mark", "training-official")
@judge("round-as-given", "training-round")
@judge("round-as-named", "training-round")
def decided_elsewhere(*_facts: object):  # type: ignore[no-untyped-def]
    """Stand for what is decided as a whole.

    Logs by `sheets`, packages by `official.py`, rounds by `detect.py`.
    """
    yield from ()
