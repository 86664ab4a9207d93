"""The checks of MLPerf Inference: these modules register them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from checker.core.checks import Checks

if TYPE_CHECKING:
    from checker.core.findings import Violation
    from checker.families.mlperf_inference.cases import ResultCase
    from checker.loadgen.log import DetailLog

    OfLog = Callable[[ResultCase, DetailLog], Iterator[Violation]]

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


def check_log(name: str, of: Literal["log", "accuracy_log"] = "log") -> Callable[[OfLog], OfLog]:
    """Register a check of a result that is asked only where LoadGen's log of that run could be read, and given it."""

    def register(function: OfLog) -> OfLog:
        @check(name, "result")
        def ask(case: ResultCase) -> Iterator[Violation]:
            if (log := getattr(case, of)) is not None:
                yield from function(case, log)

        return function

    return register


CHECKS.raised("submitter", "inference-division")
CHECKS.raised("round", "inference-round-as-given", "inference-round-as-named")
