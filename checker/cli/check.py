"""`assay check`: judge a submission, a result or a log."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from rules.errors import unknown

FORMATS = ("text", "json", "github", "sarif", "junit")


def check(
    path: Annotated[Path, typer.Argument(help="Submissions, a submitter's folder, a result's folder, or one log.")],
    round_: Annotated[
        str | None, typer.Option("--round", metavar="ROUND", help="Judge by this round instead of the one it states.")
    ] = None,
    logs_only: Annotated[
        bool, typer.Option("--logs-only", help="PATH is a folder of loose logs of an MLPerf Training or HPC round.")
    ] = False,
    official: Annotated[
        str | None,
        typer.Option(
            "--official", metavar="CHECKER", help="MLPerf Inference: the official checker, modular or single-file."
        ),
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help=", ".join(FORMATS))] = "text",
    waivers: Annotated[
        Path | None,
        typer.Option("--waivers", metavar="FILE", help="Accepted findings, each with its last day (YAML)."),
    ] = None,
) -> None:
    """Judge PATH by the rules of its round and say what is wrong, where, and how to fix it.

    Exit code 0: it passes; 1: it does not; 3: nothing to check there.

    \b
      assay check submissions
      assay check submissions/training/closed/acme/results/box_cpu_jax/image-classification
      assay check result_0.txt --format json
      assay check training_results_v5.1 --round mlperf-training/5.1
      assay check inference_results_v5.1 --round mlperf-inference/5.1
    """  # noqa: D301 - the command-line library wants the backspace itself
    if format_ not in FORMATS:
        raise unknown("format", format_, FORMATS)
    from importlib import import_module

    import checker
    from checker.core.waivers import read
    from checker.families import family_of
    from checker.report.render import text

    report = checker.check(path, round_, logs_only, read(waivers) if waivers is not None else None, official)
    if round_ is None and not family_of(report.ruleset).states_round:
        sys.stderr.write(f"judged by {report.ruleset}, which it looks like; --round ROUND judges by another\n")
    if format_ == "text":
        sys.stdout.write(text.render(report, colour=sys.stdout.isatty(), for_actions="GITHUB_ACTIONS" in os.environ))
    else:
        sys.stdout.write(import_module(f"checker.report.render.{format_}").render(report))
    raise typer.Exit(report.exit_code)
