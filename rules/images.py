"""What a round fixes about images and the processes in them: `images.yaml`, the nearest in the round's chain."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rules.documents import Count, Sha256
from rules.round import Strict, kept
from rules.ruleset import RuleSet

FILE = "images.yaml"


class FrameworkImage(Strict):
    """A framework's layer: the wheel that names its version (any of several), its lock, what its processes hold."""

    wheels: Annotated[list[str], Field(min_length=1)]
    wheel_lock_sha256: Sha256
    environment: dict[str, str] = Field(default_factory=dict)


class TargetImages(Strict):
    """The images of a target; `architecture` as engines name it (amd64, arm64)."""

    architecture: str
    accelerators: Count  # per node
    meters: list[str] = Field(default_factory=list)  # of power or energy that a run on it reads, or says why not
    base_lock_sha256: Sha256
    frameworks: dict[str, FrameworkImage]


class Images(Strict):
    """The whole of `images.yaml`."""

    targets: dict[str, TargetImages]
    environment: dict[str, str]

    def of(self, framework: str, target: str) -> FrameworkImage | None:
        """Return what is fixed about a framework on a target; None where the round has no such image."""
        return self.targets[target].frameworks.get(framework) if target in self.targets else None

    def wheels(self, framework: str) -> list[str]:
        """Return the wheels that name a framework's version, on whatever target, in order."""
        sides = (target.frameworks.get(framework) for target in self.targets.values())
        return sorted({wheel for side in sides if side is not None for wheel in side.wheels})


def images(round_: RuleSet) -> Images | None:
    """Return what the round fixes about images; None where neither it nor one it extends says anything."""
    return None if round_.data(FILE) is None else _read(round_.name)


_read = kept(FILE, Images)
