"""The result page of all that a submitter has in a suite and division, written beside the submitter's folder."""

from __future__ import annotations

from pathlib import Path

import checker
from checker.cli.report import write
from checker.core.findings import Report
from checker.families.assay.page.document import page
from rules.errors import UsageError
from suite.host.progress import say


def show_page(top: Path, ruleset: str, judged: Report | None) -> None:
    """Write the page beside the submitter's folder `top` and say where; `judged` is its report, if there is one.

    A result is no less there because its page could not be written: that is said, and no more.
    """
    path = top.with_name(f"{top.name}.html")
    try:
        write(path, page(top, judged or checker.check(top, ruleset)).encode())
    except UsageError as error:
        say(f"  warning: no result page: {error.message}")
    else:
        say(f"result page: {path}")
