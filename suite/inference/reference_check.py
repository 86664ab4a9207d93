"""Before anything is timed: the framework gives what the rule set's float64 reference gives."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rules.errors import JudgedError, UsageError
from rules.round import find
from rules.serving import ServingRules
from rules.serving_documents import OutputsCertificate
from suite.host.progress import say
from suite.inference import loadgen_config as told
from suite.inference.context import InferenceContext


def agree(context: InferenceContext) -> None:
    """See that the framework gives what the reference gives, before anything is timed."""
    plan, agreed = context.plan, context.rules.outputs
    certificate = context.work.outputs()
    if certificate is None:
        finished = context.unmeasured("outputs", told.outputs_job(plan, context.rules))
        certificate = OutputsCertificate(
            schema="assay/outputs/1",
            ruleset=plan.ruleset,
            workload=plan.workload,
            framework=plan.framework,
            precision=plan.sut.precision,
            source_sha256=plan.source_sha256,
            data=plan.data,
            samples=agreed.samples,
            outputs=finished.result()["outputs"],
        )
    reference = reference_outputs(plan.ruleset, context.rules)
    bound, largest, sample = agreed.tolerance[plan.sut.precision], 0.0, -1
    for number, found, wanted in zip(agreed.samples, certificate.outputs, reference, strict=True):
        difference = relative_difference(found, wanted)
        if difference > largest:
            largest, sample = difference, number
    if largest > bound:
        raise JudgedError(
            f"{plan.workload} in {plan.framework}: the outputs of sample {sample} differ from the reference by "
            f"{largest:.2g}, {plan.sut.precision} allows {bound:g}: this is a different model, so it is not timed",
            fix="compare the model with the workload's description, layer by layer",
        )
    say(f"  outputs differ from the reference by {largest:.2g} at most, {bound:g} is allowed")
    context.work.keep_ours("outputs.json", certificate)


def reference_outputs(ruleset: str, rules_: ServingRules) -> list[list[float]]:
    """Return the rule set's float64 outputs of its few samples; UsageError where the file is not the one it names."""
    file = f"outputs/{rules_.workload}.json"
    path = find(ruleset, file) or Path(ruleset, file)
    try:
        content = path.read_bytes()
        found = json.loads(content)
        if hashlib.sha256(content).hexdigest() == rules_.outputs.reference_sha256:
            outputs: list[list[float]] = found["outputs"]
            return outputs
        why = "its SHA-256 is not the one the rules name"
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = str(error)
    raise UsageError(f"{path}: {why}", fix="restore the rule set's file")


def relative_difference(found: list[float], wanted: list[float]) -> float:
    """Return max|found - wanted| / max|wanted|; infinity where they differ in length."""
    if len(found) != len(wanted):
        return float("inf")
    scale = max(map(abs, wanted)) or 1.0
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True)) / scale
