"""The review page of a round of MLPerf, or of one organisation in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from checker.core.family import Section
from checker.core.findings import Report
from checker.report.page.layout import facts, verdict_mark
from checker.report.page.markup import Markup, tag
from checker.report.page.round_findings import findings_section
from checker.report.page.round_results import organisations_section, refused_section
from checker.report.page.shell import Part, shell
from rules.ruleset import load

KINDS = (("organisation", "organisations"), ("system", "systems"), ("result", "results"), ("log", "logs"))


def page(path: Path, report: Report, results: list[Section]) -> str:
    """Return the review page on what `report` judged at `path`; `results` are the parts that its family supplies."""
    ruleset = load(report.ruleset.partition(", ")[0])
    base = path if path.is_dir() else path.parent
    parts: list[Part] = []
    if any(item.kind == "organisation" for item in report.items):
        parts.append(("organisations", "Organisations", organisations_section(report)))
    parts.append(("refused", "Refused", refused_section(report)))
    parts += [(part.anchor, part.title, Markup(part.html)) for part in results]
    parts.append(("findings", "Findings", findings_section(base, report, ruleset)))
    name = report.path.rstrip("/").rpartition("/")[2] or report.path
    title = f"{report.verdict.upper()} · {name} · {report.ruleset} · Assay"
    made = f"`assay review`, Assay {report.assay}"
    return shell(title, _header(report, name, ruleset.title), parts, ("findings", "findings"), made, "page wide")


def _header(report: Report, name: str, title: str) -> Markup:
    many = Counter[str](finding.severity for finding in report.findings if finding.waived is None)
    said = [f"{many[s]:,} {s}{'' if many[s] == 1 else 's'}" for s in ("error", "warning", "note") if many[s]]
    waived = len(report.findings) - many.total()
    said += [f"{waived:,} waived"] if waived else []
    judged = Counter[str](item.kind for item in report.items)
    refused = Counter[str](item.kind for item in report.items if item.official_verdict == "fail")
    official = [f"{refused[kind]:,} of {judged[kind]:,} {plural}" for kind, plural in KINDS if refused[kind]]
    return tag(
        "header",
        tag("p", "Assay review", class_="kicker"),
        tag("h1", name),
        tag(
            "p",
            verdict_mark(report.verdict),
            " ",
            f"{', '.join(said)}." if said else "Every rule held.",
            " ",
            tag("a", "Findings", href="#findings"),
            class_="judged",
        ),
        facts(
            [
                ("Official checkers", f"refuse {', '.join(official)}" if official else "pass everything"),
                ("Judged", ", ".join(f"{judged[kind]:,} {plural}" for kind, plural in KINDS if judged[kind])),
                ("Rule set", f"{report.ruleset}: {title}"),
                ("Judged by", f"Assay {report.assay}"),
            ]
        ),
    )
