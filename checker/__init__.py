"""What judges: log readers, the rule engine, statistics, findings and reports. Needs no engine and no framework."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.findings import Report


def check(path: Path, ruleset: str | None = None, logs_only: bool = False) -> Report:
    """Judge the submission, result or log at `path` by the round `ruleset`, or by the one it says it is of.

    `logs_only`: `path` is a folder of loose logs of an MLPerf Training or HPC round.

    Raises NothingToCheckError where nothing is there to judge, UsageError for an unknown round or a path that is not.
    Whatever a submission holds becomes findings.
    """
    from rules.ruleset import load

    if ruleset is not None and load(ruleset).family in ("mlperf-training", "mlperf-hpc"):
        from checker.training.review import review as review_round

        return review_round(path, ruleset, logs_only)
    from checker.review import review

    return review(path, ruleset)
