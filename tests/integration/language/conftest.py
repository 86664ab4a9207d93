"""Jobs of the language workloads in the images of inference, with their real data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rules.serving import serving_rules, shipped
from suite.engines.base import SandboxLimits
from suite.engines.docker.images import DockerImages
from suite.engines.docker.runner import DockerRunner
from suite.images.build import build
from suite.images.matrix import cell
from suite.inputs import data, source
from suite.result.job import Finished, job_files, run_job

RULESET = "assay-inference/1.0"
Serve = Callable[..., Finished]


def obtained(workload: str) -> dict[str, Path]:
    """The data files of a workload, those that the rule set holds among them."""
    rules = serving_rules(RULESET, workload)
    held = {name: path for name in rules.data if (path := shipped(RULESET, name))}
    fetched = {name: digest for name, digest in rules.data.items() if name not in held}
    return data.obtain(workload, rules.model_copy(update={"data": fetched}), None, lambda *_: None) | held


@pytest.fixture(scope="session")
def serve(client) -> Serve:
    """Run a job of a language workload in a framework's image; `change` is put into the source first."""

    def run(
        workload: str, framework: str, mode: str, change: tuple[str, str, str] | None = None, **given: Any
    ) -> Finished:
        rules, code = serving_rules(RULESET, workload), source.serving_files(workload)
        if change:
            path, old, new = change
            assert code[path].count(old.encode()) == 1, f"{path} has no single {old!r}"
            code[path] = code[path].replace(old.encode(), new.encode())
        job = {
            "mode": mode,
            "workload": workload,
            "framework": framework,
            "division": "open",
            "target": "cpu",
            "scenario": "Offline",
            "tokens": rules.tokens,
            "submission": {"org": "tests", "platform": "box"},
            "ruleset": RULESET,
            **source.digests(code),
            "data": rules.data,
            "sut": {"threads": 1, "batch": 4, "precision": "float32", "workers": 1},
            "warmup_limit_s": rules.warmup_limit_s,
            "answer_limit_s": rules.answer_limit_s,
            "loadgen": {},
            "search": {},
            "outputs": {"samples": rules.outputs.samples},
        } | given
        image = build(DockerImages(client), cell(framework, "cpu", suite="inference"), lambda *_: None)
        limits = SandboxLimits(cpuset="", memory_bytes=4 << 30)
        return run_job(
            DockerRunner(client, image), job, job_files(code, obtained(workload)), limits, 900, module="suite.serve"
        )

    return run
