"""How runs of a target happen: on such a machine, or under emulation; decided and said before anything starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from suite.targets.data import Access, Emulation


@dataclass(frozen=True)
class ExecutionMode:
    """How runs of a target will happen: what sandboxes get, and what the user is told before anything starts."""

    access: Access
    sentence: str
    emulation: Emulation | None = None  # None: measured on such a machine
    facts: dict[str, str] = field(default_factory=dict)  # what the target's checks read, where it was read already
