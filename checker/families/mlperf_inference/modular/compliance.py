"""The compliance phase: the tests that the round asks of a model, closed and network divisions only.

A test's pass is the word of the submitter's own script, in verify_*.txt; only the performance log of TEST01 and TEST04
is judged again, as the result's own is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.accuracy_text import patterns, values_of
from checker.families.mlperf_inference.facts import JsonFile, TestFacts, Text
from checker.families.mlperf_inference.modular.outcome import Checks, ResultPhase, View, judge_phase, unanswerable
from checker.families.mlperf_inference.modular.performance import PerformanceRun, judge_performance
from checker.families.mlperf_inference.walk import Listing

LOGS = frozenset(("mlperf_log_summary.txt", "mlperf_log_detail.txt"))
FREE = frozenset(("mlperf_log_trace.json", "results.json", ".gitkeep"))  # files that nobody minds
ACCURACY = frozenset(("mlperf_log_accuracy.json", "accuracy.txt", "baseline_accuracy.txt", "compliance_accuracy.txt"))
PASS = "TEST PASS"  # noqa: S105 - what a script writes when its test passed


@dataclass(frozen=True)
class Compliance:
    """A result's compliance tests; `run` is its performance run."""

    run: PerformanceRun
    audits: dict[str, JsonFile]  # test -> audit/audit_*.json, of an endpoint's submission

    @property
    def listing(self) -> Listing:
        """What lies in the submitter's folder."""
        return self.run.listing

    @property
    def folders(self) -> dict[str, str]:
        """The folder of each test."""
        return self.run.facts.paths.tests

    @property
    def tests(self) -> list[str]:
        """The tests that the model needs."""
        return self.run.models.tests(self.run.model)

    def of(self, test: str) -> TestFacts:
        """Return what there is of a test."""
        return self.run.facts.tests.get(test) or TestFacts(test, self.folders[test])


def judge_compliance(of: Compliance) -> ResultPhase:
    """Judge a result's compliance tests."""
    checks = OF_ENDPOINTS if of.run.is_endpoints else () if of.run.is_open else CHECKS
    return judge_phase("compliance", checks, of, of.run.path, of.run.view if of.run.is_endpoints else None)


def _files(of: Compliance) -> Iterator[Violation]:
    for test in of.tests:
        folder = of.folders[test]
        if not of.listing.exists(folder):
            yield Violation(f"{test} is missing", f"the folder {test}", "no such folder", folder)
            continue
        wanted = []
        if test in ("TEST01", "TEST06", "TEST07", "TEST08"):
            wanted.append("verify_accuracy.txt")
        if test in ("TEST01", "TEST04"):
            wanted += ("verify_performance.txt", "performance/run_1/mlperf_log_detail.txt")
        if test == "TEST09":
            wanted.append("verify_output_len.txt")
        for name in wanted:
            if not of.listing.exists(f"{folder}/{name}"):
                yield Violation(f"a file of {test} is missing", name, "no such file", f"{folder}/{name}")


def _performance(of: Compliance) -> Iterator[Violation]:
    for test in (test for test in of.tests if test in ("TEST01", "TEST04")):
        log = of.of(test).log
        if log is None:
            raise TypeError(f"{test} has no performance log")
        view = View(log)
        run = replace(of.run, view=view, path=of.folders[test], of_test=True, ran=view["effective_scenario"])
        for _, problem in judge_performance(run).problems:
            yield replace(problem, message=f"{test}: {problem.message}")


def _accuracy(of: Compliance) -> Iterator[Violation]:
    for test in of.tests:
        facts = of.of(test)
        if test == "TEST01":
            yield from _test01(of, facts)
        elif test == "TEST06":
            lines = {line.strip() for line in _lines(facts.accuracy, test)}
            for what, passing in (
                ("first token", ("First token check pass: True", "First token check pass: Skipped")),
                ("end of sequence", ("EOS check pass: True",)),
                ("sample length", ("Sample length check pass: True",)),
            ):
                if lines.isdisjoint(passing):
                    path = f"{facts.path}/verify_accuracy.txt"
                    yield Violation(f"TEST06 did not pass: {what}", f"a line {passing[0]!r}", "none", path)
        elif test == "TEST08":
            path = f"{facts.path}/verify_accuracy.txt"
            if facts.accuracy is None:
                yield Violation("TEST08 has no outcome", "verify_accuracy.txt", "no such file", path)
            elif PASS not in {line.strip() for line in facts.accuracy.lines}:
                yield Violation("TEST08 did not pass", f"a line {PASS!r}", "none", path)
        elif test in ("TEST07", "TEST09"):
            name = "verify_output_len.txt" if test == "TEST09" else "verify_accuracy.txt"
            if facts.accuracy is None:
                yield Violation(f"{test} has no outcome", name, "no such file", f"{facts.path}/{name}")
            elif PASS not in "".join(_whole(facts.accuracy)):
                yield Violation(f"{test} did not pass", PASS, "none", f"{facts.path}/{name}")


def _lines(text: Text | None, test: str) -> list[str]:
    if text is None:
        raise TypeError(f"{test} has no verify_accuracy.txt")
    return text.lines


def _whole(text: Text | None) -> list[str]:
    if text is None:
        raise OSError("a file of TEST01's accuracy is no plain file")
    if text.crash is not None:
        raise ValueError(text.crash)
    return text.lines


