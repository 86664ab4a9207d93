"""A procedure: what the one way to a result (`suite.result.produce`) does not know of a kind of measurement.

Training is one, LoadGen's inference another. A further one is a folder beside theirs, and a line in
`suite/procedures.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from rules.documents import SystemDescription
from rules.errors import AssayError, Exit, UsageError, unknown
from rules.serving import ServingRules
from rules.workload import WorkloadRules
from suite.engines.base import RunEnvironment
from suite.images.matrix import Suite, cell, select, why_not
from suite.inputs.settings import Tuned
from suite.result.context import RunContext
from suite.result.plan import Plan
from suite.result.request import Request
from suite.result.staging import Work
from suite.targets.data import Emulation

Show = Callable[[str], None]
Judge = Callable[[Path, Show], bool]  # of what is no submission: whether it did what it can show; NotRefusedError


class NotRefusedError(AssayError):
    """The checker let pass what is no submission: a defect of Assay."""

    exit_code = Exit.DEFECT


class Procedure(ABC):
    """One kind of measurement of what one request asks for.

    To be made it sees to it that what was asked for can be run: UsageError where it cannot.
    """

    IMAGES: ClassVar[Suite]  # those its frameworks run in
    PLAN: ClassVar[type[Plan]]
    WORK: ClassVar[type[Work]]
    CONTEXT: ClassVar[type[RunContext]]
    ruleset: str
    rules: WorkloadRules | ServingRules
    tuned: Mapping[str, Tuned]  # framework -> how it runs the workload best, of those that can

    def __init__(self, request: Request) -> None:
        self.request = request

    @classmethod
    @abstractmethod
    def suits(cls, request: Request) -> bool:
        """Return whether this is the kind of measurement that was asked for."""

    @abstractmethod
    def smoke(self, short: Emulation) -> tuple[Procedure, Judge]:
        """Return what is run where only an emulator stands in, and what judges it.

        Raises MachineError where an emulator shows nothing.
        """

    @abstractmethod
    def source(self) -> dict[str, bytes]:
        """Return the source that runs in the sandbox, by path."""

    @abstractmethod
    def plan(self, common: Mapping[str, Any], there: RunEnvironment) -> Plan:
        """Return the plan of a framework's result; `common` is what every plan says (`suite.result.plan.Plan`)."""

    @abstractmethod
    def changed(self, work: Any) -> list[str]:
        """Return how the finished result is not the one asked for now, e.g. `with other threads`."""

    @abstractmethod
    def execute(self, context: Any) -> None:
        """Make what is left of the result's runs.

        Raises JudgedError where one came to nothing for its own reasons, MachineError where the machine failed it.
        """

    def described(self, system: SystemDescription) -> SystemDescription:
        """Return the system's description in the form that the published round wants."""
        return system

    def evidence(self, plan: Any) -> dict[str, bytes]:  # noqa: ARG002 (of those that need some)
        """Return what must be there before anything is measured and stands beside the result; UsageError without."""
        return {}

    def complete(self, work: Any, staged: Path) -> None:  # noqa: B027 (not every one has more to write)
        """Write what follows from the runs into the staged result."""

    def frameworks(self) -> list[str]:
        """Return the frameworks asked for; raise UsageError for one that the workload or the target has not."""
        asked, target = self.request.framework, self.request.target
        if asked not in (*self.tuned, "all"):
            if why := why_not(asked, target, self.IMAGES):
                raise UsageError(why, fix=f"choose {' or '.join(sorted(self.tuned))}")
            raise unknown("framework", asked, [*self.tuned, "all"])
        if asked != "all":
            return [cell(asked, target, suite=self.IMAGES).framework]
        there = {one.framework for one in select(target=target, suite=self.IMAGES)}
        return [framework for framework in self.tuned if framework in there]
