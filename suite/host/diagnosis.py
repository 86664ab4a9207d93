"""What `assay doctor` says of one thing: how it stands, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Level(StrEnum):
    """How much an answer matters."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Diagnosis:
    """One thing looked at: what it is, how it stands, what to do."""

    name: str
    level: Level
    said: str
    fix: str = ""

    @classmethod
    def of(cls, name: str, said: str, fix: str, *, good: bool, otherwise: Level = Level.WARN) -> Self:
        """Return one whose fix is told only where it is not `good`."""
        return cls(name, Level.OK, said) if good else cls(name, otherwise, said, fix)
