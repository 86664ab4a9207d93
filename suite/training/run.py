"""Run a result of training: N sandboxes one after the other, each recorded whatever its end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rules.documents import Attempt, Document, Outcome, RunRecord, Steps
from rules.workload import WorkloadRules
from suite.host.progress import say
from suite.result.context import Ran, RunContext, digest
from suite.result.job import Finished
from suite.result.staging import Work, document
from suite.training.job import judge
from suite.training.plan import TrainingPlan


class TrainingWork(Work):
    """The work folder of one result of training."""

    ATTEMPT: ClassVar[type[Document]] = Attempt
    plan: TrainingPlan

    def record(self, run: int) -> str:
        """Return where a run's record will stand."""
        return f"{self.plan.results}/result_{run}.json"

    def records(self) -> list[str]:
        return [self.record(run) for run in range(self.plan.runs)]


@dataclass(frozen=True)
class TrainingContext(RunContext):
    """What every run of a result of training shares."""

    work: TrainingWork
    rules: WorkloadRules

    MODULE: ClassVar[str] = "suite.harness"
    RESULTS: ClassVar[Collection[str]] = (Outcome.SUCCESS, Outcome.TARGET_NOT_REACHED, Outcome.DIVERGED)

    def judge(self, finished: Finished) -> tuple[str, str]:
        """Return how a run ended, and a sentence about it (empty on success)."""
        return judge(finished, self.rules)


def execute(context: TrainingContext) -> None:
    """Make what is left of the result's runs."""
    work, plan = context.work, context.work.plan
    for run in range(plan.runs):
        if work.at(work.record(run)).exists():
            continue
        title = f"{plan.workload} {plan.framework} run {run + 1} of {plan.runs}"
        ran = context.run(str(run), title, plan.job(run, context.rules), plan.time_limit_s)
        record = context.recorded(str(run), title, partial(_record, context, run, ran))
        files = {"txt": ran.finished.watch.log, "safetensors": ran.finished.files.get("weights.safetensors")}
        kept = {f"{plan.results}/observation_{run}.json": ran.seen.content}
        kept |= {f"{plan.results}/result_{run}.{kind}": content for kind, content in files.items()}
        work.keep({**kept, work.record(run): document(record)})
        say(f"  {ran.outcome}{f': {ran.explanation}' if ran.explanation else ''}")


def _record(context: TrainingContext, run: int, ran: Ran) -> RunRecord:
    plan, result, finished = context.work.plan, ran.finished.result(), ran.finished
    own, idle = f"{plan.results}/result_{run}", context.work.idle
    return RunRecord(
        schema="assay/run-record/1",
        **context.facts(ran, f"{own}.txt", f"{plan.results}/observation_{run}.json"),
        contained=plan.interpreter is None,
        run=run,
        seed=plan.seed(run),
        interpreter=plan.interpreter,
        initial_weights_sha256=finished.watch.value("initial_weights_sha256"),
        final_weights=digest(f"{own}.safetensors", finished.files.get("weights.safetensors")),
        threads=plan.threads,
        hyperparameters=plan.hyperparameters,
        steps=Steps.model_validate(result["steps"]) if "steps" in result else None,
        idle=digest(idle, context.work.at(idle).read_bytes()) if plan.idle_s else None,
    )
