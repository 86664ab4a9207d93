"""Rules on a training run's record: of one mind with its log, its seed derived, ended as a run of a result ends."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.documents import ValidDocument
from checker.core.findings import Violation, brief
from checker.families.assay.checks import check
from checker.families.assay.rules.image import names_version
from checker.families.assay.rules.record import differs
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.documents import Outcome, RunRecord
from rules.images import images
from rules.seeds import run_seed

# Outcomes that are part of a result, whatever they are: such a run is never repeated.
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


@check("record-agrees", "run")
def record_agrees(result: TrainingResult, run: TrainingRun, record: ValidDocument[RunRecord]) -> Iterator[Violation]:
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


def _framework(result: TrainingResult, record: ValidDocument[RunRecord], run: TrainingRun) -> Iterator[Violation]:
    """Judge the logged framework: the record's name, a blank, the version of the wheel in the image."""
    if (logged := run.first("framework")) is None:
        return
    name, _, version = str(logged.value).partition(" ")
    if name != record.model.framework:
        yield run.problem("the log names another framework", record.model.framework, brief(logged.value), logged)
    known = {wheel.lower(): number for wheel, number in record.model.versions.items()}
    fixed = images(result.ruleset)
    wheels = fixed.wheels(name) if fixed is not None else ()
    wanted = next((known[wheel] for wheel in wheels if wheel in known), None)
    if wanted is not None and not names_version(f"{name} {version}", name, wanted):
        yield run.problem("the framework's version is not the image's", wanted, brief(logged.value), logged)


@check("seed-derived", "run")
def seed_derived(result: TrainingResult, run: TrainingRun, record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge that the seed is the one that follows from submitter, system, workload, division and run."""
    model = record.model
    parts = (model.submitter, model.system, model.workload, model.division, model.run)
    wanted = run_seed(result.ruleset.salt, *parts)
    yield from record.require("the seed was not derived as the rules say", wanted, "seed")
    yield from run.require("the logged seed was not derived as the rules say", wanted, "seed")


@check("outcome", "run")
def outcome(result: TrainingResult, run: TrainingRun, record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge that the run ended by target or budget, and that the record says what the log says."""
    found, stop = record.model.outcome, run.stop
    if found not in ENDED:
        yield record.problem(f"the run ended as {found}", " or ".join(ENDED), found, "outcome")
        return
    if stop is None:
        return
    if run.converged != (found is Outcome.SUCCESS):
        logged = f"{brief(stop.metadata.get('status'))} (log line {stop.number})"
        yield record.problem("the record's outcome is not the log's", logged, found, "outcome")
    if found is Outcome.TARGET_NOT_REACHED and result.rules is not None:
        steps, batch = run.value("opt_learning_rate_training_steps"), run.value("global_batch_size")
        seen = stop.metadata.get("samples_count")
        if type(steps) is int and type(batch) is int and seen != steps * batch:
            message = "the run was given up before its budget was spent"
            yield run.problem(message, f"{steps * batch} samples", brief(seen), stop)
