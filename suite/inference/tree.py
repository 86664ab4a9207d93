"""MLPerf's own files of a scenario that LoadGen does not write: what the model is, how accurate it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rules.serving import ServingRules
from suite.inference import compliance
from suite.inference.plan import InferencePlan
from suite.inference.staging import ANSWERS, InferenceWork, shortened
from suite.result.staging import sha256, write

TOP_1 = "top-1 accuracy"
TYPES = {"float32": "fp32", "float64": "fp64", "float16": "fp16", "bfloat16": "bf16", "int8": "int8"}


def complete(work: InferenceWork, rules: ServingRules, staged: Path) -> None:
    """Write every scenario's descriptions, accuracy and verdicts of compliance runs into the staged result."""
    plan = work.plan
    for scenario in dict.fromkeys(scenario for scenario, _ in work.runs()):
        folder = staged / plan.results / scenario
        performance = work.record(scenario, "performance")
        assert performance is not None
        write(folder / "user.conf", performance.user_conf.encode())
        write(folder / "measurements.json", measurements(plan, rules))
        write(folder / "README.md", readme(plan, scenario, performance.arguments).encode())
        log = (staged / plan.ours / scenario / "accuracy" / ANSWERS).read_bytes()
        write(folder / "accuracy" / ANSWERS, shortened(log))
        write(folder / "accuracy" / "accuracy.txt", accuracy(work.metrics(scenario), log).encode())
        for test in plan.tests:
            compliance.verify(staged, plan.ruleset, plan.system, plan.workload, scenario, test)


def measurements(plan: InferencePlan, rules: ServingRules) -> bytes:
    """Return `measurements.json`: what MLPerf wants to know of the model, and the declared parameters."""
    kind = TYPES.get(plan.sut.precision, plan.sut.precision)
    weights = [name for name in rules.data if name.endswith((".safetensors", ".bin", ".gguf", ".pt"))]
    said = {
        "input_data_types": "int32" if rules.tokens else kind,
        "retraining": "no",
        "starting_weights_filename": ", ".join(weights) or "see assay/: every data file with its SHA-256",
        "weight_data_types": kind,
        "weight_transformations": "none" if kind == "fp32" else f"cast to {kind}",
        **plan.sut.model_dump(),
    }
    return (json.dumps(said, indent=2) + "\n").encode()


def readme(plan: InferencePlan, scenario: str, arguments: list[str]) -> str:
    """Return a scenario's README: what was run, and how to run it again."""
    return (
        f"# {plan.workload}, {scenario}, {plan.framework} on {plan.target}\n\n"
        f"Measured with Assay by the rule set {plan.ruleset}. To measure it again:\n\n    {' '.join(arguments)}\n\n"
        f"The source that ran is in `src/{plan.workload}/{plan.framework}/`, the record of each container in "
        f"`{plan.ours}/{scenario}/`.\n"
    )


def accuracy(metrics: Mapping[str, float], log: bytes) -> str:
    """Return `accuracy.txt`: a line per metric, then the digest of the whole accuracy log.

    Top-1 accuracy comes first in the field's words, which its checker looks for.
    """
    lines = [f"accuracy={100 * metrics[TOP_1]:.3f}%"] if TOP_1 in metrics else []
    lines += [f"{name}={value!r}" for name, value in metrics.items()]
    return "\n".join([*lines, f"hash={sha256(log)}"]) + "\n"
