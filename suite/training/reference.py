"""Reference runs: how many samples the workload needs, from seeds no submission can have.

A closed result may not reach the target in significantly fewer samples than these (families/assay/rules/comparison.py).
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import docker

import rules.round
from rules.documents import Outcome
from rules.errors import JudgedError
from rules.ruleset import load
from rules.seeds import run_seed
from rules.workload import WorkloadRules
from suite import source
from suite.engines.base import Limits
from suite.engines.docker.runner import Containers
from suite.images.build import BuiltImage
from suite.progress import Phase
from suite.result.job import job, job_files, run_job
from suite.settings import settings

SUBMITTER = "(reference)"  # no submitter's name has parentheses, so no submission has these seeds


@dataclass(frozen=True)
class Reference:
    """One reference run: what it needed, and its log."""

    framework: str
    seed: int
    samples: int
    log: bytes


def measure(
    client: docker.DockerClient,
    ruleset: str,
    limits: WorkloadRules,
    images: Mapping[str, BuiltImage],
    data: Mapping[str, Path],
    runs: int,
) -> Iterator[Reference]:
    """Yield `runs` reference runs of each framework, as many at a time as the engine has CPUs, one thread each."""
    cpus: SimpleQueue[int] = SimpleQueue()
    count = int(client.info()["NCPU"])
    for cpu in range(count):
        cpus.put(cpu)
    salt, code = load(ruleset).salt, source.files(limits.workload)

    def one(work: tuple[str, int]) -> Reference:
        framework, run = work
        seed = run_seed(salt, SUBMITTER, framework, limits.workload, "closed", run)
        cpu = cpus.get()
        try:
            return _run(client, ruleset, limits, images[framework], code, data, seed, cpu)
        finally:
            cpus.put(cpu)

    with ThreadPoolExecutor(count) as pool, Phase(f"reference runs of {limits.workload}") as phase:
        todo = [(framework, run) for run in range(runs) for framework in images]
        for done, found in enumerate(pool.map(one, todo), start=1):
            phase.to(done, len(todo), f"{found.framework} {found.samples} samples")
            yield found


def _run(
    client: docker.DockerClient,
    ruleset: str,
    limits: WorkloadRules,
    image: BuiltImage,
    code: Mapping[str, bytes],
    data: Mapping[str, Path],
    seed: int,
    cpu: int,
) -> Reference:
    """Train once; raise JudgedError where the target is not reached: such a workload needs other rules."""
    framework = image.identity.framework
    given = job(
        "train",
        limits,
        ruleset=ruleset,
        framework=framework,
        target=image.identity.target,
        seed=seed,
        source_sha256=source.digest(code),
        submission={"org": "reference", "platform": framework},
    )
    memory = settings(limits.workload).frameworks[framework].memory_mib << 20
    finished = run_job(
        Containers(client, image), given, job_files(code, data), Limits(str(cpu), memory), limits.time_limit_s
    )
    outcome, explanation = finished.judge(limits)
    if outcome is not Outcome.SUCCESS:
        raise JudgedError(f"the reference run of {framework} with seed {seed}: {explanation}")
    samples = int(finished.watch.events("run_stop")[-1]["metadata"]["samples_count"])
    return Reference(framework, seed, samples, finished.watch.log)


def write(ruleset: str, workload: str, found: list[Reference], logs: Path) -> Path:
    """Write the round's reference file and each log, compressed, into the folder `logs`; return the former."""
    logs.mkdir(parents=True, exist_ok=True)
    entries = []
    for one in sorted(found, key=lambda reference: (reference.framework, reference.seed)):
        digest = hashlib.sha256(one.log).hexdigest()
        entries.append(
            {"framework": one.framework, "seed": one.seed, "samples": one.samples, "log_sha256": digest},
        )
        (logs / f"{workload}-{one.framework}-{one.seed}.txt.xz").write_bytes(lzma.compress(one.log))
    path = rules.round.ROOT / ruleset / "references" / f"{workload}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")
    return path
