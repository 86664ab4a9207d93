"""The page's parts on inference: results by scenario, the search, the tests, where results come from.

The page judges nothing: verdicts and findings are the checker's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from checker.core.tree import RefusedError
from checker.families.assay.inference.compliance import ranked
from checker.families.assay.inference.latencies import percentile
from checker.families.assay.inference.rules.accuracy import stated
from checker.families.assay.inference.rules.tests import judged
from checker.families.assay.inference.scores import shown_score
from checker.families.assay.inference.submission import InferenceResult, LoadGenRun, ScenarioResult
from checker.families.assay.page.evidence import JudgedResult, telling_apart
from checker.families.assay.page.provenance import provenance
from checker.families.assay.page.serving_latencies import NS, called, latencies_section, measured_of
from checker.machine.steadiness import told
from checker.machine.use import disturbed
from checker.report.page.chart import ChartLine, key, line_chart
from checker.report.page.layout import folded, note, section, side_by_side, table, verdict_mark
from checker.report.page.markup import Child, Markup, tag
from checker.report.page.quantity import NOT_MEASURED, count, fixed, mebibytes, number
from rules.scenarios import scenario_named
from rules.text import printable


class ServedResult(JudgedResult[InferenceResult]):
    """A result of inference: a system's scenarios of a workload."""

    SUITE = "inference"


def serving_parts(results: Sequence[ServedResult], more: int) -> list[tuple[str, str, Markup]]:
    """Return the page's parts on inference: name, title in the contents, content."""
    if not results:
        return []
    parts = [("inference", "Inference", _results_section(results, more))]
    frameworks = [one.framework for one in results]
    labels = telling_apart(frameworks, [f"{r.framework}, {r.workload}" for r in results], [r.name for r in results])
    for position, (one, short) in enumerate(zip(results, labels, strict=True)):
        of = f": {short}" if len(results) > 1 else ""
        named = f"latencies-{position}"
        parts.append((named, f"Latencies{of}", latencies_section(one.found, one.name, named)))
        if one.found.search is not None:
            parts.append((f"search-{position}", f"Search{of}", _search_section(one, f"search-{position}")))
    parts.append(("tests", "Compliance", _tests_section(results)))
    origins = section("serving-origin", "Provenance of inference", [_origin(one) for one in results])
    parts.append(("serving-origin", "Provenance of inference", origins))
    return parts


def _results_section(results: Sequence[ServedResult], more: int) -> Markup:
    heads = (
        "Scenario", "Verdict", "Result", "Unit", "LoadGen", "Bound, ms", "Queries", "Accuracy", "Framework", "Threads",
        "Batch", "Precision", "Peak memory, MiB", "System", "Division",
    )  # fmt: skip
    rows: dict[str, list[Sequence[Child]]] = {}
    for one in results:
        for scenario in one.found.scenarios.values():
            rows.setdefault(one.workload, []).append(_row(one, scenario))
    return section(
        "inference",
        "Inference",
        [
            table(f"{workload}: what LoadGen measured", heads, some, words=(1, 3, 4, 7, 8, 11, 13, 14))
            for workload, some in rows.items()
        ],
        note(f"{more} further results were judged and are not shown.") if more else None,
        note(
            "SingleStream and MultiStream: the latency that LoadGen's early stopping vouches for (90th and 99th "
            "percentile). Server and Interactive: completed a second, with the percentile of the latencies below the "
            "bound. Offline: samples a second."
        ),
    )


def _row(one: ServedResult, scenario: ScenarioResult) -> Sequence[Child]:
    run = scenario.performance
    measured = measured_of(run)
    score, unit = "none", ""
    if measured is not None and measured.score is not None:
        shown = shown_score(scenario.name, measured.metric, measured.score)
        is_latency = "ms" in str(shown["Units"])
        score, unit = fixed(shown["Result"], 3 if is_latency else 1), str(shown["Units"]).lower()
        unit = "ms" if is_latency else unit
    model = run.record.model if run and run.record else None
    bound = scenario.rules.target_latency_ms if scenario.rules else None
    verdict = one.verdicts.get(f"{one.path}/{scenario.name}")
    queries = run.detail["result_query_count"] if run else None
    return (
        printable(scenario.name, 60),
        verdict_mark(verdict) if verdict else "not judged",
        tag("strong", score),
        unit,
        printable(str(run.detail["result_validity"] if run else None), 20),
        fixed(bound, 1, "none"),
        count(queries),
        _accuracy(one.found, scenario),
        printable(one.found.framework, 60),
        count(model.sut.threads) if model else NOT_MEASURED,
        count(model.sut.batch) if model else NOT_MEASURED,
        model.sut.precision if model else NOT_MEASURED,
        mebibytes(model.memory.peak_bytes if model and model.memory else None),
        printable(one.found.system, 100),
        one.found.division,
    )


def _accuracy(result: InferenceResult, scenario: ScenarioResult) -> str:
    """Return the metrics that the round knows, as accuracy.txt states them."""
    try:
        _, found, _ = stated(result, scenario)
    except RefusedError:
        return NOT_MEASURED
    known = result.rules.metrics if result.rules else {}
    values = [(name, f"{found[name][0]:.5g}") for name in known if name in found]
    return "; ".join(value if len(known) == 1 else f"{name} {value}" for name, value in values) or NOT_MEASURED