def _test01(of: Compliance, facts: TestFacts) -> Iterator[Violation]:
    if PASS in {line.strip() for line in _lines(facts.accuracy, "TEST01")}:
        return
    folder = f"{facts.path}/accuracy"
    if not of.listing.exists(folder):
        what = "TEST01 did not pass, and has no accuracy of its own to compare"
        yield Violation(what, f"a line {PASS!r}, or accuracy/", "neither", f"{facts.path}/verify_accuracy.txt")
        return
    if differing := _differing(of.listing, folder, ACCURACY, frozenset()):
        yield differing
        return
    run = of.run
    expressions = patterns(run.rules, run.models.targets(run.model, run.asked))
    baseline, compliance = (values_of(_whole(text), expressions) for text in (facts.baseline, facts.compliance))
    for metric in expressions:
        before, after = baseline.get(metric, 0), compliance.get(metric, 0)
        if before == 0 or after == 0:
            what = f"TEST01: {metric} is 0 or not there"
            yield Violation(what, "a value in both files", f"{before:g} and {after:g}", folder)
            return
        most, differ = _tolerance(run, metric), abs(1 - before / after) * 100
        if not differ <= most:
            what = f"TEST01: {metric} differs between accuracy and performance mode"
            yield Violation(what, f"by at most {most:g}%", f"{before:g} and {after:g}: {differ:.3g}%", folder)
            return


def _tolerance(run: PerformanceRun, metric: str) -> float:
    own, limits = run.model_rules.accuracy_tolerance_percent, run.rules.package.limits
    if metric in own:
        return own[metric]
    return limits.test01_percent if run.model.find("99.9") == -1 else limits.test01_percent_strict


def _differing(listing: Listing, folder: str, wanted: frozenset[str], free: frozenset[str]) -> Violation | None:
    """Return what is wrong with the files of a folder that has to hold exactly these."""
    if not listing.is_folder(folder):
        raise NotADirectoryError(folder)
    there = frozenset(listing.files(folder))
    if not (differing := (there ^ wanted) - FREE - free):
        return None
    absent, more = sorted(differing - there), sorted(differing & there)
    found = "; ".join(f"{what} {', '.join(names)}" for what, names in (("without", absent), ("with", more)) if names)
    return Violation("the folder does not hold exactly its files", ", ".join(sorted(wanted)), found, folder)


def _passes(of: Compliance) -> Iterator[Violation]:
    for test in (test for test in of.tests if test in ("TEST01", "TEST04")):
        facts, path = of.of(test), f"{of.folders[test]}/verify_performance.txt"
        if facts.performance is None:
            yield Violation(f"{test} has no outcome", "verify_performance.txt", "no such file", path)
            continue
        try:
            if not _says_pass(facts.performance):
                yield Violation(f"{test} did not pass", PASS, "none", path)
        except ValueError as error:
            yield unanswerable(error, path, None)
        folder = f"{of.folders[test]}/performance/run_1"
        if not of.listing.exists(folder):
            yield Violation(f"{test} has no performance run", "performance/run_1", "no such folder", folder)
        elif differing := _differing(of.listing, folder, LOGS, frozenset(("mlperf_log_accuracy.json",))):
            yield differing


def _says_pass(text: Text) -> bool:
    """Whether a line holds the pass; ValueError where what Python reads at a time up to it is no UTF-8."""
    if text.crash is None:
        return any(PASS in line for line in text.lines)
    if not text.raw:
        raise OSError(text.crash)
    return any(PASS in line for line in io.TextIOWrapper(io.BytesIO(text.raw), encoding="utf-8"))


def audits_folder(folders: dict[str, str]) -> str:
    """Return the folder of an endpoint's audits, which stands where the compliance tests do."""
    return f"{folders['TEST01'].rpartition('/')[0]}/audit"


def _audits(of: Compliance) -> Iterator[Violation]:
    run = of.run
    named, folder = run.rules.package.endpoints.audits, audits_folder(of.folders)
    for test in of.tests:
        if test in named:
            path = f"{folder}/audit_{named[test]}.json"
            if not of.listing.exists(path):
                if test == "TEST04" and run.model in run.models.of_endpoints:
                    yield Violation(f"the audit for {test} is missing", path.rpartition("/")[2], "no such file", path)
                continue
            yield from _audit(of.audits.get(test), named[test], path)
        if test == "TEST09":
            low, high = run.rules.package.limits.test09_tokens
            mean = run.view["mean_output_tokens"]
            if mean > high or mean < low:
                what = "TEST09: outputs are not as long as they should be"
                yield Violation(what, f"a mean of {low} to {high} tokens", brief(mean), run.path)


def _audit(document: JsonFile | None, name: str, path: str) -> Iterator[Violation]:
    value: Any = None if document is None else document.value
    if document is None or document.crash is not None:
        cause, line = ("no plain file", None) if document is None else (str(document.crash), document.crash_line)
        yield Violation("the audit cannot be read", "a JSON object", cause, path, line)
    elif not isinstance(value, dict) or "test" not in value:
        yield Violation("the audit says of no test", f"test: {name}", brief(value), path)
    elif value["test"] != name:
        yield Violation("the audit is of another test", name, brief(value["test"]), path)
    elif not value.get("passed"):
        yield Violation("the audit did not pass", "passed: true", brief(value.get("passed", "")), path)


CHECKS: Checks[Compliance] = (
    ("dir_exists", "compliance-files", _files),
    ("performance", "compliance-performance", _performance),
    ("accuracy", "compliance-accuracy", _accuracy),
    ("compliance_performance", "compliance-pass", _passes),
)
OF_ENDPOINTS: Checks[Compliance] = (("compliance_endpoints", "audits", _audits),)
