"""The score of each scenario of a result, by LoadGen, and what may be said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from checker.core.findings import InferenceScore, Score, Use, Verdict
from checker.core.ledger import Errors, Ledger
from checker.families.assay.inference.submission import InferenceResult, ScenarioResult
from checker.families.assay.submission import in_scope
from checker.machine.energy import energy_served
from checker.machine.use import use_of
from rules.scenarios import scenario_named
from rules.systems import node_count
from rules.text import printable


def note(ledger: Ledger, root: Path, result: InferenceResult, errors: Errors) -> None:
    """Note each scenario with its verdict and score; what is wrong with the whole result fails each of them."""
    whole = ("results", result.folder)
    is_part = result.scope.count("/") >= 3
    asked = [one for one in result.scenarios.values() if not is_part or in_scope(one.folder, result.scope)]
    for scenario in asked:
        unit = (*whole, scenario.name)
        failed = errors.about(whole) or any(errors.against(path, unit) for path in (scenario.folder, scenario.ours))
        verdict = ledger.item(root, scenario.folder, "result", failed)
        ledger.scores.append(score(ledger.shown(root, scenario.folder), result, scenario, verdict))
    if not asked:
        ledger.judge(root, result.folder, "result", whole, errors)


def score(path: str, result: InferenceResult, scenario: ScenarioResult, verdict: Verdict) -> Score:
    """Return the row of a scenario: its score, by LoadGen, and what may be said of it."""
    run = scenario.performance
    measured = run.measured if run is not None and run.detail.refused is None else None
    row: dict[str, Any] = {}
    if measured is not None and measured.score is not None:
        row = shown_score(scenario.name, measured.metric, measured.score)
    return Score(
        path=path,
        submitter=printable(result.submitter or "", 100),
        system=printable(result.system, 100),
        workload=printable(result.workload, 100),
        division=result.division,
        framework=result.framework,
        verdict=verdict,
        inference=InferenceScore(scenario.name, row.get("Result"), row.get("Units", "")),
        energy=None if run is None else energy_served(run, run.detail.values, len(run.latencies or ()) or None),
        use=_use(result, scenario),
        nodes=node_count(result.system_document.model.number_of_nodes) if result.system_document else None,
    )


def _use(result: InferenceResult, scenario: ScenarioResult) -> Use:
    """Return what the performance run used of the machine, and how many runs were disturbed or not observed."""
    tolerates, runs = result.ruleset.steadiness, list(scenario.runs.values())
    everything = use_of(runs, tolerates)
    counted = use_of([scenario.performance] if scenario.performance else [], tolerates)
    return replace(counted, runs=everything.runs, disturbed=everything.disturbed, unobserved=everything.unobserved)


def shown_score(scenario: str, metric: str, value: float) -> dict[str, Any]:
    """Return a score as MLPerf's result tables have it: milliseconds, or samples or tokens a second."""
    if scenario_named(scenario).is_latency:
        return {"Result": round(value / 1e6, 6), "Units": scenario_named(scenario).unit}
    return {"Result": value, "Units": "Tokens/s" if "tokens" in metric else "Samples/s"}
