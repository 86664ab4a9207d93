"""What one framework's runs stand on, captured before the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rules.documents import ImageIdentity, Interpreter
from suite.engines.base import Place
from suite.machine import Host
from suite.targets.data import NOTHING, Access, Emulation


@dataclass(frozen=True)
class Ground:
    """Where runs happen and what was found there: an image in containers, or an interpreter on the machine itself."""

    place: Place
    machine: Mapping[str, Any]  # what the kernel says (suite.harness.probe)
    host: Host
    target: Mapping[str, str]  # what the target's checks read
    environment: dict[str, str]
    framework: str  # its version
    cpus: Sequence[int]  # processors there are for runs
    access: Access = NOTHING
    emulation: Emulation | None = None
    image: ImageIdentity | None = None
    interpreter: Interpreter | None = None
    beside: Mapping[str, bytes] = field(default_factory=dict)  # files that stand beside the runs

    @property
    def versions(self) -> Mapping[str, str]:
        """Distribution name -> version, of all there is."""
        return self.image.versions if self.image else self.interpreter.distributions if self.interpreter else {}
