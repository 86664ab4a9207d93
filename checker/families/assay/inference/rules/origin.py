"""Rules on where runs come from: records, one configuration, clocks, warm-up, and no run standing in for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from operator import attrgetter
from typing import Any

from checker.core.findings import Problem, brief
from checker.core.registry import judge
from checker.core.tree import RefusedError
from checker.families.assay.inference.submission import PERFORMANCE, RUNS, ServingResult, ServingRun
from checker.families.assay.rules.limits import cpus, memory_limits
from checker.families.assay.rules.record import misplaced, of_place
from rules.expressions import same
from rules.serving_documents import ServingOutcome, ServingRecord

# The host sees the run begin before LoadGen's clock does and end after it: samples are loaded, queries drawn, logs and
# trace written in between. Seen: up to 0.12 s for runs of 1.5 s on a busy machine.
AROUND_S, AROUND = 5.0, 0.1
STATUSES = ("available", "preview", "rdi")
EARLY_S = 0.25  # by so much may the host's clock have run slower than LoadGen's


@judge("serving-record-place", "serving-run")
def record_place(result: ServingResult, run: ServingRun) -> Iterator[Problem]:
    """Judge that a record is of the submitter, system, workload, division, scenario and run that its place says."""
    if run.record is None:
        return
    yield from misplaced(run.record, of_place(result) | {"scenario": run.scenario, "run": run.name})


@judge("serving-record-agrees", "serving-run")
def record_agrees(_result: ServingResult, run: ServingRun) -> Iterator[Problem]:
    """Judge that the container's log and the record state the same."""
    if run.record is None or run.log is None:
        return
    model = run.record.model
    stated: list[tuple[str, Any, tuple[str, ...]]] = [
        ("submission_benchmark", model.workload, ("workload",)),
        ("submission_division", model.division, ("division",)),
        ("submission_org", model.submitter, ("submitter",)),
        ("submission_platform", model.system, ("system",)),
        ("ruleset", model.ruleset, ("ruleset",)),
        ("scenario", model.scenario, ("scenario",)),
        ("source_sha256", model.source_sha256, ("source_sha256",)),
        ("loadgen", model.loadgen, ("loadgen",)),
        *((name, value, ("sut", name)) for name, value in model.sut.model_dump().items()),
    ]
    for key, wanted, place in stated:
        logged = run.log.first(key)
        if logged is None:
            yield Problem(f"'{key}' is not logged", brief(wanted), "nothing", run.log_path)
        elif not same(logged.value, wanted):
            at = f"{brief(wanted)} (record.json line {run.record.line(*place)})"
            message = f"the log's '{key}' differs from the record's {'.'.join(place)}"
            yield Problem(message, at, brief(logged.value), run.log_path, logged.number)
    framework = run.log.first("framework")
    if framework is None or str(framework.value).partition(" ")[0] != model.framework:
        found = brief(framework.value) if framework else "nothing"
        line = framework.number if framework else None
        yield Problem("the log names another framework", model.framework, found, run.log_path, line)


@judge("serving-limits", "serving-run")
def limits(result: ServingResult, run: ServingRun) -> Iterator[Problem]:
    """Judge processors and memory of a container against the declared threads and the machine.

    It may have more processors than the system under test has threads: LoadGen's own thread runs on one of them.
    """
    if run.record is None:
        return
    system, record = result.system_document.model if result.system_document else None, run.record
    text, threads = record.model.container.cpuset, record.model.sut.threads
    processors = cpus(text)
    if processors is None or len(processors) < threads:
        message = "the container had fewer processors than threads were declared"
        yield record.problem(message, f"{threads} processors", text, "container", "cpuset")
    elif system is not None and max(processors) >= system.assay.cpus:
        message = "the container had processors that the machine has not"
        yield record.problem(message, f"0 to {system.assay.cpus - 1}", text, "container", "cpuset")
    yield from memory_limits(record, system)
    if system is not None and record.model.container.engine != system.assay.engine:
        message, found = "the container's engine is not the system's", record.model.container.engine
        yield record.problem(message, system.assay.engine, found, "container", "engine")


@judge("serving-status", "serving-result")
def status(result: ServingResult) -> Iterator[Problem]:
    """Judge that a system's status is one that MLPerf Inference knows."""
    described = result.system_document
    if described is not None and described.model.status.lower() not in STATUSES:
        found = described.model.status
        yield described.problem("the status is none of MLPerf's", ", ".join(STATUSES), found, "status")


@judge("serving-outcome", "serving-run")
def outcome(_result: ServingResult, run: ServingRun) -> Iterator[Problem]:
    """Judge that the run came to its end."""
    if run.record is not None and run.record.model.outcome is not ServingOutcome.SUCCESS:
        found = run.record.model.outcome
        yield run.record.problem(f"the run ended as {found}", ServingOutcome.SUCCESS, found, "outcome")


