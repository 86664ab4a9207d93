"""The end of a functional run: what it shows, what it does not, and that the checker takes it for nothing more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import checker
from rules.documents import Outcome, RunRecord
from rules.errors import AssayError, Exit

FOLDER = "functional"  # below the submissions folder: none of it is a submission
RULE = "assay-emulated"


class NotRefusedError(AssayError):
    """The checker let an emulated run pass: a defect of Assay."""

    exit_code = Exit.DEFECT


def judge(result: Path, show: Callable[[str], None]) -> bool:
    """Show what the functional run in the folder `result` came to; return whether it did what such a run can show.

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
    show(f"functional run under emulation: {'passed' if passed else 'FAILED'}; not a performance result")
    return passed
