"""Rounds of MLPerf Training and HPC."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from checker.core.detection import DetectedRound
from checker.core.family import Asked, Compared, Family, Section, Submissions
from checker.core.findings import Finding, Report
from checker.families.mlperf_training.checks import CHECKS
from checker.families.mlperf_training.detect import detect_round
from rules.cards import Card
from rules.ruleset import RuleSet


class MLPerfTraining(Family):
    """Logs of training runs, judged by their round's log requirements; results by the package checker and the rules."""

    checks = CHECKS
    officials = ("log", "package", "repository")

    def detect(self, path: Path, logs_only: bool) -> DetectedRound | None:
        """Return what `path` looks like, by its benchmarks."""
        return detect_round(path, logs_only)

    def review(self, path: Path, round_name: str | None, asked: Asked) -> Report:
        """Judge a round, an organisation, results or logs."""
        from checker.families.mlperf_training.review import review

        assert round_name is not None
        return review(path, round_name, asked.logs_only, waivers=asked.waivers)

    def submissions(self, path: Path, ruleset: RuleSet) -> Submissions:
        """Return the organisations' folders; of a log, the one it lies in."""
        from checker.families.mlperf_training.discovery import find, is_organisation

        scope = find(path, logs_only=False)
        around = [folder for folder in path.resolve().parents[:4] if scope.logs and is_organisation(folder)]
        return Submissions(scope.base, scope.organisations or around[:1])

    def commands(self, ruleset: RuleSet, finding: Finding, log: str) -> list[str]:
        """Return how MLCommons' log checker is called on the log."""
        from rules.training import package_rules

        if ruleset.card(finding.rule).official != "log":
            return []
        tool = package_rules(ruleset.name).tool
        official = f"python3 -m mlperf_logging.compliance_checker --usage {tool.usage} --ruleset {tool.ruleset}"
        return [f"{official} {shlex.quote(log)}  # mlperf-logging {tool.version}"]

    def compare(self, a: Path, b: Path, round_name: str) -> Compared:
        """Compare times, systems and hyperparameters."""
        from checker.families.mlperf_training.compare import compare

        return compare(a, b, round_name)

    def differences(self, before: str, after: str) -> Iterator[str]:
        """Yield what differs in log requirements, runs and reference points."""
        from checker.families.mlperf_training.log_requirements.difference import differences

        return differences(before, after)

    def explained(self, ruleset: RuleSet, card: Card) -> Iterator[str]:
        """Yield what the round's log requirements demand of the keys that a card answers for."""
        from checker.families.mlperf_training.log_requirements.demands import answered

        if card.sheets:
            yield from answered(ruleset, card)

    def reference(self, ruleset: RuleSet) -> Iterator[str]:
        """Yield what a log must hold."""
        from checker.families.mlperf_training.log_requirements.words import reference

        return reference(ruleset.name)

    def mistakes(self, ruleset: RuleSet) -> Iterator[str]:
        """Yield mistakes in the round's sheets."""
        from checker.families.mlperf_training.log_requirements.lint import mistakes

        return mistakes(ruleset.name)

    def sections(self, path: Path, report: Report) -> list[Section]:
        """Return the results by their times, and where they converged."""
        from checker.families.mlperf_training.page import convergence_section
        from checker.report.page.round_results import results_section

        converged = convergence_section(report.ruleset, report.scores)
        results = Section("results", "Results", results_section(report).source)
        return [results, *([Section("convergence", "Convergence", converged.source)] if converged is not None else [])]


FAMILY = MLPerfTraining()
