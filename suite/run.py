"""Run a result: N containers one after the other, each recorded whatever its end, then one rename into the tree."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import docker

from rules.documents import Attempt, FileDigest, Memory, Outcome, RunRecord, Steps
from rules.errors import AssayError, JudgedError, MachineError
from rules.text import printable
from rules.workload import WorkloadRules
from suite.engine import EngineLostError
from suite.images.build import BuiltImage, verify
from suite.plan import result_folder, submitter_folder
from suite.progress import Phase, say
from suite.sandbox import PROGRESS, Ended, Limits, Sandbox, command
from suite.submission import Work, sha256

MLLOG = ":::MLLOG "
STDERR_KEPT = 200  # last lines of the framework's own words, for the explanation of a failure

# The run is part of the result, whatever its end; every other outcome stops the program and can be resumed.
RESULTS = {Outcome.SUCCESS, Outcome.TARGET_NOT_REACHED, Outcome.DIVERGED}
FIX = {
    Outcome.OUT_OF_MEMORY: "give it more with --memory (MiB), or free memory on the engine's machine; then --resume",
    Outcome.DISK_FULL: "free space on the engine's disk (`docker system df`); then --resume",
    Outcome.ENGINE_LOST: "start the engine again; then --resume",
    Outcome.TIMEOUT: "find out what slowed the machine down; then --resume",
    Outcome.CRASHED: "read the lines above; once the cause is gone, --resume",
}


@dataclass
class Watch:
    """What a run says while it runs: log lines with the host's receipt times, progress, and its last words."""

    phase: Phase
    lines: list[str] = field(default_factory=list)
    receipts: list[float] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def stdout(self, line: str, received: float) -> None:
        """Keep a line of the log."""
        self.lines.append(line)
        if MLLOG in line:
            self.receipts.append(received)

    def stderr(self, line: str, _received: float) -> None:
        """Move the bar, or keep what the framework said."""
        if line.startswith(PROGRESS):
            with contextlib.suppress(ValueError, TypeError, KeyError):
                said = json.loads(line[len(PROGRESS) :])
                self.phase.to(int(said["step"]), int(said["steps"]), printable(str(said.get("phase", "")), 40))
                return
        self.words = [*self.words[-STDERR_KEPT:], line]

    def values(self) -> dict[str, Any]:
        """Return the last value of each key in the log, with `run_stop`'s metadata as `status`."""
        found: dict[str, Any] = {}
        for line in self.lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                event = json.loads(line.partition(MLLOG)[2])
                found[event["key"]] = event["value"]
                if event["key"] == "run_stop":
                    found["status"] = event["metadata"].get("status")
        return found


def execute(
    client: docker.DockerClient,
    work: Work,
    image: BuiltImage,
    rules: WorkloadRules,
    files: Sequence[tuple[str, bytes | Path]],
    arguments: list[str],
) -> None:
    """Run what is left of `work`'s runs in `image`; `files` is the job's source and data.

    Raises JudgedError where a run came to nothing for its own reasons, MachineError where the machine failed it.
    """
    plan = work.plan
    for run in range(plan.runs):
        if run in work.finished():
            continue
        attempts = work.start(run)
        name = f"{plan.workload} {plan.framework} run {run + 1} of {plan.runs}"
        with Phase(name) as phase:
            watch = Watch(phase)
            try:
                verify(client, image)
                _one(client, work, image, rules, files, arguments, run, attempts, watch)
            except EngineLostError as error:
                work.failed(run, Outcome.ENGINE_LOST, error.message)
                raise
            except MachineError as error:
                outcome = Outcome.DISK_FULL if "full" in error.message else Outcome.CRASHED
                work.failed(run, outcome, error.message)
                raise


