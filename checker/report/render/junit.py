"""The report as JUnit XML, for continuous integration: a test case per judged thing, its findings inside.

Format: as Ant's and Maven's reporters write it and continuous-integration servers read it; it has no standard. A
finding stands in the innermost judged thing that holds its file, so none is told twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from xml.etree import ElementTree

from checker.core.findings import DEFECT, Finding, Item, Report

# What XML 1.0 cannot hold, not even escaped (section 2.2).
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
INNER = ("log", "system", "result", "rcp", "organisation")  # of two things at one path the first tells the findings


def render(report: Report) -> str:
    """Return the report as one XML document that ends with a newline."""
    owners: dict[str, Item] = {}
    for item in sorted(report.items, key=lambda item: INNER.index(item.kind)):
        owners.setdefault(item.path, item)
    told: dict[int, list[Finding]] = {}
    homeless: list[Finding] = []
    for finding in report.findings:
        owner = _owner(finding.path, owners)
        if owner is None:
            homeless.append(finding)
        else:
            told.setdefault(id(owner), []).append(finding)
    root = ElementTree.Element("testsuites", name="assay")
    for kind in INNER:
        cases = [_case(item, told.get(id(item), [])) for item in report.items if item.kind == kind]
        _suite(root, kind, cases, report)
    _suite(root, "other", [_other(report.path, homeless)] if homeless else [], report)
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _owner(path: str, owners: dict[str, Item]) -> Item | None:
    """Return the innermost judged thing that `path` is, or lies in."""
    places = [path, *(str(folder) for folder in PurePosixPath(path).parents)]
    return next((owners[place] for place in places if place in owners), None)


def _suite(root: ElementTree.Element, name: str, cases: Sequence[ElementTree.Element], report: Report) -> None:
    if not cases:
        return
    failures, errors = (sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error"))
    suite = ElementTree.SubElement(
        root, "testsuite", name=name, tests=str(len(cases)), failures=str(failures), errors=str(errors), skipped="0"
    )
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in (("ruleset", report.ruleset), ("assay", report.assay)):
        ElementTree.SubElement(properties, "property", name=key, value=_legal(value))
    suite.extend(cases)


def _case(item: Item, findings: list[Finding]) -> ElementTree.Element:
    """Return a judged thing as a test case, which fails where the thing fails."""
    case = _named(item.kind, item.path)
    failed = item.verdict == "fail" or any(finding.fails for finding in findings)
    if item.kind == "log" and findings and not any(finding.fails for finding in findings):
        failed = False  # the score leaves its run out, or its faults are waived: the report passes with it
    official = {"fail": "the official checker refuses it", "pass": "", None: ""}[item.official_verdict]
    if item.official_crash is not None:
        official = f"the official checker stops on it: {item.official_crash}"
    _told(case, failed, findings, official)
    return case


def _other(path: str, findings: list[Finding]) -> ElementTree.Element:
    """Return what was found outside every judged thing."""
    case = _named("other", path)
    _told(case, any(finding.fails for finding in findings), findings, "")
    return case


def _named(kind: str, path: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=f"assay.{kind}", name=_legal(path))


def _told(case: ElementTree.Element, failed: bool, findings: list[Finding], official: str) -> None:
    """Add a case's findings: as its failure where it fails, else as its output."""
    said = [official] if official else []
    said += [_said(finding) for finding in findings]
    if failed:
        first = next((finding for finding in findings if finding.fails), None)
        name = "error" if any(finding.rule == DEFECT for finding in findings) else "failure"
        message = first.message if first is not None else official or "a part of it fails, or something it depends on"
        failure = ElementTree.SubElement(case, name, type=first.rule if first is not None else "assay")
        failure.set("message", _legal(message))
        failure.text = _legal("\n\n".join(said))
    elif said:
        ElementTree.SubElement(case, "system-out").text = _legal("\n\n".join(said))


def _said(finding: Finding) -> str:
    place = finding.path if finding.line is None else f"{finding.path}:{finding.line}"
    lines = [f"{finding.severity} {finding.rule} {place}", finding.message]
    if finding.waived is not None:
        lines.append(f"waived by {finding.waived.by} until {finding.waived.until}: {finding.waived.why}")
    lines += [f"{name}: {text}" for name, text in (("expected", finding.expected), ("found", finding.found)) if text]
    return "\n".join([*lines, f"clause: {finding.clause}", f"fix: {finding.fix}"])


def _legal(text: str) -> str:
    """Return text with what XML cannot hold written as an escape."""
    return ILLEGAL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
