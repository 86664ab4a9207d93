"""The checks of MLPerf Training and HPC: these modules register them."""

from __future__ import annotations

from checker.core.checks import Checks

CHECKS = Checks(
    "checker.families.mlperf_training.copies",
    "checker.families.mlperf_training.integrity",
    "checker.families.mlperf_training.measured",
    "checker.families.mlperf_training.repository",
    "checker.families.mlperf_training.submitter",
)
check = CHECKS.check
CHECKS.raised("log", "log-sheets", "training-byte-order-mark")
CHECKS.raised("round", "round-as-given", "round-as-named")
