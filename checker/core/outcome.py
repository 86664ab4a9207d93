"""The answer of one official check: pass, fail or crash, with what it objects to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from checker.core.findings import Violation

Answer = Literal["pass", "fail", "crash"]
FOLLOWS = "official-crash-follows"  # silent where what it requires failed: one missing file is one finding


@dataclass
class OfficialOutcome:
    """An official answer. A crash is a rejection, but not of its kind: `cause` says what stopped the tool."""

    answer: Answer = "pass"
    problems: list[tuple[str, Violation]] = field(default_factory=list)  # rule id, problem; warnings included
    cause: str = ""

    def fail(self, rule: str, problem: Violation) -> None:
        """Object; a crash stays a crash."""
        self.problems.append((rule, problem))
        if self.answer == "pass":
            self.answer = "fail"

    def warn(self, rule: str, problem: Violation) -> None:
        """Note what the official tool only warns of."""
        self.problems.append((rule, problem))

    def crash(self, cause: str, path: str | None = None, line: int | None = None, rule: str = "official-crash") -> None:
        """Note what stops the official tool; the first cause is kept as the answer's.

        `rule`: FOLLOWS where another finding says the same of what it follows from.
        """
        self.answer = "crash"
        self.cause = self.cause or cause
        what = "the official checker stops here with a traceback, which rejects the submission"
        self.problems.append((rule, Violation(what, "", cause, path, line)))

    def merge(self, others: Iterable[OfficialOutcome]) -> None:
        """Take over the answers and problems of parts."""
        for other in others:
            self.problems += other.problems
            if other.answer == "crash":
                self.answer, self.cause = "crash", self.cause or other.cause
            elif other.answer == "fail" and self.answer == "pass":
                self.answer = "fail"
