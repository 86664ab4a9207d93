"""The end of an uncontained run: what was measured, and that the checker takes it for no result of the round."""

from __future__ import annotations

import sys
from pathlib import Path

import checker
from checker.report.render import text as render_text
from suite.result.procedure import NotRefusedError, Show

FOLDER = "uncontained"  # below the submissions folder: none of it is a submission
RULE = "assay-uncontained"


def judge(result: Path, show: Show) -> bool:
    """Show what was measured and what the checker says; return whether it refuses the result for this reason alone.

    Raises NotRefusedError where it does not.
    """
    report = checker.check(result)
    show(render_text.render(report, colour=sys.stdout.isatty()))
    errors = {found.rule for found in report.findings if found.severity == "error"}
    if RULE not in errors:
        raise NotRefusedError(f"{result} is not refused as a result of the round", fix="report this with the command")
    passed = errors == {RULE}
    show(f"measured uncontained{'' if passed else ', and other rules FAILED'}; not a submission: {result}")
    return passed
