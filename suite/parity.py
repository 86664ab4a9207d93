"""The parity certificate: run the first steps of a workload in every framework, compare, keep the proof.

What is compared is in `suite.harness.parity`, how far it may differ in the rule set, and who judges in
`checker.parity`; this module only runs the three and writes down what they said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import docker
from pydantic import Field, ValidationError

import rules.workload
from rules.documents import Document, FrameworkParity, ParityCertificate, Sha256
from rules.errors import JudgedError, UsageError
from rules.text import printable
from rules.workload import WorkloadRules
from suite import cache, source
from suite.images.build import BuiltImage, build, verify
from suite.images.matrix import cell
from suite.plan import Plan, last_cpus
from suite.progress import Phase
from suite.run import Watch
from suite.sandbox import Limits, Sandbox, command
from suite.settings import settings
from suite.tensors import largest_differences, read_float64

Loss = Annotated[float, Field(allow_inf_nan=False)]


class _Said(Document):
    """`parity.json`, as the harness writes it."""

    framework: str
    initial_weights_sha256: Sha256
    losses_float32: list[Loss]
    losses_float64: list[Loss]


@dataclass(frozen=True)
class Side:
    """What one framework's container gave back."""

    parity: FrameworkParity
    initial_weights_sha256: str
    gradients: bytes
    weights: bytes


def certify(
    client: docker.DockerClient,
    ruleset: str,
    limits: WorkloadRules,
    data: Mapping[str, Path],
    target: str,
) -> ParityCertificate:
    """Run every framework of the workload on `target` and return what they said, not judged.

    Raises JudgedError where a framework fails, or where they do not even hold the same tensors.
    """
    sides, code = [], source.files(limits.workload)
    for framework in settings(limits.workload).frameworks:
        with Phase(f"image {framework} {target}") as phase:
            image = build(client, cell(framework, target), _shown_by(phase))
        with Phase(f"parity {framework}") as phase:
            sides.append(run_side(client, image, ruleset, limits, code, data, phase))
    return certificate_of(ruleset, limits, source.digest(code), sides)


def certificate_of(ruleset: str, limits: WorkloadRules, source_sha256: str, sides: Sequence[Side]) -> ParityCertificate:
    """Compare the sides; raise JudgedError where they did not start alike or do not hold the same tensors."""
    initial = {side.initial_weights_sha256 for side in sides}
    if len(initial) > 1:
        raise JudgedError("the frameworks did not start from the same weights")
    return ParityCertificate(
        schema="assay/parity-certificate/1",
        ruleset=ruleset,
        workload=limits.workload,
        seed=limits.parity.seed,
        source_sha256=source_sha256,
        data=limits.data,
        initial_weights_sha256=initial.pop(),
        frameworks=[side.parity for side in sides],
        gradient_differences=largest_differences([read_float64(side.gradients) for side in sides]),
        weight_differences=largest_differences([read_float64(side.weights) for side in sides]),
    )


def _shown_by(phase: Phase) -> Callable[[str, int, int], None]:
    """Return the image builder's progress, as `phase` shows it."""
    return lambda what, done, total: phase.to(done, total, what)


