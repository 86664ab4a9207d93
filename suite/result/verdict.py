"""What a person sees of finished results: the checker's verdict, and the page of all that a submitter has."""

from __future__ import annotations

import sys
from pathlib import Path

import checker
from checker.cli.report import write
from checker.core.findings import Report
from checker.families.assay.page.document import page
from checker.report.render import text as render_text
from rules.errors import UsageError
from suite.host.progress import say
from suite.result.procedure import NotRefusedError, Show

UNCONTAINED = "uncontained"  # the folder of such results below the submissions folder: none is a submission
RULE = "assay-uncontained"


def judge(path: Path, ruleset: str | None, show: Show) -> Report:
    """Check a result, or all of a submitter's; show and return what the checker says."""
    report = checker.check(path, ruleset)
    show(render_text.render(report, colour=sys.stdout.isatty()))
    return report


def judge_uncontained(result: Path, show: Show) -> bool:
    """Show what was measured; return whether the checker refuses it as a result for this reason alone.

    Raises NotRefusedError where it does not refuse it.
    """
    errors = {found.rule for found in judge(result, None, show).findings if found.severity == "error"}
    if RULE not in errors:
        raise NotRefusedError(f"{result} is not refused as a result of the round", fix="report this with the command")
    passed = errors == {RULE}
    show(f"measured uncontained{'' if passed else ', and other rules FAILED'}; not a submission: {result}")
    return passed


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
