"""Judge one submitter's folder of inference, part by part, as `review.py` beside it does for training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from checker.core.findings import Problem, Score, Use, Verdict, limited
from checker.core.ledger import Errors, Ledger, Raised, Subject, contained, raised
from checker.families.assay.checks import CHECKS
from checker.families.assay.inference.submission import (
    ScenarioResult,
    ServingResult,
    ServingRun,
    ServingSubmission,
    read_serving_result,
)
from checker.families.assay.submission import in_scope
from checker.machine.energy import energy_served
from checker.machine.use import use_of
from rules.ruleset import RuleSet
from rules.serving import loadgen_scenario
from rules.systems import node_count
from rules.text import printable

FOUND = 5000  # problems of one submitter beyond which no further result is judged
LogRules = Callable[[RuleSet, str, ServingRun, Subject], Iterator[Raised]]


def judge_submission(ledger: Ledger, submission: ServingSubmission, found: list[Raised], log_rules: LogRules) -> None:
    """Judge a submitter's folder, `found` being known; every part is judged even where another is beyond reading."""
    ruleset, root = submission.ruleset, submission.root
    division = submission.division or "closed"
    for card, function in CHECKS.of(ruleset, "submitter", division):
        found += contained((), ".", raised(card, (), ".", limited(function(submission), 50)))
    for system in submission.systems.values():
        for card, function in CHECKS.of(ruleset, "system", division):
            unit: Subject = ("systems", system.name)
            found += contained(unit, system.path, raised(card, unit, system.path, function(system)))
    results: list[ServingResult] = []
    for folder in submission.result_folders:
        if len(found) > FOUND:
            problem = Problem("so much is wrong that this result and those after it were not judged", path=folder)
            bounds = next(card for card in ruleset.cards.values() if card.check == "bounds")
            found.append(Raised(bounds, (), folder, problem))
            break
        unit = ("results", folder)
        found += contained(unit, folder, _result(submission, folder, unit, results, log_rules))
    for card, function in CHECKS.of(ruleset, "results", division):
        found += contained((), ".", raised(card, (), ".", limited(function(results), 50)))
    errors = ledger.settle(root, ruleset, found)
    if not submission.scope:
        ledger.judge(root, ".", "organisation", (), errors)
    for system in submission.systems.values():
        ledger.judge(root, system.path, "system", ("systems", system.name), errors)
    for result in results:
        _items(ledger, submission, result, errors)


def _items(ledger: Ledger, submission: ServingSubmission, result: ServingResult, errors: Errors) -> None:
    """Note each scenario with its verdict and score; what is wrong with the whole result fails each of them."""
    root, whole = submission.root, ("results", result.folder)
    shown = 0
    for scenario in result.scenarios.values():
        if submission.scope.count("/") >= 3 and not in_scope(scenario.folder, submission.scope):
            continue
        shown += 1
        unit = (*whole, scenario.name)
        failed = errors.about(whole) or any(errors.against(path, unit) for path in (scenario.folder, scenario.ours))
        verdict = ledger.item(root, scenario.folder, "result", failed)
        ledger.scores.append(_score(ledger.shown(root, scenario.folder), result, scenario, verdict))
    if not shown:
        ledger.judge(root, result.folder, "result", whole, errors)


def _result(
    submission: ServingSubmission, folder: str, unit: Subject, results: list[ServingResult], log_rules: LogRules
) -> Iterator[Raised]:
    """Read the result in `folder`, add it to `results` and judge it."""
    ruleset, result = submission.ruleset, read_serving_result(submission, folder)
    results.append(result)
    for card, function in CHECKS.of(ruleset, "result", result.division):
        yield from raised(card, unit, result.folder, limited(function(result)))
    for scenario in result.scenarios.values():
        inner = (*unit, scenario.name)
        yield from contained(inner, scenario.folder, _scenario(ruleset, result, scenario, inner, log_rules))


def _scenario(
    ruleset: RuleSet, result: ServingResult, scenario: ScenarioResult, unit: Subject, log_rules: LogRules
) -> Iterator[Raised]:
    for card, function in CHECKS.of(ruleset, "scenario", result.division):
        yield from raised(card, unit, scenario.folder, limited(function(result, scenario)))
    for run in scenario.runs.values():
        inner = (*unit, run.name)
        yield from log_rules(ruleset, result.division, run, inner)
        for card, function in CHECKS.of(ruleset, "run", result.division):
            yield from raised(card, inner, run.log_path, limited(function(result, run)))


def _score(path: str, result: ServingResult, scenario: ScenarioResult, verdict: Verdict) -> Score:
    """Return the row of a scenario: its score, by LoadGen, and what may be said of it."""
    run = scenario.performance
    measured = run.measured if run is not None and run.detail.refused is None else None
    row: dict[str, Any] = {"Scenario": scenario.name}
    if measured is not None and measured.score is not None:
        row |= shown_score(scenario.name, measured.metric, measured.score)
    return Score(
        path=path,
        submitter=printable(result.submitter or "", 100),
        system=printable(result.system, 100),
        workload=printable(result.workload, 100),
        division=result.division,
        framework=result.framework,
        runs=len(scenario.runs),
        converged=0,
        score_s=None,
        fastest_s=None,
        slowest_s=None,
        verdict=verdict,
        official=row,
        energy=None if run is None else energy_served(run, run.detail.values, len(run.latencies or ()) or None),
        use=_use(result, scenario),
        nodes=node_count(result.system_document.model.number_of_nodes) if result.system_document else None,
    )


def _use(result: ServingResult, scenario: ScenarioResult) -> Use:
    """Return what the performance run used of the machine, and how many runs were disturbed or not observed."""
    bears, runs = result.ruleset.steadiness, list(scenario.runs.values())
    everything = use_of(runs, bears)
    counted = use_of([scenario.performance] if scenario.performance else [], bears)
    return replace(counted, disturbed=everything.disturbed, unobserved=everything.unobserved)


def shown_score(scenario: str, metric: str, value: float) -> dict[str, Any]:
    """Return a score as MLPerf's result tables have it: milliseconds, or samples or tokens a second."""
    if loadgen_scenario(scenario) in ("SingleStream", "MultiStream"):
        return {"Result": round(value / 1e6, 6), "Units": "Latency (ms)"}
    return {"Result": value, "Units": "Tokens/s" if "tokens" in metric else "Samples/s"}
