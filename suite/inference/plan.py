"""What will be measured of one framework: everything decided before the first container starts, frozen from then on."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rules.compliance import Test
from rules.errors import UsageError, unknown
from rules.scenarios import NAMES, Scenario
from rules.serving import ScenarioRules, ServingRules
from rules.serving_documents import RunName, SutParameters
from rules.text import printable
from rules.workload import Division
from suite.inputs.settings import ServingSettings
from suite.result.plan import Plan, named

SETTINGS = ("min_duration_ms", "min_query_count", "samples_per_query")  # of LoadGen, free in the open division
DECLARED = ("batch", "precision", "workers")  # of the system under test, free in both


class InferencePlan(Plan):
    """One result: a workload in one framework on one system, every scenario asked for."""

    SUITE: ClassVar[str] = "inference"

    schema_: Literal["assay/serving-plan/1"] = Field(default="assay/serving-plan/1", alias="schema")
    scenarios: Annotated[dict[Scenario, ScenarioRules], Field(min_length=1)]
    tests: list[Test]
    sut: SutParameters

    def runs(self) -> list[tuple[Scenario, RunName]]:
        """Return the LoadGen runs of the result, in the order in which they are made."""
        names: list[RunName] = ["performance", "accuracy", *self.tests]
        return [(scenario, name) for scenario in self.scenarios for name in names]

    @property
    def ours(self) -> str:
        """The folder of what only Assay writes, below the submitter's: MLPerf's own layout has no place for it."""
        return f"assay/{self.system}/{self.workload}"

    @property
    def source(self) -> str:
        """The folder of the source that ran, below the submitter's."""
        return f"src/{self.workload}/{self.framework}"


def scenarios(
    rules: ServingRules, division: Division, asked: str, settings: list[str]
) -> dict[Scenario, ScenarioRules]:
    """Return the scenarios asked for (`all`, or one) as LoadGen will measure them.

    `settings` are the open division's `name=value`. Raises UsageError for what the rules do not know or allow.
    """
    if asked != "all" and asked not in rules.scenarios:
        raise unknown("scenario", asked, [*rules.scenarios, "all"])
    changes: dict[str, int] = {}
    for name, text in named(settings):
        if name in DECLARED:
            continue
        if name not in SETTINGS:
            raise unknown("setting", name, [*SETTINGS, *DECLARED])
        if division == "closed":
            raise UsageError(f"{name} is fixed in the closed division", fix="leave it out, or add --division open")
        if not text.isdecimal() or not 1 <= int(text) < 2**31:
            raise UsageError(f"--set {name}={printable(text)}: not a whole number from 1")
        changes[name] = int(text)
    found = {name: rules.scenarios[name] for name in NAMES if name in rules.scenarios and asked in ("all", name)}
    by_query = ("samples_per_query",)  # a setting of those that have it
    return {
        name: its.model_copy(update={k: v for k, v in changes.items() if k not in by_query or its.samples_per_query})
        for name, its in found.items()
    }


def parameters(rules: ServingRules, tuned: ServingSettings, threads: int | None, settings: list[str]) -> SutParameters:
    """Return the declared parameters of the system under test: the workload's tuned ones with the user's put in."""
    values: dict[str, object] = {
        "threads": threads or tuned.threads,
        "batch": tuned.batch,
        "precision": tuned.precision,
        "workers": tuned.workers,
    }
    for name, text in named(settings):
        if name == "precision":
            if text not in rules.outputs.tolerance:
                raise unknown("precision", text, rules.outputs.tolerance)
            values[name] = text
        elif name in DECLARED:
            if not text.isdecimal() or not 1 <= int(text) <= 1 << 16:
                raise UsageError(f"--set {name}={printable(text)}: not a whole number from 1 to {1 << 16}")
            values[name] = int(text)
    return SutParameters.model_validate(values)
