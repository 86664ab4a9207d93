"""The work folder of a result of training: N runs by index."""

from __future__ import annotations

from typing import ClassVar

from rules.documents import Attempt, Document
from suite.result.staging import Work
from suite.training.plan import TrainingPlan


class TrainingWork(Work):
    """The work folder of one result of training."""

    ATTEMPT: ClassVar[type[Document]] = Attempt
    plan: TrainingPlan

    def record(self, run: int) -> str:
        """Return where a run's record will stand."""
        return f"{self.plan.results}/result_{run}.json"

    def records(self) -> list[str]:
        return [self.record(run) for run in range(self.plan.runs)]
