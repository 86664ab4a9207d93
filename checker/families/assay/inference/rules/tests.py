"""Rules on compliance runs: there, passed by what their logs hold, and the verdict files say no other thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from checker.core.documents import ValidDocument
from checker.core.findings import Violation
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.inference.compliance import Fault, loaded, ranked, verdict
from checker.families.assay.inference.submission import LOGGED, InferenceResult, LoadGenRun, ScenarioResult
from checker.machine.steadiness import told
from checker.machine.use import disturbed
from rules.scenarios import scenario_named
from rules.serving_documents import REPEATED, ServingOutcome, ServingRecord

VERIFY: dict[str, dict[str, tuple[str, ...]]] = {
    "TEST01": {"verify_accuracy.txt": ("accuracy",), "verify_performance.txt": ("performance",)},
    "TEST04": {"verify_performance.txt": ("performance",)},
    "TEST06": {"verify_accuracy.txt": ("first token", "EOS", "sample length")},
}
WORDS = {"first token": "First token", "EOS": "EOS", "sample length": "Sample length"}
VERIFY_BYTES = 1 << 16
LOADED = 1 << 40  # samples that nothing can load
QUIET = "measure again on a quiet machine; if it fails there too"


@check("serving-tests", "scenario")
def tests_there(result: InferenceResult, scenario: ScenarioResult) -> Iterator[Violation]:
    """Judge that a closed result has the runs it needs."""
    for name in ("performance", "accuracy", *result.compliance.tests(result.workload)):
        run = scenario.runs.get(name)
        if run is None or run.whole is None:
            where = f"{scenario.ours}/{name}" if run is None else run.detail_path
            yield Violation(f"the {name} run is missing", f"the {name} run", "nothing", where)


def judged(result: InferenceResult, scenario: ScenarioResult, test: str) -> dict[str, list[Fault]] | None:
    """Return a test's verdict by its parts, from the logs; None where a log that it needs cannot be read."""
    reference, run, accuracy = scenario.performance, scenario.runs.get(test), scenario.accuracy
    workload = result.compliance.workloads.get(result.workload)
    if workload is None or not (reference and reference.whole) or not (run and run.whole):
        return None
    known = (accuracy.answers if accuracy else None) if test in LOGGED else []
    logged = run.answers if test in LOGGED else []
    if known is None or logged is None:
        return None
    return verdict(test, result.compliance, workload, reference.measured, run.measured, known, logged)


def _judge(test: str) -> None:
    def passed(result: InferenceResult, scenario: ScenarioResult) -> Iterator[Violation]:
        run = scenario.runs.get(test)
        found = judged(result, scenario, test)
        busy = _disturbances(result, (scenario.performance, run))
        for faults in found.values() if found is not None else ():
            for fault in faults:
                path = run.detail_path if run else scenario.ours
                by = f"; the machine was disturbed meanwhile: {busy}" if busy and fault.pace else ""
                first = QUIET if fault.pace else ""
                yield Violation(f"{test} fails: {fault.message}{by}", fault.expected, fault.found, path, first=first)

    check(f"serving-passes-{test.lower()}", "scenario")(passed)


def _disturbances(result: InferenceResult, runs: Iterable[LoadGenRun | None]) -> str:
    """Say what disturbed the machine in `runs`; empty where nothing that was observed did."""
    seen = {run.name: disturbed(run, result.ruleset.steadiness) for run in runs if run is not None}
    return "; ".join(f"{name}: {told(found)}" for name, found in seen.items() if found)


for _test in ("TEST01", "TEST04", "TEST06", "seeds"):
    _judge(_test)


@check("serving-tries", "scenario")
def tries(result: InferenceResult, scenario: ScenarioResult) -> Iterator[Violation]:
    """Judge that no run was made again, for its own or its tests' pace, more often than the round allows."""
    rules, made = result.compliance, dict[str, int]()
    for name, run in scenario.runs.items():
        attempts = run.record.model.earlier_attempts if run.record is not None else []
        again = (ServingOutcome.OFF_PACE,) if name == "performance" else REPEATED
        made[name] = 1 + sum(attempt.outcome in again for attempt in attempts)
    takes = min(made.get("performance", 1), 1 + rules.retakes)
    for name, run in scenario.runs.items():
        most = 1 + rules.retakes if name == "performance" else takes * rules.tries
        if run.record is not None and made[name] > most:
            message = f"the {name} run was made more often than it may be"
            yield run.record.problem(message, f"at most {most} times", str(made[name]), "earlier_attempts")


@check("serving-verify", "scenario")
def verify(result: InferenceResult, scenario: ScenarioResult) -> Iterator[Violation]:
    """Judge that MLPerf's verdict files are there and say what the logs say."""
    for test, names in VERIFY.items():
        run, found = scenario.runs.get(test), judged(result, scenario, test)
        if run is None or found is None:
            continue
        for name, parts in names.items():
            path = f"{scenario.folder}/{test}/{name}"
            try:
                lines = result.tree.read(path, VERIFY_BYTES).decode("utf-8", "replace").splitlines()
            except RefusedError as error:
                yield Violation(f"the verdict file {error}", name, "", path)
                continue
            for wanted in _wanted(test, scenario.name, parts, found):
                if wanted not in lines:
                    yield Violation(f"{name} does not say what the logs say", wanted, "no such line", path)


def _wanted(test: str, scenario: str, parts: tuple[str, ...], found: dict[str, list[Fault]]) -> Iterator[str]:
    """Yield the lines that a verdict file must have."""
    if test != "TEST06":
        yield "TEST FAIL" if any(found[part] for part in parts) else "TEST PASS"
        return
    for part in parts:
        skipped = part == "first token" and scenario_named(scenario).is_one_query
        yield f"{WORDS[part]} check pass: {'Skipped' if skipped else not found[part]}"


@check("serving-loading", "run")
def loading(result: InferenceResult, run: LoadGenRun, record: ValidDocument[ServingRecord]) -> Iterator[Violation]:
    """Judge that loading samples, outside the clock, took too little time to answer them meanwhile."""
    count, seconds, pace = run.detail["effective_performance_sample_count"], record.model.loading_s, _pace(result)
    if seconds is not None and pace is not None and type(count) is int and 0 < count < LOADED:
        for fault in loaded(seconds, count, pace, result.compliance):
            yield record.problem(fault.message, fault.expected, fault.found, "loading_s")


def _pace(result: InferenceResult) -> float | None:
    """Return the seconds a sample takes in the result's fastest performance run; None where there is none."""
    paces = []
    for scenario in result.scenarios.values():
        run = scenario.performance
        if run is None or run.whole is None or run.latencies is None:
            continue
        if run.its.is_one_query:
            paces.append(run.latencies.ranked[-1] / 1e9 / len(run.latencies))
        elif run.its.is_latency:
            slow = ranked(run.measured)
            paces.append(slow[len(slow) // 2] / 1e9 * len(slow) / len(run.latencies))
    return min(paces, default=None)
