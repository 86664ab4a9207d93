"""Rules that compare a closed result with what the round publishes: its parity certificate and its source."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.documents import ValidDocument
from checker.core.findings import Violation
from checker.families.assay.checks import check
from checker.families.assay.training.parity import relative_difference
from checker.families.assay.training.submission import TrainingResult
from rules.documents import FrameworkParity, ParityCertificate, RunRecord
from rules.published import certificates, sources, transports
from rules.thresholds import training_thresholds

Certificate = ValidDocument[ParityCertificate]


def _published(result: TrainingResult) -> ParityCertificate | None:
    """Return the round's certificate on the source that ran, of its wheels where there are several."""
    published = certificates(result.ruleset.name, result.workload, result.source_sha256)
    wheels = None if result.certificate is None else _wheels(result.certificate.model)
    return next((one for one in published if _wheels(one) == wheels), published[0] if published else None)


def _wheels(certificate: ParityCertificate) -> dict[str, str]:
    return {side.framework: side.wheel_lock_sha256 for side in certificate.frameworks}


@check("parity-published", "result")
def parity_published(result: TrainingResult, certificate: Certificate) -> Iterator[Violation]:
    """Judge that the certificate is of the round's model: its frameworks, tensors, initial weights, first losses."""
    published = _published(result)
    if published is None or result.rules is None:
        return
    message = "the certificate began with other weights than the round's"
    yield from certificate.require(message, published.initial_weights_sha256, "initial_weights_sha256")
    for member in ("gradient_differences", "weight_differences"):
        wanted, found = getattr(published, member), certificate.value(member)
        for missing in sorted(wanted.keys() ^ found.keys())[:1]:
            message = f"the certificate compares other tensors than the round's: {missing[:100]}"
            yield certificate.problem(message, f"{len(wanted)} tensors", f"{len(found)} tensors", member)
    sides = {side.framework: (position, side) for position, side in enumerate(certificate.model.frameworks)}
    expected = {side.framework: side for side in published.frameworks}
    if set(sides) != set(expected):
        names = ", ".join(sorted(expected))
        message = "the certificate is not of the round's frameworks"
        yield certificate.problem(message, names, ", ".join(sorted(sides)), "frameworks")
    for name, (position, side) in sides.items():
        if name in expected:
            yield from _side(result, certificate, position, side, expected[name])


def _side(
    result: TrainingResult, certificate: Certificate, position: int, side: FrameworkParity, published: FrameworkParity
) -> Iterator[Violation]:
    """Judge one framework's side: wheels and versions of the round, losses as published."""
    for member, what in (("wheel_lock_sha256", "another wheel lock"), ("versions", "other wheels")):
        wanted, found = getattr(published, member), getattr(side, member)
        if wanted != found:
            message = f"{side.framework} of the certificate has {what} than the round's"
            yield certificate.problem(message, str(wanted)[:200], str(found)[:200], "frameworks", position, member)
    first = training_thresholds(result.ruleset.name).first_losses
    bound = result.rules.parity.losses_float64 if result.rules else 0.0
    pairs = zip(side.losses_float64[:first], published.losses_float64[:first], strict=False)
    for step, (found_loss, wanted_loss) in enumerate(pairs):
        if relative_difference(found_loss, wanted_loss) > bound:
            message = f"{side.framework} has another float64 loss than published at step {step + 1}"
            place = ("frameworks", position, "losses_float64", step)
            yield certificate.problem(message, f"{wanted_loss!r} within {bound:g}", f"{found_loss!r}", *place)
            return


@check("parity-versions", "result")
def parity_versions(certificate: Certificate, first_record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge that the certificate's wheels of this framework are those of the image that ran."""
    record = first_record.model
    for position, side in enumerate(certificate.model.frameworks):
        if side.framework == record.framework and side.versions != record.versions:
            changed = sorted(side.versions.items() ^ record.versions.items())
            message = f"the certificate was made with other wheels than ran, e.g. {changed[0][0][:100]}"
            place = ("frameworks", position, "versions")
            yield certificate.problem(message, "the image's wheels", "other wheels", *place)


@check("source-published", "result")
def source_published(result: TrainingResult, first_record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Point at source that is not the published one: its own certificate speaks for it, and a reviewer reads it.

    So too at a transport of which no round says that it was read; nothing else speaks for one.
    """
    published = [one.source_sha256 for one in sources(result.ruleset.name, result.workload)]
    if not published:
        return
    source, transport = first_record.model.source_sha256, first_record.model.transport_sha256
    if source not in published:
        yield first_record.problem("the source is not the published one", published[0], source, "source_sha256")
    known = transports(result.ruleset.name)
    if transport is not None and transport not in known:
        message = "the transport is not a published one"
        yield first_record.problem(message, next(reversed(known), ""), transport, "transport_sha256")


@check("source-files", "result")
def source_files(result: TrainingResult) -> Iterator[Violation]:
    """Judge that the source holds the harness and the framework's side of the workload."""
    if not result.framework:
        return
    side = f"suite/workloads/{result.workload.replace('-', '_')}/{result.framework}.py"
    for name in ("suite/harness/train.py", side):
        path = f"{result.implementation}/{name}"
        if not result.tree.is_file(path):
            yield Violation("the source lacks what every closed result runs", name, "nothing", path)
