"""What every container of a result shares, and how one is run: it ends well, or what it died of is noted and raised."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from rules.errors import AssayError, JudgedError, MachineError, UsageError
from rules.serving import ServingRules
from rules.serving_documents import REPEATED, ServingAttempt, ServingOutcome
from rules.text import printable
from suite.disk import DiskError
from suite.engines.base import EngineLostError, Limits, Runner
from suite.inference.plan import ServingPlan
from suite.inference.staging import ServingWork
from suite.meters.power_log import PowerLog
from suite.progress import Phase, say
from suite.result.job import Files, Finished, run_job

UNEXPLAINED = 2  # exit code of a job that the harness refuses
FRAME = re.compile(r'File "[^"]*/(suite/workloads/[^"]+)", line (\d+) in (\S+)')
FIX = {
    ServingOutcome.OUT_OF_MEMORY: "free memory there and --resume, or start anew with --discard --memory MIB",
    ServingOutcome.DISK_FULL: "free space on the engine's disk (`docker system df`); then --resume",
    ServingOutcome.TIMEOUT: "find out what slowed the machine down; then --resume",
    ServingOutcome.CRASHED: "read the lines above; once the cause is gone, --resume",
}
BROKEN = "correct the system under test (docs/inference.md says what it promises), then start anew with --discard"


@dataclass(frozen=True)
class Bench:
    """What every container of a result shares."""

    runner: Runner
    work: ServingWork
    rules: ServingRules
    files: Files  # source and data of the job
    arguments: list[str]  # of the command line that measures this again
    power_log: PowerLog | None = None  # of a meter outside

    @property
    def plan(self) -> ServingPlan:
        """The frozen plan."""
        return self.work.plan


def run_container(
    bench: Bench,
    name: str,
    title: str,
    job: Mapping[str, object],
    watched: AbstractContextManager[object] | None = None,
) -> tuple[Finished, list[ServingAttempt]]:
    """Run one container that ended well, with what watches the machine meanwhile; note and raise one that did not."""
    if other := bench.runner.busy():
        raise MachineError(
            f"the engine is measuring already: {other}; two at a time would measure each other",
            fix="wait for it to end; then --resume",
        )
    work, plan, limit_s = bench.work, bench.plan, bench.rules.time_limit_s
    attempts = work.begin_run(name)
    limits = Limits(cpuset=plan.cpuset, memory_bytes=plan.memory_bytes, access=plan.access)
    with Phase(title) as phase:
        try:
            with watched or nullcontext():
                finished = run_job(
                    bench.runner,
                    job,
                    bench.files,
                    limits,
                    limit_s,
                    phase,
                    kind="run",
                    module="suite.serve",
                )
        except MachineError as error:
            lost = ServingOutcome.ENGINE_LOST if isinstance(error, EngineLostError) else ServingOutcome.CRASHED
            outcome = ServingOutcome.DISK_FULL if isinstance(error, DiskError) else lost
            work.note(name, ServingAttempt(outcome=outcome, explanation=error.message))
            raise
        outcome, explanation = judge(finished, limit_s)
        if outcome is not ServingOutcome.SUCCESS:
            _refuse(bench, name, title, finished, outcome, explanation)
    return finished, attempts


def judge(finished: Finished, limit_s: float) -> tuple[ServingOutcome, str]:
    """Return how a container of inference ended, and a sentence about it (empty on success)."""
    if finished.ended.status == 0 and finished.result():
        return ServingOutcome.SUCCESS, ""
    said = _failure(finished.files.get("failure.json", b""))
    if said is not None:
        return said
    if hang := finished.files.get("hang.txt", b"").decode(errors="replace"):
        return ServingOutcome.HUNG, f"the system under test gave no answer within its limit{_hung_at(hang)}"
    outcome, explanation = finished.failure(limit_s)
    return ServingOutcome(outcome.value), explanation


def _failure(content: bytes) -> tuple[ServingOutcome, str] | None:
    """Read what the harness said of a failure; None where it said nothing that can be read."""
    try:
        said = json.loads(content)
        outcome, explanation = ServingOutcome(said["outcome"]), printable(str(said["explanation"]), 500)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return None if outcome in (ServingOutcome.SUCCESS, *REPEATED) else (outcome, explanation)


def _hung_at(stacks: str) -> str:
    """Return where in the workload's code a thread stood."""
    found = FRAME.search(stacks)
    return printable(f"; it stood in {found[3]} ({found[1]}:{found[2]})", 300) if found else ""


def _refuse(bench: Bench, name: str, title: str, finished: Finished, outcome: ServingOutcome, explanation: str) -> None:
    """Note why a container gave no result, and raise it."""
    bench.work.note(name, ServingAttempt(outcome=outcome, explanation=explanation))
    for line in finished.watch.words[-20:]:
        say(f"  | {printable(line)}")
    if finished.ended.status == UNEXPLAINED:
        raise UsageError(f"{title}: {explanation}", fix="correct what the harness says is wrong")
    error: type[AssayError] = MachineError if outcome is ServingOutcome.DISK_FULL else JudgedError
    raise error(f"{title}: {outcome.value}: {explanation}", fix=FIX.get(outcome, BROKEN))
