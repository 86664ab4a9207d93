"""The whole result page, put together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from checker.findings import Report
from checker.page.beside import comparison_section
from checker.page.curves import curves_section, memory_section, steps_section
from checker.page.evidence import Result, gather
from checker.page.layout import groups
from checker.page.markup import Markup, tag
from checker.page.objections import findings_section
from checker.page.parity import parity_section
from checker.page.provenance import provenance_section
from checker.page.shell import shell
from checker.page.summary import header, results_section
from rules.ruleset import RuleSet


def page(path: Path, report: Report, ruleset: RuleSet) -> str:
    """Return the result page on what `report` judged at `path`; the same input gives the same bytes."""
    results, more = gather(path, report, ruleset)
    parts = _parts(report, results, more)
    links = [tag("li", tag("a", title, href=f"#{name}")) for name, title, _ in parts]
    title = f"{report.verdict.upper()} · {', '.join(dict.fromkeys(r.workload for r in results)) or 'no result'} · Assay"
    return shell(
        title,
        tag("a", "Skip to the results", href="#results" if results else "#findings", class_="skip"),
        tag(
            "div",
            header(report, results),
            tag("nav", tag("ul", links), aria_label="Contents"),
            tag("main", [part for _, _, part in parts]),
            tag("footer", tag("p", f"Made by `assay report`, Assay {report.assay}.", class_="note")),
            class_="page",
        ),
    )


def _parts(report: Report, results: Sequence[Result], more: int) -> list[tuple[str, str, Markup]]:
    """Return the parts of the page in order: name, title in the contents, content."""
    found = findings_section(report, results)
    if not results:
        return [("findings", "Findings", found)]
    parts = [("results", "Results", results_section(results, more))]
    divided = groups(results)
    for position, group in enumerate(divided):
        of = f": {group.name}" if len(divided) > 1 else ""
        if len(group.results) > 1:
            parts.append(
                (f"comparison-{position}", f"Comparison{of}", comparison_section(group, f"comparison-{position}"))
            )
        parts.append((f"curves-{position}", f"Convergence{of}", curves_section(group, f"curves-{position}")))
        parts.append((f"memory-{position}", f"Memory{of}", memory_section(group, f"memory-{position}")))
        parts.append((f"steps-{position}", f"Step time{of}", steps_section(group, f"steps-{position}")))
    parts.append(("parity", "Parity", parity_section(results)))
    parts.append(("provenance", "Provenance", provenance_section(results)))
    parts.append(("findings", "Findings", found))
    return parts
