"""A job of training: what the harness is told, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from rules.documents import Outcome
from rules.text import printable
from rules.workload import WorkloadRules
from suite.result.job import Finished

NOT_FINITE = 3  # the harness's exit code for a loss that is not finite


def job(
    mode: Literal["train", "parity", "profile"],
    rules: WorkloadRules,
    *,
    ruleset: str,
    framework: str,
    target: str,
    seed: int,
    digests: Mapping[str, Any],
    **given: object,
) -> dict[str, object]:
    """Return `job.json` (docs/architecture.md): the workload's own values, with those in `given` put in."""
    return {
        "mode": mode,
        "workload": rules.workload,
        "framework": framework,
        "division": "closed",
        "target": target,
        "run": 0,
        "seed": seed,
        "threads": 1,
        "submission": {"org": "assay", "platform": target},
        "ruleset": ruleset,
        "data": rules.data,
        "hyperparameters": rules.hyperparameters,
        "evaluation": rules.evaluation.model_dump(),
        "quality": rules.quality.model_dump(include={"metric", "log", "better", "target"}),
        "schedule": rules.schedule,
        "warmup_steps": rules.warmup_steps,
        **digests,
    } | given


def judge(finished: Finished, rules: WorkloadRules) -> tuple[Outcome, str]:
    """Return how a run ended and a sentence about it (empty on success). What it achieved counts first."""
    status, stopped = finished.ended.status, finished.watch.events("run_stop")
    if not stopped or status not in (0, NOT_FINITE):
        return finished.failure(rules.time_limit_s)
    if status == NOT_FINITE:
        samples = printable(str(stopped[-1]["metadata"].get("samples_count")), 40)
        return Outcome.DIVERGED, f"the loss stopped being finite by sample {samples}"
    if stopped[-1]["metadata"].get("status") == "success":
        return Outcome.SUCCESS, ""
    reached = printable(str(finished.watch.value(rules.quality.log)), 40)
    return Outcome.TARGET_NOT_REACHED, f"{rules.quality.metric} ended at {reached}, target {rules.quality.target}"