def run_side(
    client: docker.DockerClient,
    image: BuiltImage,
    ruleset: str,
    limits: WorkloadRules,
    code: Mapping[str, bytes],
    data: Mapping[str, Path],
    phase: Phase,
) -> Side:
    """Run one framework's parity job in its image; raise JudgedError where it fails or gives back nonsense."""
    framework, target = image.identity.framework, image.identity.target
    job = {
        "mode": "parity",
        "workload": limits.workload,
        "framework": framework,
        "division": "closed",
        "target": target,
        "run": 0,
        "seed": limits.parity.seed,
        "threads": 1,
        "submission": {"org": "assay", "platform": target},
        "ruleset": ruleset,
        "source_sha256": source.digest(code),
        "data": limits.data,
        "hyperparameters": limits.hyperparameters,
        "evaluation": limits.evaluation.model_dump(),
        "quality": limits.quality.model_dump(),
        "warmup_steps": limits.warmup_steps,
        "parity_steps": limits.parity.steps,
    }
    files: list[tuple[str, bytes | Path]] = [("job.json", json.dumps(job).encode())]
    files += [(f"source/{name}", content) for name, content in code.items()]
    files += [(f"data/{name}", path) for name, path in data.items()]
    memory = settings(limits.workload).frameworks[framework].memory_mib << 20
    bounds = Limits(cpuset=last_cpus(1, int(client.info()["NCPU"])), memory_bytes=memory)
    watch = Watch(phase)
    verify(client, image)
    environment = image.environment | {"PYTHONPATH": "/io/job/source"}
    with Sandbox(client, image.image_id, bounds, environment, command()) as box:
        box.put(files)
        ended = box.run(limits.time_limit_s, watch.stdout, watch.stderr)
        out = box.take()
        box.close()
    if ended.status != 0:
        last = "\n".join(f"  | {printable(line)}" for line in watch.words[-20:])
        raise JudgedError(f"the parity run of {framework} ended with {ended}\n{last}")
    try:
        said = _Said.model_validate_json(out["parity.json"])
        gradients, weights = out["gradients.safetensors"], out["weights.safetensors"]
    except (KeyError, ValidationError) as error:
        raise JudgedError(f"the parity run of {framework} gave back no usable result: {error}") from None
    return Side(
        FrameworkParity(
            framework=framework,
            wheel_lock_sha256=image.identity.wheel_lock_sha256,
            versions=image.identity.versions,
            losses_float64=said.losses_float64,
            losses_float32=said.losses_float32,
        ),
        said.initial_weights_sha256,
        gradients,
        weights,
    )


def published(ruleset: str, workload: str) -> Path:
    """Return where the round's own certificate stands."""
    return rules.workload.ROOT / ruleset / "parity" / f"{workload}.json"


def kept(found: ParityCertificate) -> Path:
    """Return where a certificate made on this machine is kept, by what it is bound to."""
    bound: list[Any] = [found.ruleset, found.source_sha256, sorted(found.data.items())]
    bound += sorted((side.framework, side.wheel_lock_sha256) for side in found.frameworks)
    name = hashlib.sha256(json.dumps(bound).encode()).hexdigest()
    return cache.folder("parity", found.workload) / f"{name}.json"


def write(found: ParityCertificate, path: Path) -> None:
    """Write a certificate to `path`, by one rename."""
    with cache.scratch() as scratch:
        (scratch / path.name).write_text(found.model_dump_json(by_alias=True, indent=1) + "\n")
        cache.publish(scratch / path.name, path)


def certificate(plan: Plan) -> ParityCertificate:
    """Return a certificate that fits `plan`: the round's own, or one made here; raise UsageError where none does."""
    places = [published(plan.ruleset, plan.workload)]
    places += sorted(cache.folder("parity", plan.workload).glob("*.json"))
    for path in places:
        if path.is_file() and _fits(found := _read(path), plan):
            return found
    raise UsageError(
        f"no parity certificate covers this source of {plan.workload} with these wheels of {plan.framework}",
        fix=f"assay parity {plan.workload} makes one (minutes), or run in the open division",
    )


def _read(path: Path) -> ParityCertificate:
    try:
        return ParityCertificate.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{path} is not a parity certificate: {error}", fix="delete it, or make it anew") from None


def _fits(found: ParityCertificate, plan: Plan) -> bool:
    """Say whether a certificate is bound to what the plan will run."""
    locks: Sequence[str] = [s.wheel_lock_sha256 for s in found.frameworks if s.framework == plan.framework]
    bound = (found.ruleset, found.workload, found.source_sha256, found.data)
    return bound == (plan.ruleset, plan.workload, plan.source_sha256, plan.data) and locks == [
        plan.image.wheel_lock_sha256
    ]
