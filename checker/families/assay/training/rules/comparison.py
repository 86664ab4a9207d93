"""Rules that compare a closed result with the round's own evidence: parity certificate and reference convergence."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from checker.core.documents import ValidDocument
from checker.core.findings import Violation
from checker.core.statistics import fastest_mean
from checker.families.assay.checks import check, flaws
from checker.families.assay.rules.record import bound
from checker.families.assay.training.parity import disagreements
from checker.families.assay.training.submission import TrainingResult
from rules.documents import ParityCertificate, RunRecord
from rules.published import references
from rules.thresholds import training_thresholds
from rules.workload import WorkloadRules

flaws("result", "parity-document")

Certificate = ValidDocument[ParityCertificate]


@check("parity-present", "result")
def parity_present(result: TrainingResult) -> Iterator[Violation]:
    """Judge that a closed result carries a certificate."""
    path = f"{result.folder}/parity.json"
    if path not in result.tree.entries:
        yield Violation("the result has no parity certificate", "a parity certificate", "nothing", path)


@check("parity-bound", "result")
def parity_bound(certificate: Certificate, first_record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge that the certificate is of this round, workload, source, data and wheel lock."""
    yield from bound(certificate, "certificate's", first_record, "ruleset", "workload", "source_sha256", "data")
    record, frameworks = first_record.model, [side.framework for side in certificate.model.frameworks]
    if record.framework not in frameworks:
        message = "the certificate does not cover this framework"
        yield certificate.problem(message, record.framework, ", ".join(frameworks), "frameworks")
        return
    place = ("frameworks", frameworks.index(record.framework), "wheel_lock_sha256")
    wanted = record.image.wheel_lock_sha256 if record.image else "no image"
    yield from certificate.require("the certificate's wheels do not match", wanted, *place)


@check("parity", "result")
def parity(certificate: Certificate, rules: WorkloadRules) -> Iterator[Violation]:
    """Judge every comparison of the certificate against the round's bounds."""
    for one in disagreements(certificate.model, rules.parity):
        yield certificate.problem(one.message, one.expected, one.found, one.member)


@check("convergence", "result")
def convergence(result: TrainingResult) -> Iterator[Violation]:
    """Judge that the result does not reach the target in significantly fewer samples than the reference runs.

    Runs short of the target say nothing of how soon it is reached: counted with their whole budget, one of them would
    hide four that are too fast, and counted with the samples before a divergence it would condemn four honest ones.
    """
    reference = _reference(result)
    if reference is None:
        yield Violation("the round has no reference runs of this workload", "reference runs", "none", result.folder)
    elif samples := _samples_to_target(result):
        yield from _too_few(result, samples, reference, result.ruleset.significance)


@check("convergence-doubt", "result")
def convergence_doubt(result: TrainingResult) -> Iterator[Violation]:
    """Point at a result that converges faster than most honest ones would, yet not so fast as to be refused."""
    reference, samples = _reference(result), _samples_to_target(result)
    if reference and samples and not any(_too_few(result, samples, reference, result.ruleset.significance)):
        yield from _too_few(result, samples, reference, training_thresholds(result.ruleset.name).doubt)


def _too_few(
    result: TrainingResult, samples: list[int], reference: list[float], significance: float
) -> Iterator[Violation]:
    """Yield a problem where the mean of `samples` is below the bound at `significance`."""
    bound, mean = fastest_mean(reference, len(samples), significance), fmean(samples)
    if mean < bound:
        message = "the result reaches the target in fewer samples than the reference runs allow"
        expected = f"at least {bound:.0f} samples on average ({len(reference)} reference runs, level {significance:g})"
        yield Violation(message, expected, f"{mean:.0f} samples over {len(samples)} runs", result.folder)


def _reference(result: TrainingResult) -> list[float] | None:
    """Return the samples to target of the round's reference runs; None where it has none."""
    runs = references(result.ruleset.name, result.workload, result.source_sha256)
    return None if runs is None else [float(run.samples) for run in runs]


def _samples_to_target(result: TrainingResult) -> list[int]:
    """Return the samples of each run that reached the target; nothing where one of them does not say."""
    counts = [run.stop.metadata.get("samples_count") for run in result.runs if run.stop and run.converged]
    known = [count for count in counts if type(count) is int]
    return known if len(known) == len(counts) else []
