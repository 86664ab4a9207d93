"""The findings of a round: by organisation, then by rule, each with the lines of the log around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from checker.core.excerpt import Line, excerpts
from checker.core.findings import Finding, Report
from checker.core.tree import Tree
from checker.report.page.layout import code, folded, section
from checker.report.page.markup import Markup, escaped, tag
from checker.report.page.objections import SEVERITIES, filter_bar
from checker.report.page.round_results import naming, order_of
from rules.ruleset import RuleSet

FINDINGS = 2000  # shown on one page
EXCERPTS = 600  # of them with lines of their log
OF_A_FILE = 20  # line numbers of one file that are quoted
BYTES = 1 << 30  # of logs that are read for excerpts

Place = tuple[str, int]  # path and line


def findings_section(base: Path, report: Report, ruleset: RuleSet) -> Markup:
    """Return the findings, errors first; `base` is the folder that their paths are relative to."""
    rank = {severity: position for position, (severity, _) in enumerate(SEVERITIES)}
    ordered = sorted(report.findings, key=lambda finding: (finding.waived is not None, rank[finding.severity]))
    shown, cut = ordered[:FINDINGS], len(ordered) - FINDINGS
    if not shown:
        return section("findings", "Findings", tag("p", f"None. Every rule of {report.ruleset} held."))
    lines, unread = _lines(base, shown, ruleset)
    of = naming(report)
    groups: dict[str, list[Finding]] = {}
    for finding in shown:
        groups.setdefault(of(finding.path), []).append(finding)
    numbers = order_of(report)
    return section(
        "findings",
        f"Findings ({len(report.findings):,})",
        tag("p", f"The {cut:,} least severe are not shown; `assay check` lists all.", class_="warning")
        if cut > 0
        else None,
        tag("p", f"Of {unread:,} findings the lines of the log are not quoted here.", class_="note")
        if unread
        else None,
        filter_bar(
            shown,
            "Search",
            _choice("Organisation", "organisation", sorted(groups, key=str.casefold)),
            _choice("Rule", "rule", sorted({finding.rule for finding in shown})),
            _choice("Authority", "authority", ("official", "assay")),
        ),
        [_organisation(name, numbers[name], some, lines) for name, some in groups.items()],
    )


def _lines(base: Path, findings: Sequence[Finding], ruleset: RuleSet) -> tuple[dict[Place, list[Line]], int]:
    """Return the lines around findings, errors first, within what a page can hold; and how many stay without."""
    wanted: dict[str, list[int]] = {}
    placed = [finding for finding in findings if finding.line is not None]
    for finding in placed[:EXCERPTS]:
        of_file = wanted.setdefault(finding.path, [])
        if finding.line is not None and len(of_file) < OF_A_FILE:
            of_file.append(finding.line)
    tree, left, found = Tree(base, ruleset.limits), BYTES, {}
    for path, numbers in wanted.items():
        try:
            left -= (base / path).lstat().st_size
        except (OSError, ValueError):
            continue  # a name that is shown escaped, or a file that went away
        if left < 0:
            break
        found.update({(path, number): around for number, around in excerpts(tree, path, numbers).items()})
    return found, sum((finding.path, finding.line) not in found for finding in placed)


def _choice(name: str, member: str, values: Sequence[str]) -> Markup:
    options = [tag("option", "all", value=""), *(tag("option", value, value=value) for value in values)]
    return tag("label", f"{name} ", tag("select", options, name=member))


def _organisation(name: str, number: int, findings: Sequence[Finding], lines: Mapping[Place, list[Line]]) -> Markup:
    rules: dict[tuple[str, bool], list[Finding]] = {}
    for finding in findings:
        rules.setdefault((finding.rule, finding.waived is not None), []).append(finding)
    many = Counter[str](finding.severity if finding.waived is None else "waived" for finding in findings)
    kinds = (*SEVERITIES, ("waived", "waived"))
    counted = ", ".join(f"{many[s]:,} {plural if many[s] > 1 else s}" for s, plural in kinds if many[s])
    return tag(
        "div",
        tag("h3", name, " ", tag("span", counted, class_="count")),
        [_rule(name, some, lines) for some in rules.values()],
        class_="finding-group organisation",
        id=f"of-{number}",
    )


def _rule(organisation: str, findings: Sequence[Finding], lines: Mapping[Place, list[Line]]) -> Markup:
    """Return a rule's findings: what it asks and how to answer it once, then the places."""
    first = findings[0]
    word, look = (first.severity, first.severity) if first.waived is None else (f"waived {first.severity}", "note")
    heading = tag(
        "h4",
        tag("span", word, class_=f"severity {look}"),
        " ",
        code(first.rule),
        " ",
        tag("span", first.clause, " · official checker" if first.authority == "official" else "", class_="authority"),
    )
    return tag(
        "div",
        heading,
        [tag("p", "Fix: ", fix, class_="note") for fix in dict.fromkeys(one.fix for one in findings) if fix],
        [_finding(organisation, finding, lines) for finding in findings],
        class_="finding-group rule",
    )


def _finding(organisation: str, finding: Finding, lines: Mapping[Place, list[Line]]) -> Markup:
    place = finding.path.removeprefix(f"{organisation}/")
    place += "" if finding.line is None else f":{finding.line}"
    details = [("expected", finding.expected), ("found", finding.found if finding.found not in finding.message else "")]
    waived = finding.waived
    around = [] if finding.line is None else lines.get((finding.path, finding.line), [])
    return tag(
        "article",
        tag("p", code(place), class_="place"),
        tag("p", finding.message, [(f"; {name} ", code(text)) for name, text in details if text], class_="said"),
        tag("p", f"Waived by {waived.by} until {waived.until}: {waived.why}", class_="note") if waived else None,
        folded(f"Line {finding.line} and around", _quoted(around, finding.line)) if around else None,
        class_="finding",
        data_severity=finding.severity,
        data_organisation=organisation,
        data_rule=finding.rule,
        data_authority=finding.authority,
    )


def _quoted(around: Sequence[Line], line: int | None) -> Markup:
    rows = [
        tag(
            "li",
            tag("span", f"{quoted.number}", class_="number"),
            Markup(f"<code>{escaped(quoted.text)}</code>"),
            class_="meant" if quoted.number == line else None,
        )
        for quoted in around
    ]
    return tag("ol", rows, class_="log")
