"""Rules on a training run's record: of one mind with its log, its seed derived, ended as a run of a result ends."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.documents import ValidDocument
from checker.core.findings import Problem, brief
from checker.families.assay.checks import check
from checker.families.assay.rules.image import names_version
from checker.families.assay.rules.record import differs
from checker.families.assay.rules.recorded import judge_record
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.documents import Outcome, RunRecord
from rules.expressions import same
from rules.images import images
from rules.seeds import run_seed

ENDED = (Outcome.SUCCESS, Outcome.TARGET_NOT_REACHED, Outcome.DIVERGED)
# Keys of the log, and the record's members that must be the same; beside these, all hyperparameters.
AGREED = {
    "ruleset": "ruleset",
    "submission_benchmark": "workload",
    "submission_division": "division",
    "submission_org": "submitter",
    "submission_platform": "system",
    "threads": "threads",
    "seed": "seed",
    "source_sha256": "source_sha256",
    "initial_weights_sha256": "initial_weights_sha256",
}


@judge_record("record-agrees")
def record_agrees(result: TrainingResult, run: TrainingRun, record: ValidDocument[RunRecord]) -> Iterator[Problem]:
    """Judge that log and record state the same settings, seed, digests and names."""
    if run.log is None:
        return
    for key, member in AGREED.items():
        yield from differs(record, run, key, member)
    stated = record.model.hyperparameters
    for name in stated:
        yield from differs(record, run, name, "hyperparameters", name)
    yield from _framework(result, record, run)
    wanted = set(result.rules.hyperparameters) if result.rules else set()
    for name in sorted(wanted - set(stated)):
        yield record.problem(f"the record lacks the hyperparameter '{name}'", name, "nothing", "hyperparameters")
    for name in sorted(set(stated) - wanted) if wanted else ():
        message = "the record has a hyperparameter that the workload has not"
        yield record.problem(message, ", ".join(sorted(wanted)), brief(name), "hyperparameters", name)


def _framework(result: TrainingResult, record: ValidDocument[RunRecord], run: TrainingRun) -> Iterator[Problem]:
    """Judge the logged framework: the record's name, a blank, the version of the wheel in the image."""
    logged = run.log.first("framework") if run.log else None
    if logged is None:
        return
    name, _, version = str(logged.value).partition(" ")
    if name != record.model.framework:
        found = brief(logged.value)
        yield Problem("the log names another framework", record.model.framework, found, run.log_path, logged.number)
    known = {wheel.lower(): number for wheel, number in record.model.versions.items()}
    fixed = images(result.ruleset)
    wheels = fixed.wheels(name) if fixed is not None else ()
    wanted = next((known[wheel] for wheel in wheels if wheel in known), None)
    if wanted is not None and not names_version(f"{name} {version}", name, wanted):
        found = brief(logged.value)
        yield Problem("the framework's version is not the image's", wanted, found, run.log_path, logged.number)


@check("workload-known", "result")
def workload_known(result: TrainingResult) -> Iterator[Problem]:
    """Judge that the round has rules on the workload."""
    if result.rules is None:
        known = ", ".join(result.ruleset.workloads())
        yield Problem("the round has no rules on this workload", known, result.workload, result.folder)


@judge_record("seed-derived")
def seed_derived(result: TrainingResult, run: TrainingRun, record: ValidDocument[RunRecord]) -> Iterator[Problem]:
    """Judge that the seed is the one that follows from submitter, system, workload, division and run."""
    model = record.model
    parts = (model.submitter, model.system, model.workload, model.division, model.run)
    wanted = run_seed(result.ruleset.salt, *parts)
    if model.seed != wanted:
        yield record.problem("the seed was not derived as the rules say", wanted, model.seed, "seed")
    logged = run.log.first("seed") if run.log else None
    if logged is not None and not same(logged.value, wanted):
        message = "the logged seed was not derived as the rules say"
        yield Problem(message, str(wanted), brief(logged.value), run.log_path, logged.number)


@judge_record("outcome")
def outcome(result: TrainingResult, run: TrainingRun, record: ValidDocument[RunRecord]) -> Iterator[Problem]:
    """Judge that the run ended by target or budget, and that the record says what the log says."""
    model = record.model
    if model.outcome not in ENDED:
        wanted = " or ".join(ENDED)
        yield record.problem(f"the run ended as {model.outcome}", wanted, str(model.outcome), "outcome")
        return
    stop = run.log.first("run_stop") if run.log else None
    if stop is None:
        return
    status = stop.metadata.get("status")
    if (status == "success") != (model.outcome is Outcome.SUCCESS):
        found = f"{brief(status)} (log line {stop.number})"
        yield record.problem("the record's outcome is not the log's", found, str(model.outcome), "outcome")
    if model.outcome is Outcome.TARGET_NOT_REACHED and run.log is not None and result.rules is not None:
        steps = run.log.value("opt_learning_rate_training_steps")
        batch = run.log.value("global_batch_size")
        seen = stop.metadata.get("samples_count")
        if type(steps) is int and type(batch) is int and seen != steps * batch:
            message = "the run was given up before its budget was spent"
            yield Problem(message, f"{steps * batch} samples", brief(seen), run.log_path, stop.number)
