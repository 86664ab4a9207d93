"""Assay's own rounds: training and inference, which `assay run` produces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checker.core.family import Asked, Compared, Family, Section, Submissions
from checker.core.findings import Report
from checker.families.assay.checks import CHECKS
from checker.families.assay.discovery import discover, owned
from rules.errors import AssayError, UsageError
from rules.prices import Prices
from rules.ruleset import RuleSet


class Assay(Family):
    """Both suites: a submission says its round in its logs."""

    checks = CHECKS
    states_round = True
    exclusive = True

    def detect(self, path: Path, logs_only: bool) -> None:
        """Return nothing: the family judges what no other does, and a submission says its round itself."""

    def owns(self, path: Path) -> bool:
        """Whether the layout or a log at `path` is Assay's own; not where it cannot be read, which the review says."""
        try:
            return owned(discover(path))
        except (AssayError, OSError):
            return False

    def review(self, path: Path, round_name: str | None, asked: Asked) -> Report:
        """Judge submissions, a result or a log."""
        from checker.families.assay.review import review

        return review(path, round_name, asked.waivers)

    def submissions(self, path: Path, ruleset: RuleSet) -> Submissions:
        """Return the submitters' folders."""
        found = discover(path)
        return Submissions(found.base, found.submitters)

    def compare(self, a: Path, b: Path, round_name: str) -> Compared:
        """Refuse: the result page has its results side by side."""
        fix = "assay report puts results of this round beside each other"
        raise UsageError(f"{round_name}: only submissions to MLPerf are compared", fix=fix)

    def mistakes(self, ruleset: RuleSet) -> Iterator[str]:
        """Yield mistakes in the rules of workloads, of LoadGen's runs, and in cards on logs."""
        from checker.families.assay.lint import mistakes

        return mistakes(ruleset)

    def sections(self, path: Path, report: Report) -> list[Section]:
        """Refuse: the result page is another."""
        fix = f"assay report {path} -o report.html"
        raise UsageError(f"{path}: a submission of Assay's own has a page of another kind", fix=fix)

    def result_page(self, path: Path, report: Report, prices: Prices | None) -> str:
        """Return the result page."""
        from checker.families.assay.page.document import page

        return page(path, report, prices)


FAMILY = Assay()
