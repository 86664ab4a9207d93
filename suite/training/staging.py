"""The work folder of a result of training: N runs by index."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rules.documents import Attempt, Document
from suite.result.staging import Work
from suite.training.plan import TrainingPlan


class TrainingWork(Work):
    """The work folder of one result of training, in which files lie side by side as in its results folder."""

    ATTEMPT: ClassVar[type[Document]] = Attempt
    plan: TrainingPlan

    def record(self, run: int) -> str:
        """Return where a run's record will stand."""
        return f"{self.plan.results}/result_{run}.json"

    def records(self) -> list[str]:
        return [self.record(run) for run in range(self.plan.runs)]

    def at(self, name: str) -> Path:
        return self.folder / Path(name).relative_to(self.plan.results)

    def kept(self) -> dict[str, Path]:
        paths = [*self.folder.glob("result_*"), *self.folder.glob("observation_*")]
        return {f"{self.plan.results}/{path.name}": path for path in paths}
