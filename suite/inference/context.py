"""What every container of an inference result shares, and how one ended."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from rules.serving import ServingRules
from rules.serving_documents import REPEATED, SearchRecord, ServingOutcome
from rules.text import printable
from suite.inference.plan import InferencePlan
from suite.inference.staging import InferenceWork
from suite.result.context import RunContext
from suite.result.job import Finished

FRAME = re.compile(r'File "[^"]*/(suite/workloads/[^"]+)", line (\d+) in (\S+)')


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


def judge(finished: Finished, limit_s: float) -> tuple[ServingOutcome, str]:
    """Return how a container of inference ended, and a sentence about it (empty on success)."""
    if finished.ended.status == 0 and finished.result():
        return ServingOutcome.SUCCESS, ""
    said = _failure(finished.files.get("failure.json", b""))
    if said is not None:
        return said
    if hang := finished.files.get("hang.txt", b"").decode(errors="replace"):
        return ServingOutcome.HUNG, f"the system under test gave no answer within its limit{_hung_at(hang)}"
    outcome, explanation = finished.failure(limit_s)
    return ServingOutcome(outcome.value), explanation


def _failure(content: bytes) -> tuple[ServingOutcome, str] | None:
    """Read what the harness said of a failure; None where it said nothing that can be read."""
    try:
        said = json.loads(content)
        outcome, explanation = ServingOutcome(said["outcome"]), printable(str(said["explanation"]), 500)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return None if outcome in (ServingOutcome.SUCCESS, *REPEATED) else (outcome, explanation)


def _hung_at(stacks: str) -> str:
    """Return where in the workload's code a thread stood."""
    found = FRAME.search(stacks)
    return printable(f"; it stood in {found[3]} ({found[1]}:{found[2]})", 300) if found else ""
