"""System descriptions: the official check, and what the result table takes from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from checker.core.findings import Violation, brief
from checker.core.outcome import OfficialOutcome
from checker.core.tree import RefusedError, Tree
from rules.training import TrainingPackage


@dataclass
class SystemFile:
    """One file of systems/: what it holds, or why it could not be read."""

    name: str
    path: str
    document: Any = None
    unreadable: str = ""  # why there is no document
    outcome: OfficialOutcome | None = None

    @property
    def division(self) -> Any:
        """The division it states; None where it states none."""
        return self.document.get("division") if isinstance(self.document, dict) else None

    def stated(self, member: str) -> str:
        """Return a member as text, "" where it is not there."""
        value = self.document.get(member) if isinstance(self.document, dict) else None
        return value if isinstance(value, str) else "" if value is None else brief(value)

    def whole_number(self, member: str) -> int | None:
        """Return a member as the count that it is, often written as text; None where it is none."""
        value = self.document.get(member) if isinstance(self.document, dict) else None
        try:
            return int(value) if isinstance(value, int | str) else None
        except ValueError:
            return None

    @property
    def accelerators(self) -> int | None:
        """Accelerators in all nodes."""
        nodes, each = self.whole_number("number_of_nodes"), self.whole_number("accelerators_per_node")
        return None if nodes is None or each is None else nodes * each


def read_system(tree: Tree, path: str, fixed: TrainingPackage) -> SystemFile:
    """Read and judge one description; path relative to the organisation's folder."""
    system = SystemFile(path.rpartition("/")[2].removesuffix(".json"), path)
    try:
        text = tree.read(path, tree.limits.document_bytes).decode("utf-8")
        system.document = json.loads(text)
    except RefusedError as error:
        system.unreadable = f"the file {error}"
    except (ValueError, RecursionError) as error:
        system.unreadable = f"{type(error).__name__}: {error}"
    system.outcome = judge_system(system, fixed)
    return system


def judge_system(system: SystemFile, fixed: TrainingPackage) -> OfficialOutcome:
    """Judge a description as the official check does: members there, status from a list, types as they come."""
    outcome = OfficialOutcome()
    if system.unreadable:
        outcome.crash(system.unreadable, system.path)
        return outcome
    document, texts = system.document, fixed.system.texts
    if not isinstance(document, dict | list | str):
        outcome.crash(f"TypeError: the description is {brief(document)}", system.path)
        return outcome
    missing = [member for member in fixed.system.members if member not in document]
    if missing:
        what = "a member is missing" if len(missing) == 1 else f"{len(missing)} members are missing"
        outcome.fail("system-members", Violation(what, ", ".join(missing), "not there", system.path))
    if not isinstance(document, dict):
        # A list or text can hold a member's name; looking the member up then stops the tool.
        looked_up = (*texts, "status") if fixed.system.statuses else texts
        if any(name in document for name in looked_up):
            outcome.crash(f"TypeError: the description is {brief(document)}", system.path)
        return outcome
    for name in texts:
        if not isinstance(document.get(name, ""), str):
            outcome.crash(f"TypeError: {name} is {brief(document[name])}, not text", system.path)
            return outcome
    status, statuses = document.get("status"), fixed.system.statuses
    if "status" in document and statuses and status not in statuses:
        listed = "; ".join(statuses)
        outcome.fail("system-status", Violation("the status is not in the list", listed, brief(status), system.path))
    return outcome
