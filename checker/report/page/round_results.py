"""What a round holds, as tables: its organisations, what is refused and why, and every result with its spread."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from checker.core.findings import Finding, Item, Report, Score, TimeToTarget, Verdict
from checker.report.page.layout import ROWS, code, searchable, section, table, verdict_mark
from checker.report.page.markup import Child, Markup, tag
from checker.report.page.quantity import NONE, count, fixed

REFUSED = 200  # things of which it is said why they are refused
KINDS = ("log", "system", "rcp", "result", "organisation")


def naming(report: Report) -> Callable[[str], str]:
    """Return what names the organisation a path lies in; by the checked folder where it is the only one."""
    known = {item.path for item in report.items if item.kind == "organisation" and item.path != "."}
    depths = sorted({path.count("/") for path in known})  # MLPerf Inference has a folder per division above them
    alone = report.path.rstrip("/").rpartition("/")[2] or "."

    def name(path: str) -> str:
        parts = path.split("/")
        heads = ("/".join(parts[: depth + 1]) for depth in depths)
        return next((head for head in heads if head in known), parts[0] if known and path != "." else alone)

    return name


def organisations_section(report: Report) -> Markup:
    """Return one row for each organisation: both verdicts, and how much was judged and found."""
    of, names = naming(report), order_of(report)
    items: dict[str, list[Item]] = {name: [] for name in names}
    for item in report.items:
        items[of(item.path)].append(item)
    found = Counter[tuple[str, str]](
        (of(f.path), f.severity if f.waived is None else "waived") for f in report.findings
    )
    waived = ("Waived",) if any(f.waived for f in report.findings) else ()
    counts = ("Errors", "Warnings", "Notes", *waived)
    logs = any(item.kind == "log" for item in report.items)
    judged, judged_heads = ("log", ("Logs", "Logs refused")) if logs else ("result", ("Results refused",))
    heads = ("Organisation", "Official", "Assay", "Results", *judged_heads, *counts)
    rows = []
    for name in sorted((name for name in names if items[name]), key=str.casefold):
        kinds = Counter(item.kind for item in items[name])
        refused = sum(item.kind == judged and item.official_verdict == "fail" for item in items[name])
        official: Verdict = (
            "fail" if any(i.official_verdict == "fail" and i.kind != "log" for i in items[name]) else "pass"
        )
        failed = found[name, "error"] or any(i.verdict == "fail" and i.kind != "log" for i in items[name])
        assay: Verdict = "fail" if failed else "pass"
        rows.append(
            (
                tag("a", name, href=f"#of-{names[name]}") if _any(found, name) else name,
                verdict_mark(official),
                verdict_mark(assay),
                count(kinds["result"]),
                *([count(kinds["log"])] if logs else []),
                *(_some(n) for n in (refused, *(found[name, head.lower().removesuffix("s")] for head in counts))),
            )
        )
    return section(
        "organisations",
        f"Organisations ({len(rows)})",
        table("Both verdicts, and how much was found", heads, rows, words=(1, 2)),
        tag(
            "p",
            "Official: what MLCommons' checkers decide. "
            + (
                "A result may drop as many refused logs as its rules allow, so an organisation can pass with some. "
                * logs
            )
            + "Assay: fails where a finding is an error that nobody waived.",
            class_="note",
        ),
    )


def order_of(report: Report) -> dict[str, int]:
    """Return the organisations of a report with the number their anchors have."""
    of = naming(report)
    names = dict.fromkeys(
        [*(of(item.path) for item in report.items), *(of(finding.path) for finding in report.findings)]
    )
    return {name: position for position, name in enumerate(names)}


def refused_section(report: Report) -> Markup:
    """Return every thing that an official checker refuses, with its cause."""
    refused = [item for item in report.items if item.official_verdict == "fail"]
    why: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if finding.authority == "official" and finding.severity == "error":
            why.setdefault(finding.path, []).append(finding)
    if not refused:
        return section("refused", "Refused by the official checkers", tag("p", "Nothing."))
    rows = [
        (code(item.path), item.kind, _because(item, why.get(item.path) or _below(item, why)))
        for item in sorted(refused, key=lambda item: KINDS.index(item.kind))[:REFUSED]
    ]
    more = len(refused) - len(rows)
    return section(
        "refused",
        f"Refused by the official checkers ({len(refused)})",
        table("What is refused, and why", ("Path", "Kind", "Why"), rows, words=(1, 2)),
        tag("p", f"{more:,} further things are refused and not shown.", class_="note") if more else None,
    )


def _below(item: Item, why: Mapping[str, Sequence[Finding]]) -> list[Finding]:
    """Return what is said of the parts of a result; of an organisation that is said under its results."""
    if item.kind != "result":
        return []
    return [finding for path, findings in why.items() if path.startswith(f"{item.path}/") for finding in findings]


def _because(item: Item, findings: Sequence[Finding]) -> Child:
    if item.official_crash is not None:
        return f"the official checker stops: {item.official_crash}"
    if not findings:
        return "a part of it is refused, or something it depends on"
    said = [f"{f.message}{f' (line {f.line})' if f.line is not None else ''}" for f in findings[:3]]
    more = [f"and {len(findings) - 3} more"] if len(findings) > 3 else []
    return "; ".join([*said, *more])


def results_section(report: Report) -> Markup:
    """Return every result: time, spread, convergence, verdicts."""
    heads = (
        "Organisation", "System", "Official", "Assay", "Score, min", "Fastest, min", "Slowest, min", "Spread, %",
        "Runs", "RCP", "Scaled by", "Batch size", "Chips",
    )  # fmt: skip
    of = naming(report)
    groups: dict[tuple[str, str], list[Sequence[Child]]] = {}
    for score in sorted(report.scores, key=_rank)[:ROWS]:
        row = _row(score, of(score.path))
        groups.setdefault((score.workload, score.division), []).append(row)
    if not groups:
        return section("results", "Results", tag("p", "No result has a score here."))
    tables = [
        table(f"{workload}, {division} division: {len(rows):,}", heads, rows, words=(1, 2, 3, 9))
        for (workload, division), rows in groups.items()
    ]
    note = (
        "Score: the official olympic mean of the complying runs. Fastest and slowest: of the complying runs. "
        "Scaled by: what all three times are multiplied by, where the runs converged faster than the reference "
        "points. Spread: fastest to slowest, over the score. Runs: complying "
        "of all. Chips: accelerators, or none. Official: the result's own checks."
    )
    return searchable(len(report.scores), "organisation, system or benchmark", tables, note)


def _rank(score: Score) -> tuple[str, str, float]:
    time = score.training.score_s if score.training is not None else None
    return score.workload, score.division, math.inf if time is None else time


def _row(score: Score, organisation: str) -> Sequence[Child]:
    stated = score.official or {}
    found = score.training or TimeToTarget(0, 0, None, None, None)
    spread = None
    if found.score_s and found.fastest_s is not None and found.slowest_s is not None:
        spread = (found.slowest_s - found.fastest_s) / found.score_s * 100
    accelerators = stated.get("accelerators_count")
    model = stated.get("accelerator_model_name")
    convergence = str(stated.get(f"{score.workload}:RCP", NONE))
    return (
        organisation,
        tag("span", score.system, title=str(stated.get("system", ""))),
        verdict_mark(score.official_verdict or "fail"),
        verdict_mark(score.verdict),
        tag("strong", _minutes(found.score_s, "no score")),
        _minutes(found.fastest_s),
        _minutes(found.slowest_s),
        fixed(spread, 1, NONE),
        f"{found.converged}/{found.runs}",
        tag("span", convergence, class_="outcome" if convergence in ("Pass", NONE) else "outcome bad"),
        f"×{found.scaled_by:.4f}" if found.scaled_by is not None else NONE,
        count(stated.get(f"{score.workload}:GBS"), NONE),
        tag("span", count(accelerators, NONE), title=str(model) if model else None),
    )


def _minutes(seconds: float | None, missing: str = NONE) -> str:
    return missing if seconds is None else fixed(seconds / 60, 3)


def _some(many: int) -> Child:
    return count(many) if many else tag("span", "0", class_="nothing")


def _any(found: Mapping[tuple[str, str], int], name: str) -> bool:
    return any(found.get((name, severity)) for severity in ("error", "warning", "note", "waived"))
