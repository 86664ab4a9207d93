"""What the checks of MLPerf Tiny are given: a result, a submitter, or what every log of a round left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from checker.families.mlperf_tiny.facts import TinyResultFacts
from checker.families.mlperf_tiny.official import SubmitterReview
from rules.tiny import TinyRules


@dataclass(frozen=True)
class TinyResultCase:
    """What judges of one result are given."""

    facts: TinyResultFacts
    fixed: TinyRules
    round_name: str


@dataclass(frozen=True)
class TinySubmitterCase:
    """What judges of a submitter are given."""

    review: SubmitterReview
    fixed: TinyRules

    @property
    def has_code(self) -> bool:
        """Whether there is a file below code/."""
        return any(entry.kind != "folder" for _, entry in self.review.submitter.tree.below("code"))


@dataclass(frozen=True)
class LogTrace:
    """What a log leaves for the comparison with all others: `path` as the report shows it."""

    path: str
    result: str
    owner: tuple[str, str, str]  # division, submitter, benchmark
    board: tuple[str, ...]  # what the description says of its hardware
    energy: bool  # whether the result has an energy test
    digest: str  # of the lines that tell of measurements, with their times


def traces_of(facts: TinyResultFacts, board: tuple[str, ...], shown: Callable[[str], str]) -> Iterator[LogTrace]:
    """Yield what each log of a result leaves for the comparison; logs of few measurements leave nothing."""
    owner = (facts.submitter.division, facts.submitter.name, facts.result.benchmark)
    for _, log in facts.with_log():
        if log.measured:
            yield LogTrace(
                shown(log.path), shown(facts.result.path), owner, board, "energy" in facts.tests, log.measured
            )
