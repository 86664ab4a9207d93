"""The command `assay report`: the result page of a submission, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rules.errors import UsageError


def report(
    path: Annotated[
        Path, typer.Argument(help="A submission, a result, or a folder of submissions.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the page goes; - is standard output.")] = Path(
        "report.html"
    ),
    ruleset: Annotated[
        str | None, typer.Option("--round", help="Judge by this round, not the submission's own.")
    ] = None,
) -> None:
    """Write what is known of a result, and the checker's verdict on it, as one self-contained web page.

    Exit code 0 says that the page was written; the verdict stands on it (`assay check` has it as exit code).

    Example: assay report submissions/training/closed/local -o report.html
    """
    import sys

    from checker.discovery import discover
    from checker.page.document import page
    from checker.review import review
    from rules.ruleset import load

    judged = review(path, ruleset)
    content = page(path, judged, load(judged.ruleset)).encode()
    if str(output) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    _write(output, discover(path).submitters, content)
    sys.stderr.write(f"{output}: {judged.verdict}, {len(content):,} bytes\n")


def _write(output: Path, submitters: list[Path], content: bytes) -> None:
    """Write the page whole or not at all; UsageError where it would lie in what it judges, or cannot be written."""
    import os

    folder = output.parent.resolve()
    for root in submitters:
        if folder == root or root in folder.parents:
            raise UsageError(f"{output}: lies inside the submission", fix="write the page elsewhere: -o report.html")
    partial = folder / f".{output.name}.{os.getpid()}.partial"
    try:
        with partial.open("xb") as file:
            file.write(content)
        partial.replace(folder / output.name)
    except OSError as error:
        raise UsageError(
            f"{output}: {error.strerror}", fix="give a file in a folder that exists, with space for it"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
