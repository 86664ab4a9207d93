"""A probe lets as large a part of its queries be late as LoadGen lets a run."""

from __future__ import annotations

from itertools import pairwise
from math import floor

import pytest

from checker.loadgen.early_stopping import met, place
from rules.serving import serving_rules
from suite.inference.loadgen_config import may_be_late
from suite.serve.late_budget import tolerated

SERVER = serving_rules("assay-inference/1.0", "image-classification").scenarios["Server"]
KNOWN = may_be_late("Server", SERVER, 1 << 20)


def late(run: int, least: int = 0) -> tuple[int, int]:
    """How many queries a probe has, and how many of them LoadGen's percentile lets be late."""
    count, percentile = tolerated(run, KNOWN, 2, least)
    return count, count - 1 - floor(count * percentile)


def test_what_a_run_bears_is_loadgens_and_known_closely() -> None:
    assert KNOWN[0] == (459, 0)  # fewer cannot vouch for a 99th percentile
    for (queries, allowed), (more, _) in pairwise(KNOWN):
        assert met(allowed, queries, 0.99)
        assert not met(allowed + 1, queries, 0.99)
        assert more <= 1.25 * queries
    assert KNOWN[-1][0] > 800_000
    assert may_be_late("SingleStream", SERVER, 1 << 20) == []


@pytest.mark.parametrize("least", [0, 500, 16_000])
@pytest.mark.parametrize("run", [300, 458, 459, 661, 700, 1023, 1024, 1279, 2000, 5_000, 80_000, 3_000_000])
def test_a_probe_bears_its_part(run: int, least: int) -> None:
    count, bears_ = late(run, least)
    allowed = place(run, 0.99) or 0
    assert min(run, least) <= count <= run
    assert bears_ / count <= allowed / run * 1.05
    if allowed >= 3:
        assert bears_ >= 2  # a bad moment of the machine does not decide
        assert bears_ + 1 >= 0.8 * allowed / run * count  # nor is it much stricter than LoadGen
    if count > least:
        assert count <= max(700, min(run, 900))  # no longer than it must be
