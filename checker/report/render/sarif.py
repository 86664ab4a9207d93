"""The report as SARIF 2.1.0, for code hosts and editors: the rules that found something, and a result per finding.

A finding keeps its fingerprint when lines are added above it: the fingerprint is of rule, file and what was said, the
line numbers in it left out. Standard: OASIS, Static Analysis Results Interchange Format 2.1.0 (errata 01).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from checker.core.findings import DEFECT, Finding, Report
from rules.errors import UsageError
from rules.ruleset import RuleSet, load

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LINE_NUMBERS = re.compile(r"\b(lines?)\s+\d+(?:\s*(?:,|-|to|and)\s*\d+)*", re.IGNORECASE)


def render(report: Report) -> str:
    """Return the report as one SARIF run, as indented JSON that ends with a newline."""
    rules = sorted({finding.rule for finding in report.findings})
    places = {rule: position for position, rule in enumerate(rules)}
    rounds = _rounds(report)
    seen: Counter[str] = Counter()
    run = {
        "tool": {
            "driver": {
                "name": "Assay",
                "version": report.assay,
                "rules": [_rule(rule, report, rounds) for rule in rules],
            }
        },
        "automationDetails": {"id": f"assay/{report.ruleset}/"},
        "invocations": [
            {
                "executionSuccessful": all(finding.rule != DEFECT for finding in report.findings),
                "exitCode": int(report.exit_code),
            }
        ],
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "the folder in which assay was called"}}},
        "results": [_result(report, finding, places, seen) for finding in report.findings],
        "properties": {"ruleset": report.ruleset, "verdict": report.verdict},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False) + "\n"


def fingerprint(finding: Finding) -> str:
    """Return what names a finding in every later check of the same files, wherever its line has moved."""
    said = (finding.rule, finding.path, *(LINE_NUMBERS.sub(r"\1", text) for text in (finding.message, finding.found)))
    return hashlib.sha256("\0".join(said).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _rounds(report: Report) -> list[RuleSet]:
    """Return the rounds the report was judged by, as far as this Assay knows them."""
    known = []
    for name in report.ruleset.split(", "):
        try:
            known.append(load(name))
        except UsageError:
            continue
    return known


def _rule(rule: str, report: Report, rounds: list[RuleSet]) -> dict[str, Any]:
    """Return a rule's description from its card; from a finding of it where there is no card."""
    first = next(finding for finding in report.findings if finding.rule == rule)
    card = next((ruleset.cards[rule] for ruleset in rounds if rule in ruleset.cards), None)
    title, why = (card.title, card.why) if card is not None else (rule, "")
    help_ = "\n".join(text for text in (why, f"Fix: {first.fix}", f"Clause: {first.clause}") if text)
    return {
        "id": rule,
        "shortDescription": {"text": _plain(title)},
        "fullDescription": {"text": _plain(why or title)},
        "help": {"text": _plain(help_)},
        "defaultConfiguration": {"level": card.severity.value if card is not None else first.severity},
        "properties": {"clause": first.clause, "tags": [first.authority, first.audience]},
    }


def _result(report: Report, finding: Finding, places: dict[str, int], seen: Counter[str]) -> dict[str, Any]:
    print_ = fingerprint(finding)
    seen[print_] += 1
    said = [finding.message]
    said += [f"{name} {text}" for name, text in (("expected", finding.expected), ("found", finding.found)) if text]
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(report.base, finding.path), "uriBaseId": "ROOT"}}
    if finding.line is not None:
        physical["region"] = {"startLine": finding.line}
    waived = finding.waived
    accepted = f"waived by {waived.by} until {waived.until}: {waived.why}" if waived is not None else ""
    return {
        **({"suppressions": [{"kind": "external", "justification": _plain(accepted)}]} if waived is not None else {}),
        "ruleId": finding.rule,
        "ruleIndex": places[finding.rule],
        "level": finding.severity,
        "message": {"text": _plain(f"{'; '.join(said)} ({finding.clause})")},
        "locations": [{"physicalLocation": physical}],
        "partialFingerprints": {"assay/v1": f"{print_}:{seen[print_]}"},
        "properties": {"authority": finding.authority, "audience": finding.audience, "fix": finding.fix},
    }


def _uri(base: str, path: str) -> str:
    """Return a file's address relative to where assay was called, or to the path that was checked if that is absolute.

    Only a relative one means the same on the machine that shows it.
    """
    folder = PurePosixPath(base)
    if folder.is_absolute() or ".." in folder.parts:
        folder = PurePosixPath()
    return quote(str(folder / path), safe="/", errors="backslashreplace")


def _plain(text: str) -> str:
    """Return text in which nothing is a link or a placeholder to a viewer (SARIF 2.1.0, 3.11.5 and 3.11.6)."""
    unlinked = text.replace("](", "\\](")
    return unlinked.replace("{", "{{").replace("}", "}}").encode("utf-8", "backslashreplace").decode()
