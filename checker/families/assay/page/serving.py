"""The page's parts on inference: results by scenario, the search, the tests, where results come from.

The page judges nothing: verdicts and findings are the checker's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.core.findings import Report, Verdict
from checker.core.tree import RefusedError, Tree
from checker.families.assay.discovery import discover, suite_of
from checker.families.assay.inference.compliance import ranked
from checker.families.assay.inference.latencies import percentile
from checker.families.assay.inference.rules.accuracy import stated
from checker.families.assay.inference.rules.tests import judged
from checker.families.assay.inference.scores import shown_score
from checker.families.assay.inference.submission import (
    InferenceResult,
    InferenceSubmission,
    LoadGenRun,
    ScenarioResult,
)
from checker.families.assay.page.provenance import described
from checker.families.assay.page.serving_latencies import NS, called, latencies_section, measured_of
from checker.machine.steadiness import told
from checker.machine.use import disturbed
from checker.report.page.chart import ChartLine, key, line_chart
from checker.report.page.layout import code, facts, folded, section, table, verdict_mark
from checker.report.page.markup import Child, Markup, fragment, tag
from checker.report.page.quantity import NOT_MEASURED, count, fixed, mebibytes, number
from rules.ruleset import RuleSet
from rules.scenarios import scenario_named
from rules.text import printable

RESULTS = 40  # shown on one page


@dataclass(frozen=True)
class ServedResult:
    """One result of inference as judged: the verdict on each scenario, by its name."""

    path: str
    result: InferenceResult
    verdicts: dict[str, Verdict]

    @property
    def workload(self) -> str:
        """The workload."""
        return printable(self.result.workload, 100)

    @property
    def name(self) -> str:
        """The result in a few words."""
        result = self.result
        framework = printable(result.framework, 100) or "framework not stated"
        return f"{framework}, {printable(result.system, 100)}, {self.workload}, {result.division}"


def gather_serving(path: Path, report: Report, ruleset: RuleSet) -> tuple[list[ServedResult], int]:
    """Read what `report` judged of inference below `path`; return the results, and how many more there are."""
    found = discover(path)
    judged_ = {item.path: item.verdict for item in report.items if item.kind == "result"}
    results: list[ServedResult] = []
    more = 0
    for root in (root for root in found.submitters if suite_of(root) == "inference"):
        submission = InferenceSubmission(root, found.scope, Tree(root, ruleset.limits), ruleset)
        for folder in submission.result_folders:
            shown = printable(Path(os.path.relpath(root / folder, found.base)).as_posix(), 1000)
            if len(results) == RESULTS:
                more += 1
                continue
            result = submission.read(folder)
            verdicts = {name: judged_[f"{shown}/{name}"] for name in result.scenarios if f"{shown}/{name}" in judged_}
            if verdicts or shown in judged_:
                results.append(ServedResult(shown, result, verdicts))
    return results, more


def serving_parts(results: Sequence[ServedResult], more: int) -> list[tuple[str, str, Markup]]:
    """Return the page's parts on inference: name, title in the contents, content."""
    if not results:
        return []
    parts = [("inference", "Inference", _results_section(results, more))]
    for position, (one, short) in enumerate(zip(results, _labels(results), strict=True)):
        of = f": {short}" if len(results) > 1 else ""
        named = f"latencies-{position}"
        parts.append((named, f"Latencies{of}", latencies_section(one.result, one.name, named)))
        if one.result.search is not None:
            parts.append((f"search-{position}", f"Search{of}", _search_section(one, f"search-{position}")))
    parts.append(("tests", "Compliance", _tests_section(results)))
    parts.append(("serving-origin", "Provenance of inference", _origin_section(results)))
    return parts


def _labels(results: Sequence[ServedResult]) -> list[str]:
    """Return the shortest names that tell results apart."""
    frameworks = [printable(one.result.framework, 100) or "framework not stated" for one in results]
    workloads = [f"{framework}, {one.workload}" for framework, one in zip(frameworks, results, strict=True)]
    for names in (frameworks, workloads):
        if len(set(names)) == len(names):
            return names
    return [one.name for one in results]


def _results_section(results: Sequence[ServedResult], more: int) -> Markup:
    heads = (
        "Scenario", "Verdict", "Result", "Unit", "LoadGen", "Bound, ms", "Queries", "Accuracy", "Framework", "Threads",
        "Batch", "Precision", "Peak memory, MiB", "System", "Division",
    )  # fmt: skip
    return section(
        "inference",
        "Inference",
        [
            table(f"{name}: what LoadGen measured", heads, rows, words=(1, 3, 4, 7, 8, 11, 13, 14))
            for name, rows in _by_workload(results).items()
        ],
        tag("p", f"{more} further results were judged and are not shown.", class_="note") if more else None,
        tag(
            "p",
            "SingleStream and MultiStream: the latency that LoadGen's early stopping vouches for (90th and 99th "
            "percentile). Server and Interactive: completed a second, with the percentile of the latencies below the "
            "bound. Offline: samples a second.",
            class_="note",
        ),
    )


def _by_workload(results: Sequence[ServedResult]) -> dict[str, list[Sequence[Child]]]:
    found: dict[str, list[Sequence[Child]]] = {}
    for one in results:
        for scenario in one.result.scenarios.values():
            found.setdefault(one.workload, []).append(_row(one, scenario))
    return found


