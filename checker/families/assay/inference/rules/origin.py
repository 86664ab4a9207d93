"""Rules on where runs come from: records, one configuration, clocks, warm-up, and no run standing in for another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from operator import attrgetter
from typing import Any

from checker.core.documents import ValidDocument
from checker.core.findings import Problem, brief
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.inference.submission import LOGGED, PERFORMANCE, RUNS, InferenceResult, LoadGenRun
from checker.families.assay.rules.record import differs
from checker.families.assay.rules.recorded import judge_record
from rules.serving_documents import ServingOutcome, ServingRecord, SutParameters
from rules.thresholds import inference_thresholds

STATUSES = ("available", "preview", "rdi")


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


@judge_record("serving-record-agrees")
def record_agrees(_result: InferenceResult, run: LoadGenRun, record: ValidDocument[ServingRecord]) -> Iterator[Problem]:
    """Judge that the container's log and the record state the same."""
    if run.log is None:
        return
    places = {key: (member,) for key, member in AGREED.items()} | {
        name: ("sut", name) for name in SutParameters.model_fields
    }
    for key, place in places.items():
        if run.log.first(key) is None:
            wanted = attrgetter(".".join(place))(record.model)
            yield Problem(f"'{key}' is not logged", brief(wanted), "nothing", run.log_path)
        yield from differs(record, run, key, *place)
    framework = run.log.first("framework")
    if framework is None or str(framework.value).partition(" ")[0] != record.model.framework:
        found = brief(framework.value) if framework else "nothing"
        line = framework.number if framework else None
        yield Problem("the log names another framework", record.model.framework, found, run.log_path, line)


@check("serving-status", "result")
def status(result: InferenceResult) -> Iterator[Problem]:
    """Judge that a system's status is one that MLPerf Inference knows."""
    described = result.system_document
    if described is not None and described.model.status.lower() not in STATUSES:
        found = described.model.status
        yield described.problem("the status is not one of MLPerf's", ", ".join(STATUSES), found, "status")


@judge_record("serving-outcome")
def outcome(_result: InferenceResult, _run: LoadGenRun, record: ValidDocument[ServingRecord]) -> Iterator[Problem]:
    """Judge that the run came to its end."""
    found = record.model.outcome
    if found is not ServingOutcome.SUCCESS:
        yield record.problem(f"the run ended as {found}", ServingOutcome.SUCCESS, found, "outcome")


@judge_record("serving-attempts")
def attempts(_result: InferenceResult, _run: LoadGenRun, record: ValidDocument[ServingRecord]) -> Iterator[Problem]:
    """Point at runs that needed more than one attempt."""
    for position, attempt in enumerate(record.model.earlier_attempts):
        message, found = f"an earlier attempt ended as {attempt.outcome}", brief(attempt.explanation)
        yield record.problem(message, "one attempt", found, "earlier_attempts", position, "outcome")


@judge_record("serving-files")
def files(result: InferenceResult, run: LoadGenRun, record: ValidDocument[ServingRecord]) -> Iterator[Problem]:
    """Judge that LoadGen's files are those the record was written for, each of them."""
    for position, file in enumerate(record.model.files):
        try:
            found = result.sha256(file.path)
        except RefusedError as error:
            message = f"the record lists a file that {error}"
            yield record.problem(message, file.path, "", "files", position, "path")
            continue
        if found != file.sha256:
            wanted = f"{file.sha256} (record.json line {record.line('files', position, 'sha256')})"
            yield Problem("the file is not the one the run wrote", wanted, found, file.path)
    listed = {file.path for file in record.model.files}
    paths = [run.detail_path, run.summary_path]
    paths += [run.latencies_path] if run.name in PERFORMANCE else []
    paths += [run.answers_path] if run.name in LOGGED else []
    for path in paths:
        if path not in listed:
            yield record.problem("the record does not list a file of the run", path, "nothing", "files")


# What is a run's own; all else in a record is the configuration, which the runs of a result share.
OWN = {
    "scenario",
    "run",
    "outcome",
    "explanation",
    "earlier_attempts",
    "log",
    "receipts",
    "files",
    "user_conf",
    "audit_config",
    "load_s",
    "warm_up_s",
    "loading_s",
    "memory",
    "observation",
    "unobserved",
}
SHARED = [name for name in ServingRecord.model_fields if name not in OWN]


