"""The report as GitHub workflow commands: an annotation per finding, then the verdict.

Format: GitHub documentation, "Workflow commands for GitHub Actions", setting an error, warning or notice message.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from checker.core.findings import Finding, Report

LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def render(report: Report) -> str:
    """Return one `::error …::` line per finding and a last line with the verdict."""
    lines = [_annotation(report.base, finding) for finding in report.findings]
    return "\n".join([*lines, f"assay: {report.verdict.upper()} ({report.ruleset})"]) + "\n"


def _annotation(base: str, finding: Finding) -> str:
    file = PurePosixPath(base) / finding.path
    properties = [f"file={_property(str(file))}", f"line={finding.line or 1}", f"title={_property(finding.rule)}"]
    said = [finding.message, *(f"{k} {v}" for k, v in (("expected", finding.expected), ("found", finding.found)) if v)]
    text = f"{'; '.join(said)} [{finding.clause}] fix: {finding.fix}"
    level = LEVELS[finding.severity]
    if finding.waived is not None:
        level, text = (
            "notice",
            f"waived by {finding.waived.by} until {finding.waived.until}: {finding.waived.why}; {text}",
        )
    return f"::{level} {','.join(properties)}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").replace("##[", "## [")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
