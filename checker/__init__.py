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
    from checker.families.assay.discovery import refuse_archive
    from rules.ruleset import load

    refuse_archive(path)
    family = None if ruleset is None else load(ruleset).family
    if family in (None, "assay"):
        from checker.recognition import recognised
        from rules.errors import UsageError

        seen = recognised(path, logs_only, judged_as_own=family is not None)
        if seen is not None and family is not None:
            looks = seen.only()
            raise UsageError(
                f"{path} is no submission of {ruleset}: it looks like {looks}", fix=f"give --round {looks}"
            )
        if seen is not None:
            ruleset = seen.only()
        elif logs_only:
            raise UsageError(f"{path}: these logs do not say of which round they are", fix="give --round")
    if ruleset is not None and load(ruleset).family in ("mlperf-training", "mlperf-hpc"):
        from checker.families.mlperf_training.review import review as review_round

        report = review_round(path, ruleset, logs_only, waivers=waivers)
    elif ruleset is not None and load(ruleset).family == "mlperf-inference":
        from checker.families.mlperf_inference.review import review as review_inference

        report = review_inference(path, ruleset, waivers=waivers, official=official or "modular")
    elif ruleset is not None and load(ruleset).family == "mlperf-tiny":
        from checker.families.mlperf_tiny.review import review as review_tiny

        report = review_tiny(path, ruleset, waivers)
    else:
        from checker.families.assay.review import review

        report = review(path, ruleset, waivers)
    report.findings.extend(waivers.said(report.ruleset) if waivers is not None else ())
    return report
