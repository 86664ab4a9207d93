"""Reference runs: how many samples the workload needs, from seeds no submission can have.

A closed result may not reach the target in significantly fewer samples than these (checker.judges.comparison).
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

import rules.workload
from rules.errors import JudgedError
from rules.ruleset import load
from rules.seeds import run_seed
from rules.workload import WorkloadRules
from suite import source
from suite.images.build import BuiltImage, verify
from suite.progress import Phase
from suite.run import Watch
from suite.sandbox import Limits, Sandbox, command
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
    job = {
        "mode": "train",
        "workload": limits.workload,
        "framework": framework,
        "division": "closed",
        "target": image.identity.target,
        "run": 0,
        "seed": seed,
        "threads": 1,
        "submission": {"org": "reference", "platform": framework},
        "ruleset": ruleset,
        "source_sha256": source.digest(code),
        "data": limits.data,
        "hyperparameters": limits.hyperparameters,
        "evaluation": limits.evaluation.model_dump(),
        "quality": limits.quality.model_dump(),
        "warmup_steps": limits.warmup_steps,
    }
    files: list[tuple[str, bytes | Path]] = [("job.json", json.dumps(job).encode())]
    files += [(f"source/{name}", content) for name, content in code.items()]
    files += [(f"data/{name}", path) for name, path in data.items()]
    memory = settings(limits.workload).frameworks[framework].memory_mib << 20
    watch = Watch(_Silent())
    verify(client, image)
    environment = image.environment | {"PYTHONPATH": "/io/job/source"}
    with Sandbox(client, image.image_id, Limits(str(cpu), memory), environment, command()) as box:
        box.put(files)
        ended = box.run(limits.time_limit_s, watch.stdout, watch.stderr)
        box.close()
    if ended.status != 0 or watch.values().get("status") != "success":
        raise JudgedError(f"the reference run of {framework} with seed {seed} did not reach the target ({ended})")
    log = "".join(f"{line}\n" for line in watch.lines).encode()
    return Reference(framework, seed, _samples(watch), log)


class _Silent(Phase):
    """Several runs at a time share one bar, which counts runs."""

    def __init__(self) -> None:
        super().__init__("")

    def to(self, done: int, total: int, detail: str = "") -> None:
        """Show nothing."""


def _samples(watch: Watch) -> int:
    """Return the samples seen when the clock stopped."""
    for line in watch.lines:
        event = json.loads(line.partition(":::MLLOG ")[2])
        if event["key"] == "run_stop":
            return int(event["metadata"]["samples_count"])
    raise JudgedError("the log of a reference run has no run_stop")


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
    path = rules.workload.ROOT / ruleset / "references" / f"{workload}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")
    return path
