"""Training as a procedure: N runs to the quality target from seeds that the round fixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rules.documents import RunRecord
from rules.errors import UsageError
from rules.ruleset import load, newest
from rules.workload import Value, WorkloadRules, workload_rules
from suite.engines.base import RunEnvironment
from suite.host.cpus import last_cpus
from suite.images.matrix import Suite
from suite.inputs import source
from suite.inputs.settings import settings
from suite.result.context import RunContext
from suite.result.plan import Plan
from suite.result.procedure import Judge, Procedure
from suite.result.request import Request
from suite.result.staging import Work, document
from suite.targets.data import Emulation
from suite.training import parity, smoke
from suite.training.plan import TrainingPlan, hyperparameters, number_of_runs
from suite.training.run import TrainingContext, TrainingWork, execute

# What a finished result and a new plan must share for the result to be the one asked for.
SAME = ("ruleset", "threads", "hyperparameters", "source_sha256", "data", "image", "interpreter")


class Training(Procedure):
    """Training of a workload, in a division, by a round's rules."""

    IMAGES: ClassVar[Suite] = "training"
    PLAN: ClassVar[type[Plan]] = TrainingPlan
    WORK: ClassVar[type[Work]] = TrainingWork
    CONTEXT: ClassVar[type[RunContext]] = TrainingContext
    rules: WorkloadRules

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.ruleset = newest("assay", request.round)
        self.rules = workload_rules(self.ruleset, request.workload)
        self.tuned = settings(request.workload).frameworks
        self._runs(), self._hyperparameters()  # refuse what the rules do not allow
        least = load(self.ruleset).idle
        if request.idle_s is not None and least is not None and request.idle_s < least.seconds:
            raise UsageError(f"--idle-baseline {request.idle_s:g}: too short", fix=f"give {least.seconds:g} s or more")

    @classmethod
    def suits(cls, request: Request) -> bool:
        return request.scenario is None and bool(settings(request.workload).frameworks)

    def _runs(self) -> int:
        return number_of_runs(self.rules, self.request.division, self.request.runs)

    def _hyperparameters(self) -> dict[str, Value]:
        return hyperparameters(self.rules, self.request.division, self.request.settings)

    def smoke(self, short: Emulation) -> tuple[Training, Judge]:
        """Return what is run where an emulator stands in: a few steps on a few samples, once; and what judges it."""
        shortened = Training(self.request.smoke(smoke.FOLDER))
        shortened.rules = smoke.shorten(self.rules, short)
        return shortened, smoke.judge

    def source(self) -> dict[str, bytes]:
        return source.files(self.request.workload)

    def plan(self, common: Mapping[str, Any], there: RunEnvironment) -> TrainingPlan:
        threads = self.request.threads or self.tuned[common["framework"]].threads
        return TrainingPlan(
            **common,
            salt=load(self.ruleset).salt,
            runs=self._runs(),
            threads=threads,
            cpuset=last_cpus(threads, there.cpus),
            time_limit_s=self.rules.time_limit_s,
            hyperparameters=self._hyperparameters(),
            first_samples=there.emulation.samples if there.emulation else 0,
        )

    def changed(self, work: TrainingWork) -> list[str]:
        try:
            measured = RunRecord.model_validate_json((work.final / "result_0.json").read_bytes())
        except (OSError, ValueError):
            return []  # the checker says what is wrong with it
        changed = [name for name in SAME if getattr(measured, name) != getattr(work.plan, name)]
        if len(list(work.final.glob("result_*.json"))) != work.plan.runs:
            changed.append("runs")
        without = ["without an idle baseline"] if work.plan.idle_s and measured.idle is None else []
        return [*([f"with other {', '.join(changed)}"] if changed else []), *without]

    def evidence(self, plan: TrainingPlan) -> dict[str, bytes]:
        """Return the certificate that the frameworks train the same model, which a closed result needs."""
        return {"parity.json": document(parity.certificate(plan))} if plan.division == "closed" else {}

    def execute(self, context: TrainingContext) -> None:
        execute(context)
