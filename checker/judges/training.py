"""Judges of MLPerf Training and HPC rounds; they live with the review that calls them."""

from __future__ import annotations

import checker.training.copies
import checker.training.integrity
import checker.training.measured
import checker.training.readable
import checker.training.repository
import checker.training.submitter  # noqa: F401
from checker.judges.registry import judge


@judge("official-log", "training-official")
@judge("log-sheets", "training-official")
@judge("official-package", "training-official")
@judge("official-repository", "training-official")
@judge("training-byte-order-mark", "training-official")
@judge("round-as-given", "training-round")
@judge("round-as-named", "training-round")
def decided_elsewhere(*_facts: object):  # type: ignore[no-untyped-def]
    """Stand for what is decided as a whole.

    Logs by `checker/sheets`, packages by `checker/training/official.py`, rounds by `checker/training/likeness.py`.
    """
    yield from ()
