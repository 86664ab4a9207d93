"""The parity certificate: run the first steps of a workload in every framework, compare, keep the proof.

What is compared is in `suite.harness.parity`, how far it may differ in the rule set, and who judges in
`checker.families.assay.training.parity`; this module only runs the three and writes down what they said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from rules.documents import Document, FrameworkParity, ParityCertificate, Sha256
from rules.errors import JudgedError, UsageError
from rules.published import add, certificates, new_file, write
from suite.engines.base import Engine, Runner
from suite.host import cache
from suite.host.cpus import last_cpus
from suite.host.progress import Phase
from suite.images.matrix import cell, select
from suite.inputs.settings import settings
from suite.training.job import judge
from suite.training.plan import TrainingPlan
from suite.training.tensors import largest_differences, read_float64
from suite.training.unmeasured import Unmeasured

Loss = Annotated[float, Field(allow_inf_nan=False)]


class _Said(Document):
    """`parity.json`, as the harness writes it."""

    framework: str
    initial_weights_sha256: Sha256
    losses_float32: list[Loss]
    losses_float64: list[Loss]


@dataclass(frozen=True)
class FrameworkSide:
    """What one framework's container gave back."""

    parity: FrameworkParity
    initial_weights_sha256: str
    gradients: bytes
    weights: bytes


def certify(engine: Engine, jobs: Unmeasured, target: str) -> ParityCertificate:
    """Run every framework of the workload that `target` has and return what they said, not judged.

    Raises JudgedError where a framework fails, or where they do not even hold the same tensors.
    """
    there = {each.framework for each in select(target=target)}
    sides = []
    for framework in (name for name in settings(jobs.rules.workload).frameworks if name in there):
        runner, cpus = engine.runner(cell(framework, target)), last_cpus(1, range(engine.host.cpus))
        with Phase(f"parity {framework}") as phase:
            sides.append(run_side(jobs, runner, cpus, phase))
    return certificate_of(jobs, sides)


def certificate_of(jobs: Unmeasured, sides: Sequence[FrameworkSide]) -> ParityCertificate:
    """Compare the sides; raise JudgedError where they did not start alike or do not hold the same tensors."""
    initial = {side.initial_weights_sha256 for side in sides}
    if len(initial) > 1:
        raise JudgedError("the frameworks did not start from the same weights")
    return ParityCertificate(
        schema="assay/parity-certificate/1",
        ruleset=jobs.ruleset,
        workload=jobs.rules.workload,
        seed=jobs.rules.parity.seed,
        source_sha256=jobs.source_sha256,
        data=jobs.rules.data,
        initial_weights_sha256=initial.pop(),
        frameworks=[side.parity for side in sides],
        gradient_differences=largest_differences([read_float64(side.gradients) for side in sides]),
        weight_differences=largest_differences([read_float64(side.weights) for side in sides]),
    )


def run_side(jobs: Unmeasured, runner: Runner, cpus: str, phase: Phase | None) -> FrameworkSide:
    """Run one framework's parity job on `cpus`; raise JudgedError where it fails or gives back nonsense."""
    asked = jobs.rules.parity
    finished = jobs.run(runner, "parity", cpus, phase, seed=asked.seed, parity_steps=asked.steps)
    assert runner.image is not None
    image, out = runner.image, finished.files
    if finished.ended.status != 0:
        last = "\n".join(f"  | {line}" for line in finished.watch.words[-20:])
        raise JudgedError(f"the parity run of {image.framework}: {judge(finished, jobs.rules)[1]}\n{last}")
    try:
        said = _Said.model_validate_json(out["parity.json"])
        gradients, weights = out["gradients.safetensors"], out["weights.safetensors"]
    except (KeyError, ValidationError) as error:
        why = f"gave back no usable result: {type(error).__name__}"
        raise JudgedError(f"the parity run of {image.framework} {why}") from None
    side = FrameworkParity(
        framework=image.framework,
        wheel_lock_sha256=image.wheel_lock_sha256,
        versions=image.versions,
        losses_float64=said.losses_float64,
        losses_float32=said.losses_float32,
    )
    return FrameworkSide(side, said.initial_weights_sha256, gradients, weights)


def publish(found: ParityCertificate) -> Path:
    """Add a certificate to those that the round publishes; return its file."""
    file = new_file(found.ruleset, "parity", found.workload, found.source_sha256)
    path = write(found.ruleset, file, _text(found))
    add(found.ruleset, found.workload, found.source_sha256, parity=file)
    return path


def keep(found: ParityCertificate) -> Path:
    """Keep a certificate on this machine, by what it is bound to; return its file."""
    bound: list[Any] = [found.ruleset, found.source_sha256, sorted(found.data.items())]
    bound += sorted((side.framework, side.wheel_lock_sha256) for side in found.frameworks)
    name = hashlib.sha256(json.dumps(bound).encode()).hexdigest()
    path = cache.folder("parity", found.workload) / f"{name}.json"
    with cache.scratch() as scratch:
        (scratch / path.name).write_text(_text(found))
        cache.publish(scratch / path.name, path)
    return path


def _text(found: ParityCertificate) -> str:
    return found.model_dump_json(by_alias=True, indent=1) + "\n"


def certificate(plan: TrainingPlan) -> ParityCertificate:
    """Return a certificate that fits `plan`: the round's own, or one made here; raise UsageError where none does."""
    kept_here = sorted(cache.folder("parity", plan.workload).glob("*.json"))
    # One that is broken here does no harm where the round's own fits.
    for found in chain(certificates(plan.ruleset, plan.workload, plan.source_sha256), map(_read, kept_here)):
        if _fits(found, plan):
            return found
    raise UsageError(
        f"no parity certificate covers this source of {plan.workload} with these wheels of {plan.framework}",
        fix=f"assay parity {plan.workload} --target {plan.target} makes one (minutes), or run in the open division",
    )


def _read(path: Path) -> ParityCertificate:
    try:
        return ParityCertificate.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{path} is not a parity certificate: {error}", fix="delete it, or make it again") from None


def _fits(found: ParityCertificate, plan: TrainingPlan) -> bool:
    """Say whether a certificate is bound to what the plan will run."""
    locks: Sequence[str] = [s.wheel_lock_sha256 for s in found.frameworks if s.framework == plan.framework]
    bound = (found.ruleset, found.workload, found.source_sha256, found.data)
    wanted = (plan.ruleset, plan.workload, plan.source_sha256, plan.data)
    return bound == wanted and plan.image is not None and locks == [plan.image.wheel_lock_sha256]
