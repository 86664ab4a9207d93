"""Results beside each other: a picture, a sentence for every pair, and what besides the framework differs."""

from __future__ import annotations

from checker.core.comparison import CONFIDENCE, LEVEL, Difference, differences, spread
from checker.families.assay.page.evidence import ResultEvidence, WorkloadGroup
from checker.report.page.chart import Interval, interval_chart
from checker.report.page.layout import note, section, table
from checker.report.page.markup import Markup, tag
from checker.report.page.quantity import NOT_MEASURED, fixed


def comparison_section(group: WorkloadGroup, name: str) -> Markup:
    """Return the comparison of a group's results: a picture, a sentence for each pair, the figures."""
    labels, spreads = group.labels(), [spread(r.times_to_target()) for r in group.results]
    whole = [len(s.values) == len(r.runs) > 1 for s, r in zip(spreads, group.results, strict=True)]
    bars = [
        Interval(label + _short_of(group.results[i]), i, s.mean, s.low, s.high, s.values, "no run reached the target")
        for i, (label, s) in enumerate(zip(labels, spreads, strict=True))
    ]
    words = f"Bars: mean time to target. Whiskers: its {LEVEL} t interval. Dots: single runs. The axis begins at zero."
    pairs = differences([(label, s) for label, s, all_of_it in zip(labels, spreads, whole, strict=True) if all_of_it])
    sentences = [tag("li", _sentence(pair)) for pair in pairs]
    sentences += [
        tag("li", f"{label} is not compared: {_untested(result)}.")
        for label, result, all_of_it in zip(labels, group.results, whole, strict=True)
        if not all_of_it
    ]
    rows = [
        (f"{p.slower} against {p.faster}", fixed(p.seconds, 2), f"{fixed(p.low, 2)} to {fixed(p.high, 2)}",
         fixed(p.ratio, 3), _probability(p.probability).lstrip("= "))
        for p in pairs
    ]  # fmt: skip
    return section(
        name,
        f"Comparison: {group.name}",
        tag("ul", sentences, class_="sentences") if sentences else None,
        interval_chart("Time to target", words, bars, "seconds"),
        note(words),
        table(
            "Pairs of results",
            ("Pair", "Difference, s", f"{LEVEL} interval, s", "Ratio", "p, corrected"),
            rows,
        )
        if rows
        else None,
        note(
            "Welch's t test on the single runs' times, two-sided; p values corrected after Holm for all pairs. ",
            _confounders(group),
        )
        if rows
        else None,
    )


def _short_of(result: ResultEvidence) -> str:
    reached = len(result.times_to_target())
    return "" if reached == len(result.runs) else f" (the {reached} of {len(result.runs)} runs that reached the target)"


def _untested(result: ResultEvidence) -> str:
    if len(result.runs) < 2:
        return "a test needs at least two runs"
    missed = len(result.runs) - len(result.times_to_target())
    return f"{missed} of its {len(result.runs)} runs did not reach the target, and the others are not a fair sample"


def _sentence(pair: Difference) -> str:
    share = f"{(pair.ratio - 1) * 100:.1f} %" if pair.ratio is not None else NOT_MEASURED
    gap = f"{fixed(pair.seconds, 2)} s ({share}) longer than {pair.faster}"
    if pair.probability < 1 - CONFIDENCE:
        return f"{pair.slower} took {gap}: more than run-to-run noise (p {_probability(pair.probability)})."
    return (
        f"{pair.slower} took {gap}, but the difference is not distinguishable from run-to-run noise "
        f"(p {_probability(pair.probability)})."
    )


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _confounders(group: WorkloadGroup) -> str:
    """Say what besides the framework differs between the results of a group."""
    records = [record for result in group.results if (record := result.first()) is not None]
    differing = []
    if len({record.threads for record in records}) > 1:
        differing.append("thread counts")
    if len({record.container.cpuset for record in records}) > 1:
        differing.append("the cores used")
    if len({record.container.memory_bytes for record in records}) > 1:
        differing.append("memory limits")
    described = [result.found.system_document for result in group.results]
    captures = [document.model.assay for document in described if document is not None]
    if len({(c.cpus, c.memory_bytes, c.kernel, c.engine) for c in captures}) > 1:
        differing.append("the machines or their kernels")
    if not differing:
        return "Threads, cores, memory limit and machine were the same for all, as far as stated."
    return f"Note that {', '.join(differing)} differ too: the difference is not the framework's alone."