def _row(one: ServedResult, scenario: ScenarioResult) -> Sequence[Child]:
    run = scenario.performance
    measured = measured_of(run)
    score, unit = "none", ""
    if measured is not None and measured.score is not None:
        shown = shown_score(scenario.name, measured.metric, measured.score)
        is_latency = "ms" in str(shown["Units"])
        score, unit = (
            fixed(shown["Result"], 3 if is_latency else 1),
            "ms" if is_latency else str(shown["Units"]).lower(),
        )
    model = run.record.model if run and run.record else None
    bound = scenario.rules.target_latency_ms if scenario.rules else None
    verdict = one.verdicts.get(scenario.name)
    queries = run.detail["result_query_count"] if run else None
    return (
        printable(scenario.name, 60),
        verdict_mark(verdict) if verdict else "not judged",
        tag("strong", score),
        unit,
        printable(str(run.detail["result_validity"] if run else None), 20),
        fixed(bound, 1, "none"),
        count(queries),
        _accuracy(one.result, scenario),
        printable(one.result.framework, 60),
        count(model.sut.threads) if model else NOT_MEASURED,
        count(model.sut.batch) if model else NOT_MEASURED,
        model.sut.precision if model else NOT_MEASURED,
        mebibytes(model.memory.peak_bytes if model and model.memory else None),
        printable(one.result.system, 100),
        one.result.division,
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
    search = one.result.search
    assert search is not None
    probes = search.model.probes
    return section(
        name,
        f"How rates were found: {one.name}",
        tag(
            "p",
            "Short LoadGen tests, one after the other. The measured run begins at what they found and alone decides.",
            class_="note",
        ),
        tag("div", [_search_chart(one, s) for s in one.result.scenarios if _probed(one, s)], class_="charts"),
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
    search = one.result.search
    is_server = scenario_named(scenario).is_bounded
    return is_server and search is not None and any(probe.scenario == scenario for probe in search.model.probes)


def _search_chart(one: ServedResult, scenario: str) -> Markup:
    assert one.result.search is not None
    probes = [p for p in one.result.search.model.probes if p.scenario == scenario and p.p99_ns is not None]
    its = one.result.scenarios[scenario]
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
    rows = [row for one in results for scenario in one.result.scenarios.values() for row in _test_rows(one, scenario)]
    if not rows:
        return section("tests", "Compliance", tag("p", "No compliance run: they belong to the closed division."))
    return section(
        "tests",
        "Compliance",
        table("Tests of the results, judged here from their logs", heads, rows, words=(1, 2, 5, 6, 7)),
        tag(
            "p",
            "TEST01: the same answers in performance mode. TEST04: one sample again and again is not faster. TEST06: "
            "tokens are what was said of them. Other seeds: what was not foreseen is as fast.",
            class_="note",
        ),
    )


def _test_rows(one: ServedResult, scenario: ScenarioResult) -> Iterator[Sequence[Child]]:
    for test in ("TEST01", "TEST04", "TEST06", "seeds"):
        found = judged(one.result, scenario, test)
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
            _machine(one.result, scenario.runs.get(test)),
            one.name,
        )


def _machine(result: InferenceResult, run: LoadGenRun | None) -> str:
    """Say what disturbed the machine during a test's run."""
    if run is None or run.observation is None:
        return "not observed"
    return told(disturbed(run, result.ruleset.steadiness)) or "steady"


def _origin_section(results: Sequence[ServedResult]) -> Markup:
    return section("serving-origin", "Provenance of inference", [_origin(one) for one in results])


def _origin(one: ServedResult) -> Markup:
    result = one.result
    record = next((run.record.model for run in result.runs if run.record), None)
    system = described(result.system_document.model if result.system_document else None)
    if record is None:
        sentence = "No run record of this result could be read; nothing is known of its provenance."
        return fragment(tag("h3", one.name), tag("p", sentence, class_="missing"), system)
    box = record.container
    runs = [
        (
            f"{run.scenario} {run.name}",
            fixed(model.load_s, 2),
            fixed(model.warm_up_s, 2),
            fixed(None if model.loading_s is None else 1000 * model.loading_s, 2),
            mebibytes(model.memory.peak_bytes if model.memory else None),
            count(len(model.earlier_attempts)),
        )
        for run in result.runs
        if run.record
        for model in (run.record.model,)
    ]
    return fragment(
        tag("h3", one.name),
        facts(
            [
                ("LoadGen", record.loadgen),
                ("Image", code(record.image.config_digest)),
                ("Wheel lock", code(record.image.wheel_lock_sha256)),
                ("Source", code(record.source_sha256)),
                ("Network", box.network),
                ("Root", "read-only" if box.read_only else "writable"),
                ("User", box.user),
                ("Limits", f"cores {box.cpuset}; {mebibytes(box.memory_bytes)} MiB; {count(box.pids)} processes"),
                ("Engine", box.engine),
                ("Written by", f"Assay {record.assay}"),
            ]
        ),
        folded(
            "Every LoadGen run",
            table(
                "Loading, warming up and memory",
                ("Run", "Load, s", "Warm-up, s", "Samples loaded, ms", "Peak memory, MiB", "Earlier attempts"),
                runs,
            ),
        ),
        folded(
            "Data and weights",
            table(
                "Files",
                ("File", "SHA-256"),
                [(name, code(digest)) for name, digest in sorted(record.data.items())],
                words=(1,),
            ),
        ),
        folded("System", system),
    )
