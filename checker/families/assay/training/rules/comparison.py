"""Rules that compare a closed result with the round's own evidence: parity certificate and reference convergence."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from checker.core.findings import Problem
from checker.core.statistics import fastest_mean
from checker.families.assay.checks import check, flaws
from checker.families.assay.training.parity import disagreements
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.published import references
from rules.thresholds import training_thresholds

flaws("result", "parity-document")


@check("parity-present", "result")
def parity_present(result: TrainingResult) -> Iterator[Problem]:
    """Judge that a closed result carries a certificate."""
    path = f"{result.folder}/parity.json"
    if path not in result.tree.entries:
        yield Problem("the result has no parity certificate", "a parity certificate", "nothing", path)


@check("parity-bound", "result")
def parity_bound(result: TrainingResult) -> Iterator[Problem]:
    """Judge that the certificate is of this round, workload, source, data and wheel lock."""
    certificate = result.certificate
    record = next((run.record.model for run in result.runs if run.record), None)
    if certificate is None or record is None:
        return
    model = certificate.model
    for member in ("ruleset", "workload", "source_sha256", "data"):
        wanted, found = getattr(record, member), getattr(model, member)
        if wanted != found:
            yield certificate.problem(f"the certificate's {member} does not match", wanted, found, member)
    for position, side in enumerate(model.frameworks):
        if side.framework == record.framework:
            wanted, found = record.image.wheel_lock_sha256 if record.image else "no image", side.wheel_lock_sha256
            if wanted != found:
                place = ("frameworks", position, "wheel_lock_sha256")
                yield certificate.problem("the certificate's wheels do not match", wanted, found, *place)
            break
    else:
        names = ", ".join(side.framework for side in model.frameworks)
        message = "the certificate does not cover this framework"
        yield certificate.problem(message, record.framework, names, "frameworks")


@check("parity", "result")
def parity(result: TrainingResult) -> Iterator[Problem]:
    """Judge every comparison of the certificate against the round's bounds."""
    if result.certificate is None or result.rules is None:
        return
    for one in disagreements(result.certificate.model, result.rules.parity):
        yield result.certificate.problem(one.message, one.expected, one.found, one.member)


@check("convergence", "result")
def convergence(result: TrainingResult) -> Iterator[Problem]:
    """Judge that the result does not reach the target in significantly fewer samples than the reference runs.

    Runs short of the target say nothing of how soon it is reached: counted with their whole budget, one of them would
    hide four that are too fast, and counted with the samples before a divergence it would condemn four honest ones.
    """
    reference = _reference(result)
    if reference is None:
        yield Problem("the round has no reference runs of this workload", "reference runs", "none", result.folder)
    elif samples := _samples_to_target(result):
        yield from _too_few(result, samples, reference, result.ruleset.significance)


@check("convergence-doubt", "result")
def convergence_doubt(result: TrainingResult) -> Iterator[Problem]:
    """Point at a result that converges faster than most honest ones would, yet not so fast as to be refused."""
    reference, samples = _reference(result), _samples_to_target(result)
    if reference and samples and not any(_too_few(result, samples, reference, result.ruleset.significance)):
        yield from _too_few(result, samples, reference, training_thresholds(result.ruleset.name).doubt)


def _too_few(
    result: TrainingResult, samples: list[int], reference: list[float], significance: float
) -> Iterator[Problem]:
    """Yield a problem where the mean of `samples` is below the bound at `significance`."""
    bound, mean = fastest_mean(reference, len(samples), significance), fmean(samples)
    if mean < bound:
        message = "the result reaches the target in fewer samples than the reference runs allow"
        expected = f"at least {bound:.0f} samples on average ({len(reference)} reference runs, level {significance:g})"
        yield Problem(message, expected, f"{mean:.0f} samples over {len(samples)} runs", result.folder)


def _reference(result: TrainingResult) -> list[float] | None:
    """Return the samples to target of the round's reference runs; None where it has none."""
    runs = references(result.ruleset.name, result.workload, result.source_sha256)
    return None if runs is None else [float(run.samples) for run in runs]


def _samples_to_target(result: TrainingResult) -> list[int]:
    """Return the samples of each run that reached the target; nothing where one of them does not say."""
    reached = [_samples(run) for run in result.runs if run.converged]
    known = [samples for samples in reached if samples is not None]
    return known if len(known) == len(reached) else []


def _samples(run: TrainingRun) -> int | None:
    """Return the samples a run saw up to its end."""
    stop = run.log.first("run_stop") if run.log else None
    count = stop.metadata.get("samples_count") if stop else None
    return count if type(count) is int else None
