"""The two kinds of submission of Assay's own rounds, by their suite: how one is read, and how its results are noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker.core.ledger import Errors, Ledger
from checker.families.assay.inference import scores as inference
from checker.families.assay.inference.submission import InferenceSubmission
from checker.families.assay.submission import Submission
from checker.families.assay.training import scores as training
from checker.families.assay.training.submission import TrainingSubmission


@dataclass(frozen=True)
class ResultKind:
    """What reads a submission, and what notes the verdicts and scores of one of its results."""

    submission: type[Submission]
    note: Callable[[Ledger, Path, Any, Errors], None]


KINDS = {
    "training": ResultKind(TrainingSubmission, training.note),
    "inference": ResultKind(InferenceSubmission, inference.note),
}
