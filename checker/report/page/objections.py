"""The findings, under the result each belongs to, and the bar that filters them where scripts run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from checker.core.findings import Finding, Report
from checker.report.page.layout import code, section
from checker.report.page.markup import Markup, tag

FINDINGS = 1000  # shown on one page
SEVERITIES = (("error", "errors"), ("warning", "warnings"), ("note", "notes"))
ELSEWHERE = "The submission as a whole, its systems and logs"


def findings_section(report: Report, names: Mapping[str, str]) -> Markup:
    """Return every finding, errors first, grouped by result, named by its path; without scripts all are visible."""
    shown = report.findings[:FINDINGS]
    more = len(report.findings) - len(shown)
    if not shown:
        return section("findings", "Findings", tag("p", f"None. Every rule of {report.ruleset} held."))
    return section(
        "findings",
        f"Findings ({len(report.findings)})",
        tag("p", f"{more:,} further findings are not shown; `assay check` lists them all.") if more else None,
        filter_bar(shown, "Search rule, file or words"),
        [_group(name, some) for name, some in _by_result(shown, names).items()],
    )


def _by_result(findings: Sequence[Finding], names: Mapping[str, str]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    order = [severity for severity, _ in SEVERITIES]
    for finding in sorted(findings, key=lambda f: order.index(f.severity)):
        owner = next((path for path in names if f"{finding.path}/".startswith(f"{path}/") or path == "."), None)
        found.setdefault(names[owner] if owner is not None else ELSEWHERE, []).append(finding)
    return found


def filter_bar(findings: Sequence[Finding], search_in: str, *choices: Markup) -> Markup:
    """Return the controls; hidden until the script that serves them runs."""
    boxes = []
    for severity, plural in SEVERITIES:
        many = sum(finding.severity == severity for finding in findings)
        box = tag("input", type="checkbox", value=severity, checked=True, name="severity")
        boxes.append(tag("label", box, f" {plural} ({many:,})"))
    search = tag("input", type="search", id="search", autocomplete="off", spellcheck="false")
    return tag(
        "div",
        tag("fieldset", tag("legend", "Show"), boxes),
        *choices,
        tag("label", f"{search_in} ", search, for_="search"),
        tag("p", role="status", id="shown"),
        class_="filter",
        id="filter",
        hidden=True,
    )


def _group(name: str, findings: Sequence[Finding]) -> Markup:
    return tag("div", tag("h3", name), [_finding(finding) for finding in findings], class_="finding-group")


def _finding(finding: Finding) -> Markup:
    place = finding.path if finding.line is None else f"{finding.path}:{finding.line}"
    waived = finding.waived
    lines = (
        ("Where", code(place)),
        ("Expected", code(finding.expected) if finding.expected else None),
        ("Found", code(finding.found) if finding.found else None),
        ("Clause", finding.clause or None),
        ("Fix", finding.fix or None),
        ("Waived", f"by {waived.by} until {waived.until}: {waived.why}" if waived is not None else None),
    )
    official = tag("span", "official checker", class_="authority") if finding.authority == "official" else None
    return tag(
        "article",
        tag(
            "h4",
            tag("span", finding.severity, class_=f"severity {finding.severity}"),
            " ",
            finding.message,
            " ",
            official,
            tag("span", "waived", class_="authority") if finding.waived is not None else None,
        ),
        tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in lines if value], class_="facts"),
        tag("p", "Rule ", code(finding.rule), f" · for the {finding.audience}", class_="note"),
        class_="finding",
        data_severity=finding.severity,
    )
