"""`assay report`: the result page of a submission, as one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rules.errors import UsageError


def report(
    path: Annotated[Path, typer.Argument(help="Submissions, a submitter's folder, or a result's folder.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The page's file; - is standard output.")
    ] = "report.html",
    round_: Annotated[
        str | None, typer.Option("--round", metavar="ROUND", help="Judge by this round instead of the one it states.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Price list (YAML): what results cost, beside their times.")
    ] = None,
) -> None:
    """Write one self-contained web page on the results at PATH: figures, charts, provenance, verdict and findings.

    Exit code 0: the page was written, and the verdict stands on it; 2: it cannot be written there; 3: nothing at PATH.

    \b
      assay report submissions -o report.html
      assay report submissions/training/closed/acme -o - > acme.html
    """  # noqa: D301 - the command-line library wants the backspace itself
    import checker
    from checker.families import family_of
    from rules.prices import read_prices
    from rules.ruleset import load

    listed = read_prices(prices) if prices else None
    judged = checker.check(path, round_)
    family = family_of(judged.ruleset)
    if output != "-":
        roots = family.submissions(path, load(judged.ruleset.partition(", ")[0])).roots
        _refuse_inside(Path(output), roots)
    content = family.result_page(path, judged, listed).encode()
    if output == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    write(Path(output), content)
    sys.stderr.write(f"{output}: {judged.verdict}, {len(content):,} bytes\n")


def _refuse_inside(output: Path, submitters: list[Path]) -> None:
    """Raise UsageError where the page would lie in what it judges, and change it."""
    folder = output.parent.resolve()
    for root in submitters:
        if folder == root or root in folder.parents:
            raise UsageError(f"{output}: lies inside the submission", fix="write the page elsewhere: -o report.html")


def write(output: Path, content: bytes) -> None:
    """Write the page whole or not at all; UsageError where it cannot be written."""
    from checker.report.drafts import write_whole

    try:
        write_whole(output, content)
    except OSError as error:
        fix = "give a file in a folder that exists, with space for it"
        raise UsageError(f"{output}: {error.strerror}", fix=fix) from None
