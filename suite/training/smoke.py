"""A smoke run, where an emulator stands in for a machine: a few steps, once; what it shows, and what it does not."""

from __future__ import annotations

from pathlib import Path

import checker
from rules.documents import Outcome, RunRecord
from rules.workload import Evaluation, Runs, WorkloadRules
from suite.result.procedure import NotRefusedError, Show
from suite.targets.data import Emulation

FOLDER = "functional"  # below the submissions folder: none of it is a submission
RULE = "assay-emulated"


def shorten(rules: WorkloadRules, short: Emulation) -> WorkloadRules:
    """Return the rules of a smoke run: a few steps on a few samples, one evaluation, killed at the limit."""
    return rules.model_copy(
        update={
            "evaluation": Evaluation(first_step=short.training_steps, every_steps=short.training_steps),
            "runs": Runs(closed=1, open=1),
            "time_limit_s": short.time_limit_s,
            "hyperparameters": {
                **rules.hyperparameters,
                "global_batch_size": short.batch,
                "opt_learning_rate_warmup_steps": 1,
                "opt_learning_rate_training_steps": short.training_steps,
            },
        }
    )


def judge(result: Path, show: Show) -> bool:
    """Show what the smoke run in the folder `result` came to; return whether it did what such a run can show.

    That is: training and evaluation ran to their end, and every loss was finite. How long it took counts for nothing.
    Raises NotRefusedError where the checker does not refuse it as a performance result.
    """
    record = RunRecord.model_validate_json((result / "result_0.json").read_bytes())
    refused = next((found for found in checker.check(result).findings if found.rule == RULE), None)
    if not record.emulated or refused is None:
        raise NotRefusedError(f"{result} is not refused as a performance result", fix="report this with the command")
    passed = record.outcome in (Outcome.SUCCESS, Outcome.TARGET_NOT_REACHED)
    trained = len(record.steps.seconds) if record.steps else 0
    show(f"{record.framework} on {record.target}: {trained} training steps and an evaluation ran; {result}")
    show(f"the checker refuses it as a performance result: {RULE}: {refused.message}")
    show(f"smoke run under emulation: {'passed' if passed else 'FAILED'}; not a performance result")
    return passed
