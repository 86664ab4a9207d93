"""A CUDA image on an engine without a GPU: it can be built from its locks, and never runs on the processor instead.

Gigabytes are fetched and some 12 GiB of disk used: only where ASSAY_BUILD_CUDA is set.
"""

from __future__ import annotations

import os

import pytest

from rules.documents import Outcome
from rules.workload import workload_rules
from suite.engines.base import SandboxLimits
from suite.engines.docker import questions
from suite.engines.docker.images import DockerImages
from suite.engines.docker.runner import DockerRunner
from suite.images.build import build
from suite.images.matrix import cell, target
from suite.inputs import data, source
from suite.result.job import job_files, run_job
from suite.training.job import job, judge

pytestmark = [
    pytest.mark.engine,
    pytest.mark.image,
    pytest.mark.skipif(not os.environ.get("ASSAY_BUILD_CUDA"), reason="ASSAY_BUILD_CUDA is not set: gigabytes"),
]


def test_an_image_with_cuda_is_built_and_fails_where_there_is_no_gpu(client) -> None:
    if questions.refusal(client, "amd64", target("cuda").access) is None:
        pytest.skip("this engine has a GPU")
    image = build(DockerImages(client), cell("jax", "cuda"), lambda *_: None)
    assert {"jax-cuda12-plugin", "nvidia-cudnn-cu12", "nvidia-cublas-cu12"} <= image.identity.versions.keys()
    workload = "image-classification"
    rules = workload_rules("assay/1.0", workload)
    files, code = data.obtain(workload, rules, None, lambda *_: None), source.files(workload)
    given = job(
        "train", rules, ruleset="assay/1.0", framework="jax", target="cuda", seed=1, digests=source.digests(code)
    )
    # Without the target's access to a device, which the engine would refuse first.
    finished = run_job(DockerRunner(client, image), given, job_files(code, files), SandboxLimits("0", 4 << 30), 300)
    outcome, why = judge(finished, rules)
    assert outcome is Outcome.CRASHED
    assert "cuda" in " ".join([why, *finished.watch.words]).lower()
    assert not finished.watch.events("run_start")
