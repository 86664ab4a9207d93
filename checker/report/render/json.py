"""The report for programs: one JSON object, described by `rules/schemas/report.json`."""

from __future__ import annotations

import json
from dataclasses import asdict

from checker.core.findings import Finding, Item, Report

SCHEMA = 2  # version of rules/schemas/report.json; docs/report.md says what changed
FINDING = ("rule", "severity", "authority", "path", "line", "message", "expected", "found", "clause", "fix")


def render(report: Report) -> str:
    """Return the report as indented JSON that ends with a newline."""
    body = {
        "schema": SCHEMA,
        "assay": report.assay,
        "path": report.path,
        "ruleset": report.ruleset,
        "verdict": report.verdict,
        "items": [_item(item) for item in report.items],
        "findings": [_finding(finding) for finding in report.findings],
        "scores": [asdict(score) for score in report.scores],
    }
    # "##[" would be a command where a runner of GitHub Actions logs this; in JSON it can only stand in a text.
    return json.dumps(body, indent=2, allow_nan=False).replace("##[", "#\\u0023[") + "\n"


def _item(item: Item) -> dict[str, object]:
    """Return an item; the cause of an official checker's crash, and its phases, only where there are such."""
    body = asdict(item)
    if item.official_crash is None:
        del body["official_crash"]
    if item.official_phases is None:
        del body["official_phases"]
    return body


def _finding(finding: Finding) -> dict[str, object]:
    """Return a finding; by whom it is waived only where it is."""
    body: dict[str, object] = {member: getattr(finding, member) for member in FINDING}
    return body if finding.waived is None else {**body, "waived": asdict(finding.waived)}