def _one(
    client: docker.DockerClient,
    work: Work,
    image: BuiltImage,
    rules: WorkloadRules,
    files: Sequence[tuple[str, bytes | Path]],
    arguments: list[str],
    run: int,
    attempts: list[Attempt],
    watch: Watch,
) -> None:
    plan = work.plan
    limits = Limits(cpuset=plan.cpuset, memory_bytes=plan.memory_bytes)
    with Sandbox(client, image.image_id, limits, plan.environment, command()) as box:
        container = box.describe()
        job = json.dumps(plan.job(run, rules), indent=2).encode()
        box.put([("job.json", job), *files])
        ended = box.run(plan.time_limit_s, watch.stdout, watch.stderr)
        out = box.take()
        box.close()
    outcome, explanation = judge(ended, watch, rules)
    if outcome not in RESULTS:
        work.failed(run, outcome, explanation)
        for line in watch.words[-20:]:
            say(f"  | {printable(line)}")
        error: type[AssayError] = MachineError if outcome is Outcome.DISK_FULL else JudgedError
        raise error(f"run {run + 1} of {plan.runs}: {explanation}", fix=FIX[outcome])
    log = "".join(f"{line}\n" for line in watch.lines).encode()
    weights = out.get("weights.safetensors")
    folder = result_folder(Path(), plan).relative_to(submitter_folder(Path(), plan)).as_posix()
    values = watch.values()
    result = json.loads(out.get("result.json", b"{}"))
    record = RunRecord(
        schema="assay/run-record/1",
        ruleset=plan.ruleset,
        submitter=plan.submitter,
        system=plan.system,
        workload=plan.workload,
        division=plan.division,
        framework=plan.framework,
        target=plan.target,
        emulated=plan.emulated,
        run=run,
        seed=plan.seed(run),
        outcome=outcome,
        explanation=explanation,
        earlier_attempts=attempts,
        log=FileDigest(path=f"{folder}/result_{run}.txt", sha256=sha256(log)),
        receipts=watch.receipts,
        image=plan.image,
        source_sha256=plan.source_sha256,
        data=plan.data,
        initial_weights_sha256=values.get("initial_weights_sha256"),
        final_weights=FileDigest(path=f"{folder}/result_{run}.safetensors", sha256=sha256(weights))
        if weights
        else None,
        threads=plan.threads,
        hyperparameters=plan.hyperparameters,
        arguments=arguments,
        environment=plan.environment,
        container=container,
        memory=_memory(ended, result),
        steps=Steps.model_validate(result["steps"]) if "steps" in result else None,
        assay=version("assay"),
    )
    work.finish(run, log, weights, record)
    say(f"  {outcome.value}{f': {explanation}' if explanation else ''}")


def _memory(ended: Ended, result: dict[str, Any]) -> Memory | None:
    """Return the cgroup's peak, or the process's own where the kernel gave none."""
    if ended.memory or "peak_memory_bytes" not in result:
        return ended.memory
    return Memory(peak_bytes=result["peak_memory_bytes"], source="process ru_maxrss")


def judge(ended: Ended, watch: Watch, rules: WorkloadRules) -> tuple[Outcome, str]:
    """Return how a run ended and a sentence about it (empty on success)."""
    if ended.timed_out:
        return Outcome.TIMEOUT, f"it was stopped at the time limit of {rules.time_limit_s:g} s"
    if ended.out_of_memory:
        return Outcome.OUT_OF_MEMORY, "the kernel stopped it at the container's memory limit"
    if any(os.strerror(28) in line for line in watch.words):
        return Outcome.DISK_FULL, "the disk under the engine is full"
    values = watch.values()
    if ended.status == 3:
        return Outcome.DIVERGED, f"the loss stopped being finite ({values.get('train_loss')})"
    if ended.status == 0 and values.get("status") == "success":
        return Outcome.SUCCESS, ""
    if ended.status == 0:
        reached = values.get("eval_accuracy")
        return Outcome.TARGET_NOT_REACHED, f"{rules.quality.metric} ended at {reached}, target {rules.quality.target}"
    how = f"signal {-ended.status}" if ended.status is not None and ended.status < 0 else f"exit code {ended.status}"
    last = next((printable(line, 200) for line in reversed(watch.words) if line.strip()), "it said nothing")
    return Outcome.CRASHED, f"the harness ended with {how}: {last}"
