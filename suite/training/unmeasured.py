"""A job of which no result is made: parity, a reference run, a profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from rules.workload import WorkloadRules
from suite.engines.base import Runner, SandboxLimits
from suite.host.progress import Phase
from suite.images.matrix import target
from suite.inputs import source
from suite.inputs.settings import settings
from suite.result.job import Finished, job, job_files, run_job


def run_unmeasured(
    runner: Runner,
    mode: Literal["train", "parity", "profile"],
    ruleset: str,
    rules: WorkloadRules,
    code: Mapping[str, bytes],
    data: Mapping[str, Path],
    cpus: str,
    phase: Phase | None = None,
    **given: Any,
) -> Finished:
    """Run a job in the runner's image on `cpus`, with the target's devices; `given` is its seed, and what differs."""
    assert runner.image is not None  # what these show is of images
    image, framework = runner.image, runner.image.framework
    asked = job(
        mode,
        rules,
        ruleset=ruleset,
        framework=framework,
        target=image.target,
        digests=source.digests(code),
        **given,
    )
    memory = settings(rules.workload).frameworks[framework].memory_mib << 20
    limits = SandboxLimits(cpus, memory, access=target(image.target).access)
    return run_job(runner, asked, job_files(code, data), limits, rules.time_limit_s, phase)
