"""What every container of an inference result shares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from rules.serving import ServingRules
from rules.serving_documents import SearchRecord, ServingOutcome
from suite.inference.outcome import judge
from suite.inference.plan import InferencePlan
from suite.inference.staging import InferenceWork
from suite.result.context import RunContext
from suite.result.job import Finished


@dataclass(frozen=True)
class InferenceContext(RunContext):
    """What every container of a result shares."""

    work: InferenceWork
    rules: ServingRules

    MODULE: ClassVar[str] = "suite.serve"
    RESULTS: ClassVar[Collection[str]] = (ServingOutcome.SUCCESS,)
    BROKEN: ClassVar[str] = (
        "correct the system under test (docs/inference.md says what it promises), then start over with --discard"
    )

    @property
    def plan(self) -> InferencePlan:
        """The frozen plan."""
        return self.work.plan

    @property
    def search(self) -> SearchRecord:
        """What the search found, with what runs since have changed; it comes before any run."""
        found = self.work.search()
        assert found is not None
        return found

    def judge(self, finished: Finished) -> tuple[str, str]:
        """Return how a container ended, and a sentence about it (empty on success)."""
        return judge(finished, self.rules.time_limit_s)

    def unmeasured(self, name: str, job: Mapping[str, object]) -> Finished:
        """Run the container `name`, of which nothing is timed and no record made."""
        title = f"{self.plan.workload} {self.plan.framework} {name}"
        return self.run(name, title, job, self.rules.time_limit_s, watched=False).finished