@judge("serving-attempts", "serving-run")
def attempts(_result: ServingResult, run: ServingRun) -> Iterator[Problem]:
    """Point at runs that needed more than one attempt."""
    for position, attempt in enumerate(run.record.model.earlier_attempts if run.record else ()):
        assert run.record is not None
        message = f"an earlier attempt ended as {attempt.outcome}"
        place = ("earlier_attempts", position, "outcome")
        yield run.record.problem(message, "one attempt", brief(attempt.explanation), *place)


@judge("serving-files", "serving-run")
def files(result: ServingResult, run: ServingRun) -> Iterator[Problem]:
    """Judge that LoadGen's files are those the record was written for, each of them."""
    if run.record is None:
        return
    listed = {}
    for position, file in enumerate(run.record.model.files):
        listed[file.path] = position
        try:
            found = result.sha256(file.path)
        except RefusedError as error:
            message = f"the record lists a file that {error}"
            yield run.record.problem(message, file.path, "", "files", position, "path")
            continue
        if found != file.sha256:
            wanted = f"{file.sha256} (record.json line {run.record.line('files', position, 'sha256')})"
            yield Problem("the file is not the one the run wrote", wanted, found, file.path)
    wanted_paths = [run.detail_path, run.summary_path]
    wanted_paths += [run.latencies_path] if run.name in PERFORMANCE else []
    wanted_paths += [run.answers_path] if run.name in ("accuracy", "TEST01", "TEST06") else []
    for path in wanted_paths:
        if path not in listed:
            yield run.record.problem("the record does not list a file of the run", path, "nothing", "files")


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
SAME: dict[str, Callable[[ServingRecord], Any]] = {
    name: attrgetter(name) for name in ServingRecord.model_fields if name not in OWN
}


@judge("serving-runs-alike", "serving-result")
def runs_alike(result: ServingResult) -> Iterator[Problem]:
    """Judge that all runs had the same image, source, data, parameters, arguments, environment and limits."""
    records = [run.record for run in result.runs if run.record]
    for record in records[1:]:
        first = records[0]
        for name, of in SAME.items():
            if of(record.model) != of(first.model):
                message = f"the runs differ in {name}: accuracy and performance are not of one system"
                other = f"as in {first.path} line {first.line(name)}"
                yield record.problem(message, other, "another value", name)


@judge("serving-runs-there", "serving-result")
def runs_there(result: ServingResult) -> Iterator[Problem]:
    """Judge that the manifest declares the runs there are."""
    if result.manifest is not None and result.manifest.model.runs != len(result.runs):
        found = str(len(result.runs))
        message = "the manifest declares another number of LoadGen runs"
        yield result.manifest.problem(message, str(result.manifest.model.runs), found, "runs")


@judge("serving-warm-up", "serving-run")
def warm_up(_result: ServingResult, run: ServingRun) -> Iterator[Problem]:
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


@judge("serving-host-clock", "serving-run")
def host_clock(_result: ServingResult, run: ServingRun) -> Iterator[Problem]:
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
    if seen < measured - EARLY_S:
        message = "the host saw less time pass than LoadGen measured"
        yield Problem(message, f"at least {measured:.3f} s", f"{seen:.3f} s", run.log_path)
    elif seen > measured * (1 + AROUND) + AROUND_S:
        message = "the host saw more time pass than LoadGen measured"
        yield Problem(message, f"about {measured:.3f} s", f"{seen:.3f} s", run.log_path)


@judge("serving-apart", "serving-result")
def apart(result: ServingResult) -> Iterator[Problem]:
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


@judge("serving-distinct", "serving-results")
def distinct(results: list[ServingResult]) -> Iterator[Problem]:
    """Judge that no run's logs or latencies are those of another, of any result of the submitter."""
    seen: dict[tuple[str, Any], str] = {}
    for result in results:
        for run in result.runs:
            for what, mark, path in _marks(run):
                first = seen.setdefault((what, mark), path)
                if first != path:
                    yield Problem(f"the run has the {what} of another", "a run of its own", first, path)


def _marks(run: ServingRun) -> Iterator[tuple[str, Any, str]]:
    if run.detail.refused is None:
        yield "detail log", run.detail.fingerprint, run.detail_path
    if run.latencies is not None:
        yield "latencies", hash(run.latencies.latency.tobytes()), run.latencies_path
    if run.log is not None and run.record is not None:
        yield "container's log", run.record.model.log.sha256, run.log_path


@judge("serving-known", "serving-result")
def known(result: ServingResult) -> Iterator[Problem]:
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
