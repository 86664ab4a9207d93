"""Rounds of MLPerf Inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from checker.core.detection import DetectedRound
from checker.core.family import Asked, Compared, Family, Section, Submissions
from checker.core.findings import Report
from checker.families.mlperf_inference.checks import CHECKS
from checker.families.mlperf_inference.detect import detect_round
from rules.cards import Card
from rules.ruleset import RuleSet


class MLPerfInference(Family):
    """Results of LoadGen and of endpoints, judged as the official checkers do and by the rules as written."""

    checks = CHECKS
    officials = ("modular", "single-file")
    alternatives = officials
    by_division = True

    def detect(self, path: Path, logs_only: bool) -> DetectedRound | None:
        """Return what `path` looks like, by its layout and seeds."""
        return None if logs_only else detect_round(path)

    def review(self, path: Path, round_name: str | None, asked: Asked) -> Report:
        """Judge a round, a submitter or results."""
        from checker.families.mlperf_inference.review import review

        assert round_name is not None
        return review(path, round_name, waivers=asked.waivers, official=asked.official or "modular")

    def submissions(self, path: Path, ruleset: RuleSet) -> Submissions:
        """Return the submitters' folders in their divisions."""
        from checker.families.mlperf_inference.walk import find

        found = find(path)
        return Submissions(found.base, [root for _, root in found.submitters])

    def concerned(self, parts: Sequence[str]) -> tuple[str, str] | None:
        """Return system, and benchmark with scenario, of what lies in results, measurements or compliance."""
        if parts[0] in ("results", "measurements", "compliance") and len(parts) > 1:
            return parts[1], " ".join(parts[2:4])
        return None

    def compare(self, a: Path, b: Path, round_name: str) -> Compared:
        """Compare metrics, systems and LoadGen's settings."""
        from checker.families.mlperf_inference.compare import compare

        return compare(a, b, round_name)

    def differences(self, before: str, after: str) -> Iterator[str]:
        """Yield what differs in models, in what every result must hold, and in integrity checks."""
        from checker.families.mlperf_inference.difference import differences

        return differences(before, after)

    def explained(self, ruleset: RuleSet, card: Card) -> Iterator[str]:
        """Yield where the official tables and the rules document differ, of the rule that says so."""
        if card.check == "inference-between-tables-and-rules":
            yield from self._drift(ruleset)

    def beyond_clauses(self, ruleset: RuleSet) -> Iterator[str]:
        """Yield where the official tables and the rules document differ."""
        yield "the official tables and the rules document differ in"
        yield from (f"  {line}" for line in self._drift(ruleset))

    def _drift(self, ruleset: RuleSet) -> Iterator[str]:
        from checker.families.mlperf_inference.difference import drift

        return drift(ruleset.name)

    def mistakes(self, ruleset: RuleSet) -> Iterator[str]:
        """Yield mistakes in the tables of the round."""
        from rules.errors import AssayError
        from rules.inference import inference_rules
        from rules.inference_review import review_rules
        from rules.power import power_rules

        for read in (inference_rules, power_rules, review_rules):
            try:
                read(ruleset.name)
            except AssayError as error:
                yield error.message

    def sections(self, path: Path, report: Report) -> list[Section]:
        """Return the results by their metrics, and their latencies."""
        from checker.families.mlperf_inference.latency_page import latency_section
        from checker.report.page.measured_results import measured_results

        latency = latency_section(report.ruleset, report.scores)
        results = Section("results", "Results", measured_results(report).source)
        return [results, *([Section("latency", "Latency", latency.source)] if latency is not None else [])]


FAMILY = MLPerfInference()