@check("serving-runs-alike", "result")
def runs_alike(result: InferenceResult) -> Iterator[Problem]:
    """Judge that all runs had the same image, source, data, parameters, arguments, environment and limits."""
    for record in result.records[1:]:
        first = result.records[0]
        for name in SHARED:
            if getattr(record.model, name) != getattr(first.model, name):
                message = f"the runs differ in {name}: accuracy and performance are not of one system"
                other = f"as in {first.path} line {first.line(name)}"
                yield record.problem(message, other, "another value", name)


@check("serving-runs-there", "result")
def runs_there(result: InferenceResult) -> Iterator[Problem]:
    """Judge that the manifest declares the runs there are."""
    if result.manifest is not None and result.manifest.model.runs != len(result.runs):
        found = str(len(result.runs))
        message = "the manifest declares another number of LoadGen runs"
        yield result.manifest.problem(message, str(result.manifest.model.runs), found, "runs")


@check("serving-warm-up", "run")
def warm_up(_result: InferenceResult, run: LoadGenRun) -> Iterator[Problem]:
    """Judge that the system was warmed up before the clock started: logged, in order, taking time."""
    if run.log is None:
        return
    order = ("init_start", "warmup_start", "warmup_stop", "init_stop", "run_start", "run_stop")
    lines = [run.log.first(key) for key in order]
    for key, line in zip(order, lines, strict=True):
        if line is None or len(run.log.all(key)) != 1:
            yield Problem(f"'{key}' is not logged once", "once", str(len(run.log.all(key))), run.log_path)
    for before, after in pairwise(line for line in lines if line is not None):
        if after.number < before.number:
            message = f"'{after.key}' comes before '{before.key}'"
            yield Problem(message, " ".join(order), brief(after.key), run.log_path, after.number)
    if run.record is not None and run.record.model.warm_up_s <= 0:
        yield run.record.problem("warm-up took no time", "above 0 s", f"{run.record.model.warm_up_s:g} s", "warm_up_s")


@check("serving-host-clock", "run")
def host_clock(result: InferenceResult, run: LoadGenRun) -> Iterator[Problem]:
    """Judge that by the host's receipts the run lasted as long as LoadGen's clock says, and not much longer."""
    if run.record is None or run.log is None or run.name not in PERFORMANCE or run.latencies is None:
        return
    receipts = run.record.model.receipts
    if len(receipts) != len(run.log.records):
        return  # said by another rule
    ends = {line.key: at for line, at in zip(run.log.records, receipts, strict=True)}
    if "run_start" not in ends or "run_stop" not in ends:
        return
    seen, measured = ends["run_stop"] - ends["run_start"], run.latencies.last_done_s
    bounds = inference_thresholds(result.ruleset.name).host_clock
    if seen < measured - bounds.early_s:
        message = "the host saw less time pass than LoadGen measured"
        yield Problem(message, f"at least {measured:.3f} s", f"{seen:.3f} s", run.log_path)
    elif seen > measured * (1 + bounds.around) + bounds.around_s:
        message = "the host saw more time pass than LoadGen measured"
        yield Problem(message, f"about {measured:.3f} s", f"{seen:.3f} s", run.log_path)


@check("serving-apart", "result")
def apart(result: InferenceResult) -> Iterator[Problem]:
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
def distinct(results: list[InferenceResult]) -> Iterator[Problem]:
    """Judge that no run's logs or latencies are those of another, of any result of the submitter."""
    seen: dict[tuple[str, Any], str] = {}
    for result in results:
        for run in result.runs:
            for what, mark, path in _marks(run):
                first = seen.setdefault((what, mark), path)
                if first != path:
                    yield Problem(f"the run has the {what} of another", "a run of its own", first, path)


def _marks(run: LoadGenRun) -> Iterator[tuple[str, Any, str]]:
    if run.detail.refused is None:
        yield "detail log", run.detail.fingerprint, run.detail_path
    if run.latencies is not None:
        yield "latencies", hash(run.latencies.latency.tobytes()), run.latencies_path
    if run.log is not None and run.record is not None:
        yield "container's log", run.record.model.log.sha256, run.log_path


@check("serving-known", "result")
def known(result: InferenceResult) -> Iterator[Problem]:
    """Judge that the round has rules on the workload and on each scenario of it, each with a run."""
    if result.rules is None:
        names = ", ".join(result.ruleset.workloads())
        yield Problem("the round has no rules on this workload", names, result.workload, result.folder)
        return
    for scenario in result.scenarios.values():
        if scenario.rules is None:
            names = ", ".join(result.rules.scenarios)
            message = "the round has no such scenario for this workload"
            yield Problem(message, names, scenario.name, scenario.folder)
        elif not any(run in scenario.runs for run in RUNS):
            yield Problem("the scenario has no run", ", ".join(RUNS), "none", scenario.folder)
