"""Inference as a procedure: outputs against the reference, a search for rates, LoadGen runs in every scenario."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from rules.compliance import compliance_rules
from rules.documents import SystemDescription
from rules.errors import MachineError, UsageError
from rules.ruleset import newest
from rules.scenarios import Scenario
from rules.serving import ScenarioRules, ServingRules, serving_rules
from rules.serving_documents import SearchRecord, ServingRecord, ServingSystem, SutParameters
from suite.engines.base import RunEnvironment
from suite.host.cpus import last_cpus
from suite.images.matrix import Suite, target
from suite.inference.context import InferenceContext
from suite.inference.plan import InferencePlan, parameters, scenarios
from suite.inference.run import execute
from suite.inference.staging import InferenceWork
from suite.inference.tree import complete
from suite.inputs import source
from suite.inputs.settings import settings
from suite.result import machine
from suite.result.context import RunContext
from suite.result.plan import Plan
from suite.result.procedure import Procedure
from suite.result.request import Request
from suite.result.staging import Work
from suite.targets.data import Emulation

RDI = "rdi"  # how MLPerf Inference writes "Research, Development, or Internal (RDI)"
# What a finished result and a new plan must share for the result to be the one asked for.
SAME = ("ruleset", "sut", "source_sha256", "data", "image")


class Inference(Procedure):
    """Inference of a workload by LoadGen, in one scenario or all, by a round's rules."""

    IMAGES: ClassVar[Suite] = "inference"
    PLAN: ClassVar[type[Plan]] = InferencePlan
    WORK: ClassVar[type[Work]] = InferenceWork
    CONTEXT: ClassVar[type[RunContext]] = InferenceContext
    rules: ServingRules

    def __init__(self, request: Request) -> None:
        super().__init__(replace(request, scenario=request.scenario or "all"))
        for option, value in (("--uncontained", request.uncontained), ("--idle-baseline", request.idle_s)):
            if value is not None:
                raise UsageError(
                    f"{option} is for training", fix=f"leave out {option}, or --scenario where one is given"
                )
        if request.runs is not None:
            raise UsageError("--runs belongs to training", fix="leave it out: LoadGen repeats queries, not runs")
        self.ruleset = newest("assay-inference", request.round)
        self.rules = serving_rules(self.ruleset, request.workload)
        self.served = self.tuned = settings(request.workload).serving

    @classmethod
    def suits(cls, request: Request) -> bool:
        return request.scenario is not None or not settings(request.workload).frameworks

    def frameworks(self) -> list[str]:
        """Also refuse settings that a framework does not know."""
        chosen = super().frameworks()
        self._scenarios()
        for framework in chosen:
            self._parameters(framework)
        return chosen

    def _scenarios(self) -> dict[Scenario, ScenarioRules]:
        request = self.request
        return scenarios(self.rules, request.division, request.scenario or "all", request.settings)

    def _parameters(self, framework: str) -> SutParameters:
        return parameters(self.rules, self.served[framework], self.request.threads, self.request.settings)

    def smoke(self, short: Emulation) -> NoReturn:  # noqa: ARG002 (whatever it is)
        """Raise MachineError: under emulation there is nothing to time."""
        name, kind = self.request.target, target(self.request.target)
        raise MachineError(
            f"inference on {name} is measured on {kind.machine}; under emulation LoadGen has nothing to time",
            fix="point DOCKER_HOST at one (DOCKER_HOST=ssh://user@machine), or leave the scenario out for a smoke "
            "run of training",
        )

    def source(self) -> dict[str, bytes]:
        return source.serving_files(self.request.workload)

    def plan(self, common: Mapping[str, Any], there: RunEnvironment) -> InferencePlan:
        sut = self._parameters(common["framework"])
        last_cpus(sut.threads, there.cpus)  # refuses more threads than there are
        closed = self.request.division == "closed"
        return InferencePlan(
            **common,
            scenarios=self._scenarios(),
            tests=compliance_rules(self.ruleset).tests(self.request.workload) if closed else [],
            sut=sut,
            # A core beside the model's, where there is one: LoadGen issues queries while the model computes.
            cpuset=last_cpus(min(sut.threads + 1, len(there.cpus)), there.cpus),
        )

    def changed(self, work: InferenceWork) -> list[str]:
        plan, ours = work.plan, work.top / work.plan.ours
        there = {path.name for path in work.final.iterdir() if path.is_dir()}
        with suppress(OSError, ValueError):  # the checker says what is wrong with it
            there |= set(SearchRecord.model_validate_json((ours / "search.json").read_bytes()).left_out)
        changed = ["scenarios"] if there != set(plan.scenarios) else []
        for path in sorted(ours.glob("*/performance/record.json")):
            try:
                measured = ServingRecord.model_validate_json(path.read_bytes())
            except (OSError, ValueError):
                continue  # the checker says what is wrong with it
            changed += [name for name in SAME if getattr(measured, name) != getattr(plan, name)]
        return [f"with other {', '.join(dict.fromkeys(changed))}"] if changed else []

    def described(self, system: SystemDescription) -> ServingSystem:
        return ServingSystem.model_validate(
            system.model_dump(by_alias=True)
            | {
                "status": RDI if RDI in system.status.lower() else system.status,
                "system_type": "datacenter,edge",
                "system_type_detail": "N/A",
                "host_network_card_count": machine.NOT_STATED,
                "accelerators_per_node": str(system.accelerators_per_node),
            }
        )

    def execute(self, context: InferenceContext) -> None:
        execute(context)

    def complete(self, work: InferenceWork, staged: Path) -> None:
        complete(work, self.rules, staged)
