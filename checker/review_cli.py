"""`assay review`: what a reviewer of an MLPerf Training or HPC round works with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rules.errors import UsageError


def review(
    path: Annotated[Path, typer.Argument(help="A round, an organisation's folder, or a results folder.")],
    round_: Annotated[
        str | None, typer.Option("--round", metavar="ROUND", help="The round PATH is of, e.g. mlperf-training/5.1.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page for the review.")
    ] = None,
) -> None:
    """Review a round of MLPerf Training or HPC: results, convergence and findings on one page.

    Exit code 0: written, whatever the verdict on it; 2: it cannot be written there; 3: nothing at PATH.

    \b
      assay review training_results_v5.1 --round mlperf-training/5.1 --html review.html
    """  # noqa: D301 - the command-line library wants the backspace itself
    if html is None:
        raise UsageError("nothing was asked for", fix="say what to make: --html review.html")
    import checker
    from checker.page.review import page
    from checker.report_cli import write

    judged = checker.check(path, round_)
    content = page(path, judged).encode()
    write(html, content)
    sys.stderr.write(f"{html}: {judged.verdict}, {len(content):,} bytes\n")
