"""Rules on a run's provenance record: valid, and of one mind with log, folder and rule set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from checker.core.documents import Document
from checker.core.findings import Problem, brief
from checker.core.tree import RefusedError
from checker.families.assay.checks import check, flaws
from checker.families.assay.inference.submission import ServingResult
from checker.families.assay.rules.image import names_version
from checker.families.assay.submission import Result, Run
from rules.documents import Outcome, RunRecord
from rules.expressions import same
from rules.seeds import run_seed

flaws("run", "log-present")
flaws("run", "record")

USER = re.compile(r"[1-9]\d{0,9}:[1-9]\d{0,9}", re.ASCII)
ENDED = (Outcome.SUCCESS, Outcome.TARGET_NOT_REACHED, Outcome.DIVERGED)


def _differs(record: Document[RunRecord], run: Run, key: str, wanted: Any, *place: str) -> Iterator[Problem]:
    """Yield a problem where the log's first `key` is not the record's value."""
    logged = run.log.first(key) if run.log else None
    if logged is not None and not same(logged.value, wanted):
        at = f"{brief(wanted)} ({record.path.rpartition('/')[2]} line {record.line(*place)})"
        message = f"the log's '{key}' differs from the record's {'.'.join(place)}"
        yield Problem(message, at, brief(logged.value), run.log_path, logged.number)


@check("record-agrees", "run")
def record_agrees(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that log and record state the same settings, seed, digests and names."""
    if run.record is None or run.log is None:
        return
    record, model = run.record, run.record.model
    stated: list[tuple[str, Any, str]] = [
        ("ruleset", model.ruleset, "ruleset"),
        ("submission_benchmark", model.workload, "workload"),
        ("submission_division", model.division, "division"),
        ("submission_org", model.submitter, "submitter"),
        ("submission_platform", model.system, "system"),
        ("threads", model.threads, "threads"),
        ("seed", model.seed, "seed"),
        ("source_sha256", model.source_sha256, "source_sha256"),
        ("initial_weights_sha256", model.initial_weights_sha256, "initial_weights_sha256"),
    ]
    for key, value, place in stated:
        yield from _differs(record, run, key, value, place)
    for name, setting in model.hyperparameters.items():
        yield from _differs(record, run, name, setting, "hyperparameters", name)
    yield from _framework(record, run)
    wanted = set(result.rules.hyperparameters) if result.rules else set()
    for name in sorted(wanted - set(model.hyperparameters)):
        yield record.problem(f"the record lacks the hyperparameter '{name}'", name, "nothing", "hyperparameters")
    for name in sorted(set(model.hyperparameters) - wanted) if wanted else ():
        message = "the record has a hyperparameter that the workload has not"
        yield record.problem(message, ", ".join(sorted(wanted)), brief(name), "hyperparameters", name)


def _framework(record: Document[RunRecord], run: Run) -> Iterator[Problem]:
    """Judge the logged framework: the record's name, a blank, the version of the wheel in the image."""
    logged = run.log.first("framework") if run.log else None
    if logged is None:
        return
    name, _, version = str(logged.value).partition(" ")
    if name != record.model.framework:
        found = brief(logged.value)
        yield Problem("the log names another framework", record.model.framework, found, run.log_path, logged.number)
    known = {wheel.lower(): number for wheel, number in record.model.versions.items()}
    wheel = {"pytorch": "torch"}.get(name, name)
    wanted = known.get(wheel, known.get(f"{wheel}-cpu"))
    if wanted is not None and not names_version(f"{name} {version}", name, wanted):
        found = brief(logged.value)
        yield Problem("the framework's version is not the image's", wanted, found, run.log_path, logged.number)


