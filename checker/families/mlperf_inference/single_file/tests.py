"""The compliance tests as the single-file checker judges them: TEST01, TEST04, TEST06, in the closed divisions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from checker.core.findings import Violation
from checker.core.outcome import OfficialOutcome
from checker.families.mlperf_inference.accuracy_text import patterns, values_of
from checker.families.mlperf_inference.facts import ResultFacts, TestFacts, Text
from checker.families.mlperf_inference.single_file.case import RUN_FILES, Case, StopsError, lines_of
from checker.families.mlperf_inference.single_file.log import PerformanceLog, judged_run

SAME = ("mlperf_log_accuracy.json", "accuracy.txt")
DIFFERENT = (*SAME, "baseline_accuracy.txt", "compliance_accuracy.txt")
RULE = "single-file-compliance"


def judge_tests(case: Case, facts: ResultFacts, model: Any, scenario: str, outcome: OfficialOutcome) -> bool:
    """Judge a result's compliance tests and return whether they pass; StopsError where the checker ends."""
    of = _Tests(case, facts, model, scenario, outcome)
    rules = case.fixed.models.rules(model)
    wanted = rules.tests if isinstance(model, str) else []
    wanted = wanted if wanted or rules.listed else ["TEST01", "TEST04"]
    wanted = [test for test in ("TEST01", "TEST04", "TEST06") if test in wanted]
    if wanted and not case.listing.exists(of.folder):
        return of.fail("there are no compliance tests", ", ".join(wanted), "no such folder", of.folder)
    passed = [of.performance(wanted)]
    passed += [of.accuracy(test) for test in ("TEST01", "TEST06") if test in wanted]
    return all(passed)


class _Tests:
    def __init__(self, case: Case, facts: ResultFacts, model: Any, scenario: str, outcome: OfficialOutcome) -> None:
        self.case, self.facts, self.model, self.scenario, self.outcome = case, facts, model, scenario, outcome
        self.listing, place = case.listing, facts.place
        self.folder = f"compliance/{place.system}/{place.benchmark}/{place.scenario}"

    def fail(self, what: str, expected: str, found: str, path: str) -> bool:
        self.outcome.fail(RULE, Violation(what, expected, found, path))
        return False

    def test(self, name: str) -> TestFacts:
        return self.facts.tests.get(name) or TestFacts(name, f"{self.folder}/{name}")

    def performance(self, wanted: list[str]) -> bool:
        """Judge the runs of all tests; with TEST06 among them, only whether their folders are there."""
        passed = True
        all_there = True
        last: bool | None = None  # of the last run that could be judged; none before the first
        for name in wanted:
            test, folder = self.test(name), f"{self.folder}/{name}"
            if not self.listing.exists(folder):
                all_there = self.fail("a compliance test is missing", name, "no such folder", folder)
                continue
            if "TEST06" in wanted:
                continue
            run = PerformanceLog(self.case, test.log, f"{folder}/performance/run_1", self.model, self.scenario)
            valid = judged_run(run, RULE, self.outcome)
            last = last if run.raised else valid
            passed = passed and self._verified(test, folder)
            if passed and last is None:
                raise StopsError("UnboundLocalError: compliance_perf_valid: the test's run cannot be judged", folder)
            passed = passed and bool(last)
        return passed and all_there

    def _verified(self, test: TestFacts, folder: str) -> bool:
        """Judge verify_performance.txt and the files of the run."""
        path = f"{folder}/verify_performance.txt"
        if not self.listing.exists(path):
            return self.fail("the test's verdict is missing", "verify_performance.txt", "no such file", folder)
        fine = _says_pass(test.performance, path)
        if not fine:
            self.fail("the test's own script does not say that it passed", "TEST PASS", "no such line", path)
        run = f"{folder}/performance/run_1"
        if not self.listing.exists(run):
            return self.fail("the test has no run", "performance/run_1", "no such folder", folder)
        return self._files(run, RUN_FILES, ("mlperf_log_accuracy.json",)) and fine

    def _files(self, folder: str, wanted: Iterable[str], free: Iterable[str] = ()) -> bool:
        differing = self.case.differing(folder, wanted, free)
        what = "the test's files are not those wanted"
        return not differing or self.fail(what, ", ".join(wanted), differing, folder)

    def accuracy(self, name: str) -> bool:
        """Judge a test's verify_accuracy.txt, and for answers that differ their accuracy."""
        test, folder = self.test(name), f"{self.folder}/{name}"
        path = f"{folder}/verify_accuracy.txt"
        if not self.listing.exists(path):
            return self.fail("the test's verdict is missing", "verify_accuracy.txt", "no such file", folder)
        if "TEST01" in self.case.outside(folder):
            return self._same_answers(test, folder, _says_pass(test.accuracy, path))
        lines = {line.strip() for line in _whole(test.accuracy, path)}
        lacking = [
            wanted
            for wanted, fine in (
                ("First token check pass: True", not lines.isdisjoint(FIRST_TOKEN)),
                ("EOS check pass: True", "EOS check pass: True" in lines),
                ("Sample length check pass: True", "Sample length check pass: True" in lines),
            )
            if not fine
        ]
        return not lacking or self.fail("a check of the test did not pass", "; ".join(lacking), "no such line", path)

    def _same_answers(self, test: TestFacts, folder: str, same: bool) -> bool:
        where = f"{folder}/accuracy"
        if not self.listing.exists(where):
            return self.fail("the test has no accuracy", "accuracy/", "no such folder", folder)
        if not self._files(where, SAME if same else DIFFERENT):
            return False
        if same:
            return True
        metrics = self.case.fixed.models.rules(self.model).accuracy
        if not metrics:
            raise StopsError(f"ValueError: model not known: {self.model}", where)
        baseline = self._values(test.baseline, f"{where}/baseline_accuracy.txt", metrics)
        compliance = self._values(test.compliance, f"{where}/compliance_accuracy.txt", metrics)
        limits = self.case.fixed.rules.package.limits
        most = limits.test01_percent_strict if "99.9" in str(self.model) else limits.test01_percent
        for metric in metrics:
            before, after = baseline[metric], compliance[metric]
            if not before or not after:
                return self.fail("an accuracy of the test is missing or 0", metric, f"{before:g} and {after:g}", where)
            if not abs(1 - before / after) * 100 <= most:
                what = f"{metric} differs too much between the accuracy run and the test"
                return self.fail(what, f"by at most {most:g}%", f"{before:g} and {after:g}", where)
        return True

    def _values(self, text: Text | None, path: str, metrics: Iterable[str]) -> dict[str, float]:
        try:
            return dict.fromkeys(metrics, 0.0) | values_of(_whole(text, path), patterns(self.case.fixed.rules, metrics))
        except ValueError as error:
            raise StopsError(f"ValueError: {str(error)[:100]}", path) from None


FIRST_TOKEN = {"First token check pass: True", "First token check pass: Skipped"}


def _whole(text: Text | None, path: str) -> list[str]:
    try:
        return list(_some(text, path))
    except UnicodeDecodeError:
        raise StopsError(f"UnicodeDecodeError: {path} is not UTF-8", path) from None


def _some(text: Text | None, path: str) -> Iterable[str]:
    if text is None:
        raise StopsError(f"OSError: {path} cannot be read", path)
    return lines_of(text)


def _says_pass(text: Text | None, path: str) -> bool:
    """Whether a line says that a test passed; what follows it is not read, and may be no UTF-8."""
    try:
        return any("TEST PASS" in line for line in _some(text, path))
    except UnicodeDecodeError:
        raise StopsError(f"UnicodeDecodeError: {path} is not UTF-8", path) from None
