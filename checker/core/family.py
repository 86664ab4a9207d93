"""What a family of rounds supplies: rounds that are laid out, judged and reviewed alike.

The command line, the rules' text and the review page reach a family through this alone, and find it in the table of
`checker/families/__init__.py`. A family must detect, find and judge submissions; all else has a default.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from checker.core.waivers import Waivers
from rules.errors import UsageError

if TYPE_CHECKING:
    from checker.core.checks import Checks
    from checker.core.detection import DetectedRound
    from checker.core.findings import Finding, Report
    from rules.cards import Card
    from rules.prices import Prices
    from rules.ruleset import RuleSet


@dataclass(frozen=True)
class Asked:
    """What was asked of a check beside path and round."""

    logs_only: bool = False  # the path is a folder of loose logs
    waivers: Waivers = field(default_factory=Waivers)
    official: str | None = None  # whose verdict is the official one, where a family has several checkers


@dataclass(frozen=True)
class Submissions:
    """The submitters' folders that a path holds or lies in; `base` is what the paths of findings are relative to."""

    base: Path
    roots: list[Path]


@dataclass(frozen=True)
class Section:
    """A part of the review page: the name of its anchor, its title, and its finished markup."""

    anchor: str
    title: str
    html: str


class Compared(Protocol):
    """Two submissions beside each other: as text of 80 columns, and as indented JSON."""

    def as_text(self) -> str: ...  # noqa: D102
    def as_json(self) -> str: ...  # noqa: D102


class Family(ABC):
    """One kind of round."""

    checks: Checks  # that its cards name
    states_round = False  # whether submissions themselves say of which round they are
    exclusive = False  # whether its rounds judge nothing that looks like another family's
    officials: tuple[str, ...] = ()  # MLCommons' checkers that its cards speak for
    alternatives: tuple[str, ...] = ()  # those of them whose verdict one may ask for instead of another's
    by_division = False  # whether submitters' folders lie in their division's, which a command then names too

    @abstractmethod
    def detect(self, path: Path, logs_only: bool) -> DetectedRound | None:
        """Return what `path` looks like; None where it is not of this family.

        Raises UsageError where it is, and of no single round.
        """

    def owns(self, path: Path) -> bool:
        """Whether `path` has a mark of this family that nothing outweighs."""
        return False

    @abstractmethod
    def review(self, path: Path, round_name: str | None, asked: Asked) -> Report:
        """Judge `path` by a round; by the one it says it is of where a family's submissions say it.

        Raises NothingToCheckError and UsageError; whatever a submission holds becomes findings.
        """

    @abstractmethod
    def submissions(self, path: Path, ruleset: RuleSet) -> Submissions:
        """Return where the submissions are that `path` holds or lies in."""

    def concerned(self, parts: Sequence[str]) -> tuple[str, str] | None:
        """Return system and benchmark of a finding at `parts` of a submitter's folder; None: as the items say."""
        return None

    def commands(self, ruleset: RuleSet, finding: Finding, log: str) -> list[str]:
        """Return further commands that show a finding again; `log` is the file it is in."""
        return []

    def compare(self, a: Path, b: Path, round_name: str) -> Compared:
        """Compare two submissions; NothingToCheckError where they have nothing in common."""
        raise UsageError(f"{round_name}: submissions to this round are not compared", fix="leave out --against")

    def differences(self, before: str, after: str) -> Iterator[str]:
        """Yield what differs between two rounds, save their cards: a line each, headings without indent."""
        yield from ()

    def explained(self, ruleset: RuleSet, card: Card) -> Iterator[str]:
        """Yield what a card comes to in one round, where its text alone does not say it."""
        yield from ()

    def beyond_clauses(self, ruleset: RuleSet) -> Iterator[str]:
        """Yield what stands below the coverage of a round's clauses."""
        yield from ()

    def reference(self, ruleset: RuleSet) -> Iterator[str]:
        """Yield lines of Markdown on what a round fixes beside its cards."""
        yield from ()

    def mistakes(self, ruleset: RuleSet) -> Iterator[str]:
        """Yield mistakes in what a round fixes beside its cards, with their places."""
        yield from ()

    def sections(self, path: Path, report: Report) -> list[Section]:
        """Return the parts of the review page on results; UsageError where a report has a page of another kind."""
        return []

    def result_page(self, path: Path, report: Report, prices: Prices | None) -> str:
        """Return the result page of a submission; UsageError where a report has a page of another kind."""
        fix = f"assay review {path} --round {report.ruleset} --html report.html"
        raise UsageError(f"{path}: a round of MLPerf has a page of another kind", fix=fix)
