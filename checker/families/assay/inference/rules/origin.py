"""Rules on where runs come from: records, one configuration, clocks, warm-up, and no run standing in for another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from checker.core.documents import ValidDocument
from checker.core.findings import Violation, brief
from checker.core.mllog import ParsedLog
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.inference.latencies import Latencies
from checker.families.assay.inference.submission import LOGGED, PERFORMANCE, RUNS, InferenceResult, LoadGenRun
from checker.families.assay.rules.record import alike, attempts_before, differs, workload_known
from rules.documents import Manifest
from rules.serving_documents import ServingOutcome, ServingRecord, SutParameters
from rules.thresholds import inference_thresholds

# Keys of the log, and the record's members that must be the same; beside these, the parameters of what was measured.
AGREED = {
    "submission_benchmark": "workload",
    "submission_division": "division",
    "submission_org": "submitter",
    "submission_platform": "system",
    "ruleset": "ruleset",
    "scenario": "scenario",
    "source_sha256": "source_sha256",
    "loadgen": "loadgen",
}


@check("serving-record-agrees", "run")
def record_agrees(run: LoadGenRun, log: ParsedLog, record: ValidDocument[ServingRecord]) -> Iterator[Violation]:
    """Judge that the container's log and the record state the same."""
    places = {key: (member,) for key, member in AGREED.items()} | {
        name: ("sut", name) for name in SutParameters.model_fields
    }
    for key, place in places.items():
        if log.first(key) is None:
            yield run.problem(f"'{key}' is not logged", brief(record.value(*place)), "nothing")
        yield from differs(record, run, key, *place)
    framework = log.first("framework")
    if framework is None or str(framework.value).partition(" ")[0] != record.model.framework:
        found = brief(framework.value) if framework else "nothing"
        yield run.problem("the log names another framework", record.model.framework, found, framework)


@check("serving-outcome", "run")
def outcome(record: ValidDocument[ServingRecord]) -> Iterator[Violation]:
    """Judge that the run came to its end."""
    yield from record.require(f"the run ended as {record.model.outcome}", ServingOutcome.SUCCESS, "outcome")


@check("serving-attempts", "run")
def attempts(record: ValidDocument[ServingRecord]) -> Iterator[Violation]:
    """Point at runs that needed more than one attempt."""
    yield from attempts_before(record)


@check("serving-files", "run")
def files(result: InferenceResult, run: LoadGenRun, record: ValidDocument[ServingRecord]) -> Iterator[Violation]:
    """Judge that LoadGen's files are those the record was written for, each of them."""
    for position, file in enumerate(record.model.files):
        try:
            found = result.sha256(file.path)
        except RefusedError as error:
            message = f"the record lists a file that {error}"
            yield record.problem(message, file.path, "", "files", position, "path")
            continue
        if found != file.sha256:
            wanted = f"{file.sha256} ({record.cited('files', position, 'sha256')})"
            yield Violation("the file is not the one the run wrote", wanted, found, file.path)
    listed = {file.path for file in record.model.files}
    paths = [run.detail_path, run.summary_path]
    paths += [run.latencies_path] if run.name in PERFORMANCE else []
    paths += [run.answers_path] if run.name in LOGGED else []
    for path in paths:
        if path not in listed:
            yield record.problem("the record does not list a file of the run", path, "nothing", "files")


# What is also a run's own; all else in a record is the configuration, which the runs of a result share.
OWN = ("scenario", "files", "user_conf", "audit_config", "load_s", "warm_up_s", "loading_s", "unobserved")


@check("serving-runs-alike", "result")
def runs_alike(result: InferenceResult) -> Iterator[Violation]:
    """Judge that all runs had the same image, source, data, parameters, arguments, environment and limits."""
    yield from alike(result, OWN, "the runs differ in {}: accuracy and performance are not of one system")


@check("serving-runs-there", "result")
def runs_there(result: InferenceResult, manifest: ValidDocument[Manifest]) -> Iterator[Violation]:
    """Judge that the manifest declares the runs there are."""
    declared, found = manifest.model.runs, len(result.runs)
    if declared != found:
        yield manifest.problem("the manifest declares another number of LoadGen runs", declared, found, "runs")


