"""Rounds of MLPerf Tiny."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checker.core.detection import DetectedRound
from checker.core.family import Asked, Compared, Family, Section, Submissions
from checker.core.findings import Report
from checker.families.mlperf_tiny.checks import CHECKS
from checker.families.mlperf_tiny.detect import detect_round
from rules.ruleset import RuleSet


class MLPerfTiny(Family):
    """Results of a runner on devices, judged as the official checker does and by the rules as written."""

    checks = CHECKS
    officials = ("submission",)
    by_division = True

    def detect(self, path: Path, logs_only: bool) -> DetectedRound | None:
        """Return what `path` looks like, by its layout and benchmarks."""
        return None if logs_only else detect_round(path)

    def review(self, path: Path, round_name: str | None, asked: Asked) -> Report:
        """Judge a round, a submitter or results."""
        from checker.families.mlperf_tiny.review import review

        assert round_name is not None
        return review(path, round_name, asked.waivers)

    def submissions(self, path: Path, ruleset: RuleSet) -> Submissions:
        """Return the submitters' folders in their divisions."""
        from checker.families.mlperf_tiny.submission import find
        from rules.tiny import tiny_rules

        found = find(path, tiny_rules(ruleset.name), ruleset.limits)
        return Submissions(found.base, [submitter.root for submitter in found.submitters])

    def compare(self, a: Path, b: Path, round_name: str) -> Compared:
        """Compare what devices measured, and their descriptions."""
        from checker.families.mlperf_tiny.compare import compare

        return compare(a, b, round_name)

    def differences(self, before: str, after: str) -> Iterator[str]:
        """Yield what differs in benchmarks, runners and files."""
        from checker.families.mlperf_tiny.difference import differences

        return differences(before, after)

    def sections(self, path: Path, report: Report) -> list[Section]:
        """Return the results by their metrics."""
        from checker.report.page.measured_results import measured_results

        return [Section("results", "Results", measured_results(report).source)]


FAMILY = MLPerfTiny()
