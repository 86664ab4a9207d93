"""The checks of MLPerf Tiny: these modules register them."""

from __future__ import annotations

from checker.core.checks import Checks

CHECKS = Checks(
    "checker.families.mlperf_tiny.rules.measured",
    "checker.families.mlperf_tiny.rules.submission",
)
check = CHECKS.check
CHECKS.raised("submitter", "tiny-division")
CHECKS.raised("round", "tiny-round-as-given", "tiny-round-as-named")
