"""Judges of MLPerf Tiny rounds; they live with the review that calls them."""

from __future__ import annotations

import checker.families.mlperf_tiny.integrity  # noqa: F401
from checker.core.registry import judge


@judge("official-tiny", "tiny-official")
@judge("tiny-division", "tiny-official")
@judge("tiny-round-as-given", "tiny-official")
@judge("tiny-round-as-named", "tiny-official")
def decided_elsewhere(*_facts: object):  # type: ignore[no-untyped-def]
    """Stand for what `official.py`, `submission.py` and `likeness.py` here decide as a whole."""
    yield from ()
