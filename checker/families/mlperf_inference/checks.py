"""The checks of MLPerf Inference: these modules register them."""

from __future__ import annotations

from checker.core.checks import Checks

CHECKS = Checks(
    "checker.families.mlperf_inference.endpoints.accuracy",
    "checker.families.mlperf_inference.endpoints.files",
    "checker.families.mlperf_inference.endpoints.marks",
    "checker.families.mlperf_inference.endpoints.numbers",
    "checker.families.mlperf_inference.endpoints.run",
    "checker.families.mlperf_inference.endpoints.spread",
    "checker.families.mlperf_inference.power.clean",
    "checker.families.mlperf_inference.rules.accuracy_run",
    "checker.families.mlperf_inference.rules.audits",
    "checker.families.mlperf_inference.rules.copies",
    "checker.families.mlperf_inference.rules.divisions",
    "checker.families.mlperf_inference.rules.explained",
    "checker.families.mlperf_inference.rules.measured",
    "checker.families.mlperf_inference.rules.readable",
    "checker.families.mlperf_inference.rules.repository",
    "checker.families.mlperf_inference.rules.settings",
)
check = CHECKS.check
CHECKS.raised("submitter", "inference-division")
CHECKS.raised("round", "inference-round-as-given", "inference-round-as-named")
