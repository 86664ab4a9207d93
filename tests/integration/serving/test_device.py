"""A model that was promised a GPU and finds none ends in a recorded failure, and never falls back to the processor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.serving import serving_rules, shipped
from rules.serving_documents import ServingOutcome
from suite.engines.base import SandboxLimits
from suite.engines.docker.images import DockerImages
from suite.engines.docker.runner import DockerRunner
from suite.images.build import build
from suite.images.matrix import cell
from suite.inference.context import judge
from suite.inputs import data, source
from suite.result.job import Finished, job_files, run_job
from tests.integration.serving.toys import RULESET, toy_job

pytestmark = [pytest.mark.engine, pytest.mark.image]

WORKLOAD = "image-classification"
RULES = serving_rules(RULESET, WORKLOAD)
LIMIT_S = 120.0
# What a target with an NVIDIA GPU puts into the environment of every process (images/).
PROMISED = {"ASSAY_DEVICE": "cuda", "JAX_PLATFORMS": "cuda"}
FORGOTTEN = {"ASSAY_DEVICE": "cuda"}  # by a target that says to the program alone what it has


def outputs(client, framework: str, environment: dict[str, str]) -> Finished:
    """Run the job that comes before everything else, in the processor's image with `environment` put in."""
    image = build(DockerImages(client), cell(framework, "cpu", suite="inference"), lambda *_: None)
    image = replace(image, environment=image.environment | environment)
    held = {name: path for name in RULES.data if (path := shipped(RULESET, name)) is not None}
    rest = RULES.model_copy(update={"data": {name: d for name, d in RULES.data.items() if name not in held}})
    files = held | data.obtain(WORKLOAD, rest, None, lambda *_: None)
    code = source.serving_files(WORKLOAD)
    given = {"workload": WORKLOAD, "framework": framework, "data": RULES.data, "outputs": {"samples": [0, 1]}}
    job = toy_job(code, "Offline", "outputs", **given, warmup_limit_s=LIMIT_S, answer_limit_s=LIMIT_S)
    limits = SandboxLimits(cpuset="0", memory_bytes=2 << 30)
    return run_job(DockerRunner(client, image), job, job_files(code, files), limits, LIMIT_S, module="suite.serve")


@pytest.mark.parametrize(
    ("framework", "promise", "told"),
    [
        ("pytorch", PROMISED, "Torch not compiled with CUDA enabled"),
        ("tensorflow", PROMISED, "TensorFlow sees no GPU, and the target's image says it must use one"),
        ("jax", PROMISED, "JAX sees no cuda device, and the target's image says it must use one"),
        ("jax", FORGOTTEN, "JAX sees no cuda device, and the target's image says it must use one"),
        ("onnxruntime", PROMISED, "ONNX Runtime has no CUDAExecutionProvider here"),
    ],
)
def test_without_the_promised_device_there_is_a_failure_and_no_answer(client, framework, promise, told) -> None:
    finished = outputs(client, framework, promise)
    outcome, explanation = judge(finished, LIMIT_S)
    assert outcome is ServingOutcome.CRASHED
    assert told in explanation
    assert "result.json" not in finished.files


def test_without_a_promise_the_same_job_answers_from_the_processor(client) -> None:
    finished = outputs(client, "onnxruntime", {})
    assert judge(finished, LIMIT_S) == (ServingOutcome.SUCCESS, "")
    assert len(finished.result()["outputs"]) == 2
