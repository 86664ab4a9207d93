"""What judges: log readers, the rule engine, statistics, findings and reports. Needs no engine and no framework."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.core.findings import Report
    from checker.core.waivers import Waivers


def check(
    path: Path,
    ruleset: str | None = None,
    logs_only: bool = False,
    waivers: Waivers | None = None,
    official: str | None = None,
) -> Report:
    """Judge the submission, result or log at `path` by the round `ruleset`, or the one it says it is or can only be of.

    `logs_only`: `path` is a folder of loose logs of an MLPerf Training or HPC round. `waivers`: findings accepted.
    `official`: whose verdict on a round of MLPerf Inference is the official one, modular (default) or single-file.

    Raises NothingToCheckError where nothing is there to judge, UsageError for an unknown round or a path that is not.
    Whatever a submission holds becomes findings.
    """
    from checker.core.discovery import refuse_archive
    from checker.core.family import Asked
    from checker.core.waivers import Waivers as NoWaivers
    from checker.families.recognition import judged_by
    from rules.errors import UsageError, unknown

    refuse_archive(path)
    family, round_name = judged_by(path, ruleset, logs_only)
    if official is not None and official not in family.alternatives:
        if family.alternatives:
            raise unknown("official checker", official, family.alternatives)
        raise UsageError("rounds of MLPerf Inference alone have a choice of official checkers", fix="omit --official")
    report = family.review(path, round_name, Asked(logs_only, waivers or NoWaivers(), official))
    report.findings.extend(waivers.said(report.ruleset) if waivers is not None else ())
    return report
