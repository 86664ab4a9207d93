"""What judges: log readers, the rule engine, statistics, findings and reports. Needs no engine and no framework."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.findings import Report


def check(path: Path, ruleset: str | None = None) -> Report:
    """Judge the submission, result or log at `path` by the round `ruleset`, or by the one it says it is of.

    Raises NothingToCheckError where nothing is there to judge, UsageError for an unknown round or a path that is not.
    Whatever a submission holds becomes findings.
    """
    from checker.review import review

    return review(path, ruleset)
