"""Before anything is timed: the framework gives what the rule set's float64 reference gives."""

from __future__ import annotations

from pathlib import Path

from checker.families.assay.inference.rules.outputs import read_reference, relative_difference
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
        finished = context.unmeasured(
            "outputs", told.job(plan, context.rules, "outputs", "Offline", outputs={"samples": agreed.samples})
        )
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
    bound = agreed.tolerance[plan.sut.precision]
    apart = map(relative_difference, certificate.outputs, reference)
    largest, sample = max(zip(apart, agreed.samples, strict=True), key=lambda pair: pair[0])
    if largest > bound:
        raise JudgedError(
            f"{plan.workload} in {plan.framework}: the outputs of sample {sample} differ from the reference by "
            f"{largest:.2g}, {plan.sut.precision} allows {bound:g}: this is a different model, so it is not timed",
            fix="compare the model with the workload's description, layer by layer",
        )
    say(f"  outputs differ from the reference by {largest:.2g} at most, {bound:g} is allowed")
    context.work.keep_ours("outputs.json", certificate)


def reference_outputs(ruleset: str, rules: ServingRules) -> list[list[float]]:
    """Return the rule set's float64 outputs of its few samples; UsageError where the file is not the one it names."""
    file = f"outputs/{rules.workload}.json"
    try:
        return read_reference(find(ruleset, file) or Path(ruleset, file), rules.outputs.reference_sha256)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"the reference outputs: {error}", fix="restore the rule set's file") from None
