"""The review page of an MLPerf Training or HPC round: one file that asks the network for nothing."""

from __future__ import annotations

from pathlib import Path

from checker.findings import Report
from checker.page.layout import section
from checker.page.markup import tag


def page(path: Path, report: Report) -> str:
    """Return the review page on what `report` judged at `path`."""
    body = section("findings", f"{path}", tag("p", f"{len(report.findings)} findings"))
    return f"<!doctype html>\n{tag('html', tag('body', body), lang='en').source}\n"
