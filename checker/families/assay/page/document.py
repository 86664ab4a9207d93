"""The whole result page, put together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from checker.core.findings import Report
from checker.families.assay.discovery import DEFAULT, FAMILIES, SERVING
from checker.families.assay.page.beside import comparison_section
from checker.families.assay.page.curves import curves_section, memory_section, steps_section
from checker.families.assay.page.evidence import ResultEvidence, gather, groups
from checker.families.assay.page.machine import cost_section, machine_section
from checker.families.assay.page.parity import parity_section
from checker.families.assay.page.provenance import provenance_section
from checker.families.assay.page.serving import ServedResult, serving_parts
from checker.families.assay.page.summary import header, results_section
from checker.report.page.objections import findings_section
from checker.report.page.shell import Part, shell
from rules.prices import Prices
from rules.ruleset import RuleSet, load


def page(path: Path, report: Report, prices: Prices | None = None) -> str:
    """Return the result page on what `report` judged at `path`; the same input gives the same bytes.

    With a price list it says what results cost.
    """
    results, more = gather(ResultEvidence, path, report, _round(report, "training", DEFAULT))
    served, further = gather(ServedResult, path, report, _round(report, "inference", SERVING))
    parts = _parts(report, results, more, served, further)
    if results or served:
        parts.insert(-1, ("machine", "Machine", machine_section(results, served)))
    if prices is not None:
        parts.insert(-1, ("cost", "Cost", cost_section(report, prices)))
    names = dict.fromkeys([*(r.workload for r in results), *(one.workload for one in served)])
    title = f"{report.verdict.upper()} · {', '.join(names) or 'no result'} · Assay"
    made, top = f"`assay report`, Assay {report.assay}", header(report, results, served)
    return shell(title, top, parts, (parts[0][0], "results"), made, "page")


def _round(report: Report, suite: str, default: str) -> RuleSet:
    """Return the round by which `report` judged what is of a suite."""
    used = [load(name) for name in report.ruleset.split(", ")]
    return next((one for one in used if one.series == FAMILIES[suite]), load(default))


def _parts(
    report: Report, results: Sequence[ResultEvidence], more: int, served: Sequence[ServedResult], further: int
) -> list[Part]:
    """Return the parts of the page in order: name, title in the contents, content."""
    names = {one.path: one.name for one in results} | {one.path: one.name for one in served}
    found = findings_section(report, names)
    serving = serving_parts(served, further)
    if not results:
        return [*serving, ("findings", "Findings", found)]
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
    return [*parts, *serving, ("findings", "Findings", found)]