@check("record-place", "run")
def record_place(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that the record is of the submitter, system, workload, division and run that its place says."""
    if run.record is None:
        return
    yield from misplaced(run.record, of_place(result) | {"run": run.index})


def of_place(result: Result | ServingResult) -> dict[str, str | None]:
    """Return what a result's place says of its runs, by member of their records; None where it says nothing."""
    return {
        "submitter": result.submitter,
        "system": result.system,
        "workload": result.workload,
        "division": result.division_of_folder,
        "ruleset": result.ruleset.name,
    }


def misplaced(record: Document[Any], stated: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield where a run's record is not of its place, `stated` by member, or of its image."""
    for member, wanted in stated.items():
        found = getattr(record.model, member)
        if wanted is not None and found != wanted:
            yield record.problem(f"the record's {member} is not that of its place", wanted, found, member)
    for member in ("framework", "target") if record.model.image else ():
        found, wanted = getattr(record.model.image, member), getattr(record.model, member)
        if found != wanted:
            yield record.problem(f"the image is of another {member}", wanted, found, "image", member)


@check("workload-known", "result")
def workload_known(result: Result) -> Iterator[Problem]:
    """Judge that the round has rules on the workload."""
    if result.rules is None:
        known = ", ".join(result.ruleset.workloads())
        yield Problem("the round has no rules on this workload", known, result.workload, result.folder)


@check("seed-derived", "run")
def seed_derived(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that the seed is the one that follows from submitter, system, workload, division and run."""
    if run.record is None:
        return
    model = run.record.model
    parts = (model.submitter, model.system, model.workload, model.division, model.run)
    wanted = run_seed(result.ruleset.salt, *parts)
    if model.seed != wanted:
        yield run.record.problem("the seed was not derived as the rules say", wanted, model.seed, "seed")
    logged = run.log.first("seed") if run.log else None
    if logged is not None and not same(logged.value, wanted):
        found = brief(logged.value)
        message = "the logged seed was not derived as the rules say"
        yield Problem(message, str(wanted), found, run.log_path, logged.number)


@check("log-digest", "run")
def log_digest(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that the log is the one the record was written for."""
    if run.record is None or run.log is None:
        return
    stated = run.record.model.log
    if stated.path != run.log_path:
        yield run.record.problem("the record names another log", run.log_path, stated.path, "log", "path")
    try:
        found = result.sha256(run.log_path)
    except RefusedError:
        return
    if found != stated.sha256:
        line = run.record.line("log", "sha256")
        wanted = f"{stated.sha256} ({run.record_path.rpartition('/')[2]} line {line})"
        yield Problem("the log was changed after it was recorded", wanted, found, run.log_path)


@check("outcome", "run")
def outcome(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that the run ended by target or budget, and that the record says what the log says."""
    if run.record is None:
        return
    model = run.record.model
    if model.outcome not in ENDED:
        wanted = " or ".join(ENDED)
        yield run.record.problem(f"the run ended as {model.outcome}", wanted, str(model.outcome), "outcome")
        return
    stop = run.log.first("run_stop") if run.log else None
    if stop is None:
        return
    status = stop.metadata.get("status")
    if (status == "success") != (model.outcome is Outcome.SUCCESS):
        found = f"{brief(status)} (log line {stop.number})"
        yield run.record.problem("the record's outcome is not the log's", found, str(model.outcome), "outcome")
    if model.outcome is Outcome.TARGET_NOT_REACHED and run.log is not None and result.rules is not None:
        steps = run.log.value("opt_learning_rate_training_steps")
        batch = run.log.value("global_batch_size")
        seen = stop.metadata.get("samples_count")
        if type(steps) is int and type(batch) is int and seen != steps * batch:
            message = "the run was given up before its budget was spent"
            yield Problem(message, f"{steps * batch} samples", brief(seen), run.log_path, stop.number)


@check("hardening", "run")
def hardening(_result: Result, run: Run) -> Iterator[Problem]:
    """Judge that the container had no network, a read-only root, no capabilities and an unprivileged user."""
    if run.record is None:
        return
    box = run.record.model.container
    if box.network != "none":
        yield run.record.problem("the container had a network", '"none"', box.network, "container", "network")
    if not box.read_only:
        yield run.record.problem("the container's root was writable", "true", "false", "container", "read_only")
    if box.cap_drop != ["ALL"]:
        found = ", ".join(box.cap_drop) or "none dropped"
        yield run.record.problem("the container kept capabilities", '"ALL"', found, "container", "cap_drop")
    if not USER.fullmatch(box.user):
        message = "the container ran as root, or as nobody knows whom"
        found = box.user or "nothing"
        yield run.record.problem(message, "number:number of an unprivileged user", found, "container", "user")
    if box.security_opt != ["no-new-privileges:true"]:
        found = ", ".join(box.security_opt) or "nothing"
        message = "the container could gain privileges, or has other options"
        yield run.record.problem(message, "no-new-privileges:true", found, "container", "security_opt")
    for member in ("memory_bytes", "pids"):
        if getattr(box, member) == 0:
            yield run.record.problem(f"the container had no limit on {member}", "a limit", "none", "container", member)


@check("data-digests", "run")
def data_digests(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that log and record name exactly the rule set's data files, with their digests."""
    if result.rules is None:
        return
    wanted = result.rules.data
    if run.record is not None:
        recorded = run.record.model.data
        for name in sorted({*wanted, *recorded}):
            if wanted.get(name) != recorded.get(name):
                message = f"the record's digest of data file '{name}' is not the rule set's"
                expected, found = wanted.get(name, "no such file"), recorded.get(name, "nothing")
                yield run.record.problem(message, expected, found, "data", name)
    if run.log is None:
        return
    seen: set[Any] = set()
    for line in run.log.all("data_sha256"):
        name = line.metadata.get("name")
        known = wanted.get(name) if isinstance(name, str) else None
        if known is None or line.value != known or name in seen:
            message = f"the log's digest of data file {brief(name)} is not the rule set's"
            expected = known or f"one of {', '.join(sorted(wanted)) or 'no files'}"
            yield Problem(message, expected, brief(line.value), run.log_path, line.number)
        seen.add(name if isinstance(name, str) else None)
    for name in sorted(set(wanted) - seen):
        yield Problem(f"the log has no digest of data file '{name}'", wanted[name], "nothing", run.log_path)
