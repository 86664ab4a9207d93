"""The score of a result: the olympic mean of its runs' times from run_start to run_stop."""

from __future__ import annotations

from pathlib import Path

from checker.core.findings import Score, TimeToTarget, Verdict
from checker.core.ledger import Errors, Ledger
from checker.core.statistics import olympic_mean
from checker.families.assay.training.submission import TrainingResult
from checker.machine.energy import energy_of
from checker.machine.use import use_of
from rules.systems import node_count
from rules.text import printable


def note(ledger: Ledger, root: Path, result: TrainingResult, errors: Errors) -> None:
    """Note a result with its verdict and score, and each of its logs."""
    unit = ("results", result.folder)
    verdict = ledger.judge(root, result.folder, "result", unit, errors)
    ledger.scores.append(score(ledger.shown(root, result.folder), result, verdict))
    for run in result.runs:
        ledger.judge(root, run.log_path, "log", (*unit, run.name), errors)


def score(path: str, result: TrainingResult, verdict: Verdict) -> Score:
    """Return the score of `result`; a run short of the target counts as slower than any other.

    With N >= 3 runs the fastest and the slowest are dropped, so that one such run of N still leaves a score.
    """
    converged = [run for run in result.runs if run.converged]
    times = [run.interval("run_start", "run_stop") for run in converged]
    reached = sorted(time for time in times if time is not None and time >= 0)
    missing = len(result.runs) - len(reached)
    value = None
    if missing == 0 and reached:
        value = olympic_mean(reached)
    elif missing == 1 and len(reached) >= 2:
        value = olympic_mean([*reached, reached[-1]])
    return Score(
        path=path,
        submitter=printable(_submitter(result), 100),
        system=printable(result.system, 100),
        workload=printable(result.workload, 100),
        division=result.division,
        framework=result.framework,
        training=TimeToTarget(
            runs=len(result.runs),
            converged=len(reached),
            score_s=value,
            fastest_s=reached[0] if reached else None,
            slowest_s=reached[-1] if reached else None,
        ),
        verdict=verdict,
        energy=energy_of(converged, result.idle.model if result.idle else None),
        use=use_of(result.runs, result.ruleset.steadiness),
        nodes=node_count(result.system_document.model.number_of_nodes) if result.system_document else None,
    )


def _submitter(result: TrainingResult) -> str:
    if result.submitter is not None:
        return result.submitter
    return next((run.record.model.submitter for run in result.runs if run.record), "")