@check("serving-warm-up", "run")
def warm_up(run: LoadGenRun, log: ParsedLog) -> Iterator[Violation]:
    """Judge that the system was warmed up before the clock started: logged, in order, taking time."""
    order = ("init_start", "warmup_start", "warmup_stop", "init_stop", "run_start", "run_stop")
    for key in order:
        if (times := len(log.all(key))) != 1:
            yield run.problem(f"'{key}' is not logged once", "once", str(times))
    for before, after in pairwise(line for key in order if (line := log.first(key)) is not None):
        if after.number < before.number:
            message = f"'{after.key}' comes before '{before.key}'"
            yield run.problem(message, " ".join(order), brief(after.key), after)
    if run.record is not None and run.record.model.warm_up_s <= 0:
        yield run.record.problem("warm-up took no time", "above 0 s", f"{run.record.model.warm_up_s:g} s", "warm_up_s")


@check("serving-host-clock", "run")
def host_clock(
    result: InferenceResult, run: LoadGenRun, log: ParsedLog, record: ValidDocument[ServingRecord], latencies: Latencies
) -> Iterator[Violation]:
    """Judge that by the host's receipts the run lasted as long as LoadGen's clock says, and not much longer."""
    if run.name not in PERFORMANCE or len(record.model.receipts) != len(log.records):
        return  # the latter is said by another rule
    ends = {line.key: at for line, at in zip(log.records, record.model.receipts, strict=True)}
    if "run_start" not in ends or "run_stop" not in ends:
        return
    seen, measured = ends["run_stop"] - ends["run_start"], latencies.last_done_s
    bounds, found = inference_thresholds(result.ruleset.name).host_clock, f"{seen:.3f} s"
    if seen < measured - bounds.early_s:
        yield run.problem("the host saw less time pass than LoadGen measured", f"at least {measured:.3f} s", found)
    elif seen > measured * (1 + bounds.around) + bounds.around_s:
        yield run.problem("the host saw more time pass than LoadGen measured", f"about {measured:.3f} s", found)


@check("serving-apart", "result")
def apart(result: InferenceResult) -> Iterator[Violation]:
    """Judge by receipts that no two runs of a result were made at the same time."""
    spans = sorted(
        (run.record.model.receipts[0], run.record.model.receipts[-1], run.record_path, run.record)
        for run in result.runs
        if run.record and run.record.model.receipts
    )
    for (_, ended, before, _), (began, _, _, record) in pairwise(spans):
        if began < ended:
            message = f"the run began before that of {before} had ended"
            yield record.problem(message, f"after {ended:.3f}", f"{began:.3f}", "receipts", 0)


@check("serving-distinct", "results")
def distinct(results: list[InferenceResult]) -> Iterator[Violation]:
    """Judge that no run's logs or latencies are those of another, of any result of the submitter."""
    seen: dict[tuple[str, Any], str] = {}
    for result in results:
        for run in result.runs:
            for what, mark, path in _marks(run):
                first = seen.setdefault((what, mark), path)
                if first != path:
                    yield Violation(f"the run has the {what} of another", "a run of its own", first, path)


def _marks(run: LoadGenRun) -> Iterator[tuple[str, Any, str]]:
    if run.whole is not None:
        yield "detail log", run.whole.fingerprint, run.detail_path
    if run.latencies is not None:
        yield "latencies", hash(run.latencies.latency.tobytes()), run.latencies_path
    if run.log is not None and run.record is not None:
        yield "container's log", run.record.model.log.sha256, run.log_path


@check("serving-known", "result")
def known(result: InferenceResult) -> Iterator[Violation]:
    """Judge that the round has rules on the workload and on each scenario of it, each with a run."""
    yield from workload_known(result)
    for scenario in result.scenarios.values() if result.rules is not None else ():
        if scenario.rules is None and result.rules is not None:
            names, message = ", ".join(result.rules.scenarios), "the round has no such scenario for this workload"
            yield Violation(message, names, scenario.name, scenario.folder)
        elif not any(run in scenario.runs for run in RUNS):
            yield Violation("the scenario has no run", ", ".join(RUNS), "none", scenario.folder)
