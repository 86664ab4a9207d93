"""Jobs of which no result is made: parity, reference runs, a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from rules.workload import WorkloadRules, workload_rules
from suite.engines.base import Runner, SandboxLimits
from suite.host.progress import Phase
from suite.images.matrix import target
from suite.inputs import source
from suite.inputs.data import obtain
from suite.inputs.settings import settings
from suite.result.job import Finished, job_files, run_job
from suite.training.job import job


@dataclass(frozen=True)
class Unmeasured:
    """What such jobs run: a workload by a round's rules, the source, and the data by name."""

    ruleset: str
    rules: WorkloadRules
    code: Mapping[str, bytes]
    data: Mapping[str, Path]

    @classmethod
    def of(cls, ruleset: str, workload: str, own: Path | None, *, profile: bool = False) -> Self:
        """Return those of the present source, after fetching the data, or taking it from the user's `own` folder."""
        rules = workload_rules(ruleset, workload)
        with Phase("data") as phase:
            files = obtain(workload, rules, own, phase.to)
        return cls(ruleset, rules, source.files(workload, profile), files)

    @cached_property
    def source_sha256(self) -> str:
        """The source's digest."""
        return source.digest(self.code)

    def run(
        self,
        runner: Runner,
        mode: Literal["train", "parity", "profile"],
        cpus: str,
        phase: Phase | None = None,
        **given: Any,
    ) -> Finished:
        """Run a job in the runner's image on `cpus`, with the target's devices; `given`: its seed, and what differs."""
        assert runner.image is not None  # what these show is of images
        framework, kind = runner.image.framework, runner.image.target
        own = {"ruleset": self.ruleset, "framework": framework, "target": kind, "digests": source.digests(self.code)}
        memory = settings(self.rules.workload).frameworks[framework].memory_mib << 20
        limits = SandboxLimits(cpus, memory, access=target(kind).access)
        files = job_files(self.code, self.data)
        return run_job(runner, job(mode, self.rules, **own | given), files, limits, self.rules.time_limit_s, phase)