def _search_section(one: ServedResult, name: str) -> Markup:
    search = one.found.search
    assert search is not None
    probes = search.model.probes
    return section(
        name,
        f"How rates were found: {one.name}",
        note("Short LoadGen tests, one after the other. The measured run begins at what they found and alone decides."),
        side_by_side([_search_chart(one, s) for s in one.found.scenarios if _probed(one, s)]),
        folded(
            f"All {len(probes)} probes",
            table(
                "Probes in order",
                ("Probe", "Scenario", "Rate, 1/s", "Valid", "Time, s", "Queries", "Mean, ms", "99th percentile, ms"),
                [
                    (
                        str(place),
                        printable(probe.scenario, 60),
                        fixed(probe.rate, 1),
                        "yes" if probe.valid else "no",
                        fixed(probe.seconds, 1),
                        count(probe.queries),
                        fixed(probe.mean_ns / NS if probe.mean_ns is not None else None, 3),
                        fixed(probe.p99_ns / NS if probe.p99_ns is not None else None, 3),
                    )
                    for place, probe in enumerate(probes, 1)
                ],
                words=(1, 3),
            ),
        ),
    )


def _probed(one: ServedResult, scenario: str) -> bool:
    search = one.found.search
    is_server = scenario_named(scenario).is_bounded
    return is_server and search is not None and any(probe.scenario == scenario for probe in search.model.probes)


def _search_chart(one: ServedResult, scenario: str) -> Markup:
    assert one.found.search is not None
    probes = [p for p in one.found.search.model.probes if p.scenario == scenario and p.p99_ns is not None]
    its = one.found.scenarios[scenario]
    lines = [
        ChartLine(
            words, style, sorted((p.rate, p.p99_ns / NS) for p in probes if p.valid is valid and p.p99_ns is not None)
        )
        for words, style, valid in (("valid", 2, True), ("not valid", 1, False))
    ]
    run = measured_of(its.performance)
    if run is not None:
        rate, slow = number(run.log.get("effective_target_qps")), percentile(ranked(run), 0.99)
        if rate is not None:
            lines.append(ChartLine("the measured run", 0, [(rate, slow / NS)]))
    bound = its.rules.target_latency_ms if its.rules else None
    chart = line_chart(
        f"{scenario}: 99th percentile by rate",
        f"{sum(p.valid for p in probes)} of {len(probes)} probes were valid.",
        lines,
        ("queries a second", None),
        ("99th percentile, ms", None),
        target=(bound, f"bound {bound:g} ms") if bound else None,
        log=True,
    )
    return tag("div", key([(line.name, line.style) for line in lines]), chart)


def _tests_section(results: Sequence[ServedResult]) -> Markup:
    heads = ("Scenario", "Test", "Verdict", "Score", "Performance run", "What it objects to", "Machine", "Result of")
    rows = [row for one in results for scenario in one.found.scenarios.values() for row in _test_rows(one, scenario)]
    if not rows:
        return section("tests", "Compliance", tag("p", "No compliance run: they belong to the closed division."))
    return section(
        "tests",
        "Compliance",
        table("Tests of the results, judged here from their logs", heads, rows, words=(1, 2, 5, 6, 7)),
        note(
            "TEST01: the same answers in performance mode. TEST04: one sample again and again is not faster. TEST06: "
            "tokens are what was said of them. Other seeds: what was not foreseen is as fast."
        ),
    )


def _test_rows(one: ServedResult, scenario: ScenarioResult) -> Iterator[Sequence[Child]]:
    for test in ("TEST01", "TEST04", "TEST06", "seeds"):
        found = judged(one.found, scenario, test)
        if found is None:
            continue
        faults = [fault for part in found.values() for fault in part]
        run, reference = measured_of(scenario.runs.get(test)), measured_of(scenario.performance)
        scores = []
        for measured in (run, reference):
            score = measured.score if measured is not None else None
            shown = shown_score(scenario.name, measured.metric, score) if measured is not None and score else None
            scores.append(f"{shown['Result']:,.6g} {shown['Units']}" if shown else "none")
        said = "; ".join(f"{fault.message} ({fault.found})" for fault in faults[:3])
        yield (
            printable(scenario.name, 60),
            called(test),
            verdict_mark("fail" if faults else "pass"),
            *scores,
            said or "nothing",
            _machine(one.found, scenario.runs.get(test)),
            one.name,
        )


def _machine(result: InferenceResult, run: LoadGenRun | None) -> str:
    """Say what disturbed the machine during a test's run."""
    if run is None or run.observation is None:
        return "not observed"
    return told(disturbed(run, result.ruleset.steadiness)) or "steady"


def _origin(one: ServedResult) -> Markup:
    records = [(run, run.record.model) for run in one.found.runs if run.record]
    rows = [
        (
            f"{run.scenario} {run.name}",
            fixed(record.load_s, 2),
            fixed(record.warm_up_s, 2),
            fixed(None if record.loading_s is None else 1000 * record.loading_s, 2),
            mebibytes(record.memory.peak_bytes if record.memory else None),
            count(len(record.earlier_attempts)),
        )
        for run, record in records
    ]
    heads = ("Run", "Load, s", "Warm-up, s", "Samples loaded, ms", "Peak memory, MiB", "Earlier attempts")
    every_run = folded("Every LoadGen run", table("Loading, warming up and memory", heads, rows))
    parameters = records[0][1].sut.model_dump() if records else {}
    loadgen = [("LoadGen", record.loadgen) for _, record in records[:1]]
    return provenance(one, loadgen, every_run, "Parameters", parameters)
