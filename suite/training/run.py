"""Run a result: N boxes one after the other, each recorded whatever its end."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from rules.documents import Attempt, FileDigest, Outcome, RunRecord, Steps
from rules.errors import AssayError, JudgedError, MachineError
from rules.text import printable
from rules.workload import WorkloadRules
from suite.disk import DiskError
from suite.engines.base import EngineLostError, Limits, Runner
from suite.meters.idle import baseline
from suite.meters.power_log import PowerLog
from suite.meters.sampler import Observed, watching
from suite.progress import Phase, say
from suite.result.job import Files, Finished, run_job
from suite.result.plan import result_folder, submitter_folder
from suite.result.staging import sha256, write
from suite.training.tree import Work

# The run is part of the result, whatever its end; every other outcome stops the program and can be resumed.
RESULTS = {Outcome.SUCCESS, Outcome.TARGET_NOT_REACHED, Outcome.DIVERGED}
FIX = {
    Outcome.OUT_OF_MEMORY: "free memory there and --resume, or in containers start anew with --discard --memory MIB",
    Outcome.DISK_FULL: "free space there (an engine's disk: `docker system df`); then --resume",
    Outcome.TIMEOUT: "find out what slowed the machine down; then --resume",
    Outcome.CRASHED: "read the lines above; once the cause is gone, --resume",
}


def execute(
    runner: Runner,
    work: Work,
    rules: WorkloadRules,
    files: Files,
    arguments: list[str],
    power_log: PowerLog | None = None,
) -> None:
    """Run what is left of `work`'s runs by `runner`; `files` is the job's source and data, `power_log` a meter's file.

    Raises JudgedError where a run came to nothing for its own reasons, MachineError where the machine failed it.
    """
    plan = work.plan
    done = set(work.finished())
    if plan.idle_s and not work.idle.exists():
        _alone(runner)
        write(work.idle, baseline(runner, plan, power_log))
    for run in (run for run in range(plan.runs) if run not in done):
        _alone(runner)
        attempts = work.start(run)
        with Phase(f"{plan.workload} {plan.framework} run {run + 1} of {plan.runs}") as phase:
            try:
                limits = Limits(cpuset=plan.cpuset, memory_bytes=plan.memory_bytes, access=plan.access)
                with watching(runner, plan, power_log) as watched:
                    finished = run_job(
                        runner, plan.job(run, rules), files, limits, plan.time_limit_s, phase, kind="run"
                    )
            except MachineError as error:
                lost = Outcome.ENGINE_LOST if isinstance(error, EngineLostError) else Outcome.CRASHED
                work.failed(run, Outcome.DISK_FULL if isinstance(error, DiskError) else lost, error.message)
                raise
            _keep(work, rules, run, finished, watched.observed(), attempts, arguments)


def _alone(runner: Runner) -> None:
    if other := runner.busy():
        raise MachineError(
            f"something is measuring already: {other}; two at a time would measure each other",
            fix="wait for it to end; then --resume",
        )


def _keep(
    work: Work,
    rules: WorkloadRules,
    run: int,
    finished: Finished,
    observed: Observed,
    attempts: list[Attempt],
    arguments: list[str],
) -> None:
    """Record a run that is a result; note and raise one that is not."""
    outcome, explanation = finished.judge(rules)
    if outcome not in RESULTS:
        work.failed(run, outcome, explanation)
        for line in finished.watch.words[-20:]:
            say(f"  | {printable(line)}")
        error: type[AssayError] = MachineError if outcome is Outcome.DISK_FULL else JudgedError
        raise error(f"run {run + 1} of {work.plan.runs}: {explanation}", fix=FIX[outcome])
    try:
        record = _record(work, run, finished, observed, outcome, explanation, attempts, arguments)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        why = f"what the harness left cannot be recorded: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        work.failed(run, Outcome.CRASHED, why)
        raise JudgedError(f"run {run + 1}: {why}", fix=FIX[Outcome.CRASHED]) from None
    work.finish(run, finished.watch.log, finished.files.get("weights.safetensors"), observed.content, record)
    say(f"  {outcome.value}{f': {explanation}' if explanation else ''}")


def _record(
    work: Work,
    run: int,
    finished: Finished,
    observed: Observed,
    outcome: Outcome,
    explanation: str,
    attempts: list[Attempt],
    arguments: list[str],
) -> RunRecord:
    plan = work.plan
    folder = result_folder(Path(), plan).relative_to(submitter_folder(Path(), plan)).as_posix()
    weights = finished.files.get("weights.safetensors")
    result = finished.result()
    return RunRecord(
        schema="assay/run-record/1",
        ruleset=plan.ruleset,
        submitter=plan.submitter,
        system=plan.system,
        workload=plan.workload,
        division=plan.division,
        framework=plan.framework,
        target=plan.target,
        emulated=plan.emulated,
        contained=plan.interpreter is None,
        run=run,
        seed=plan.seed(run),
        outcome=outcome,
        explanation=explanation,
        earlier_attempts=attempts,
        log=FileDigest(path=f"{folder}/result_{run}.txt", sha256=sha256(finished.watch.log)),
        receipts=finished.watch.receipts,
        image=plan.image,
        interpreter=plan.interpreter,
        source_sha256=plan.source_sha256,
        data=plan.data,
        initial_weights_sha256=finished.watch.value("initial_weights_sha256"),
        final_weights=FileDigest(path=f"{folder}/result_{run}.safetensors", sha256=sha256(weights))
        if weights
        else None,
        threads=plan.threads,
        hyperparameters=plan.hyperparameters,
        arguments=arguments,
        environment=plan.environment,
        container=finished.container,
        memory=finished.memory(),
        steps=Steps.model_validate(result["steps"]) if "steps" in result else None,
        observation=FileDigest(path=f"{folder}/observation_{run}.json", sha256=sha256(observed.content))
        if observed.content
        else None,
        unobserved=observed.why_not,
        idle=FileDigest(path=f"{folder}/{work.idle.name}", sha256=sha256(work.idle.read_bytes()))
        if plan.idle_s
        else None,
        assay=version("assay"),
    )
