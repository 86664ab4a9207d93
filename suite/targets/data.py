"""A target as `images/targets/<name>.yaml` describes it: a kind of machine, and all that is particular to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator

from rules.documents import Name
from rules.errors import UsageError
from rules.round import Strict

Provider = Literal["mmdebstrap", "registry"]
Platform = Literal["linux/amd64", "linux/arm64"]
HostPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]{1,200}$")]


class Access(Strict):
    """What every sandbox of the target gets of its machine; an engine says it in its own words."""

    gpus: Annotated[int, Field(ge=0)] = 0  # as many as the engine's own driver for `gpu` gives
    runtime: str = ""
    devices: tuple[HostPath, ...] = ()
    group_add: tuple[str, ...] = ()


NOTHING = Access()


class Refusal(Strict):
    """Words of an engine that cannot give what the target needs, what they mean, and what to do."""

    said: Annotated[tuple[str, ...], Field(min_length=1)]  # in lower case, any of them anywhere in the engine's message
    means: str
    fix: str


class FactDemand(Strict):
    """A demand on one fact of the machine (`suite/targets/host.py` names them); a version or a number is compared."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    fact: Name
    at_least: float | str | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] = ()
    otherwise: Annotated[Literal["warn", "fail"], Field(alias="else")] = "warn"
    fix: str

    @model_validator(mode="after")
    def _demands_one_thing(self) -> FactDemand:
        if sum((self.at_least is not None, self.at_most is not None, bool(self.one_of))) != 1:
            raise ValueError(f"{self.fact}: give one of at_least, at_most and one_of")
        return self


class Emulation(Strict):
    """The smoke run of a target that no machine in reach is: how short, how long it may take, how long it does."""

    training_steps: Annotated[int, Field(ge=2)]
    batch: Annotated[int, Field(ge=1)]
    samples: Annotated[int, Field(ge=1)]  # of each split of the data, the first ones
    time_limit_s: Annotated[float, Field(gt=0)]
    first_minutes: Annotated[int, Field(ge=1)]  # about, with everything to be fetched and built
    minutes: Annotated[int, Field(ge=1)]  # about, afterwards


class Target(Strict):
    """The whole of a target's file."""

    title: str
    platform: Platform
    bases: Annotated[dict[Provider, Name], Field(min_length=1)]
    wheels: Annotated[str, Field(pattern=r"^(x86_64|aarch64)-manylinux_2_[0-9]{2}$")]
    kernel: tuple[str, ...] = ()  # one of these is part of its kernel's name; none: any machine of the platform
    machine: str  # what to call such a machine in a sentence
    accelerators: Annotated[int, Field(ge=0)] = 0
    access: Access = Access()
    environment: dict[str, str] = Field(default_factory=dict)
    reads: tuple[HostPath, ...] = ()  # files of the machine that its facts come from, beside /proc and /sys
    meters: tuple[Literal["rapl", "nvml", "ina3221", "amdgpu", "external"], ...]  # of power or energy (docs/meters.md)
    claims: str  # what a result on it may claim
    emulation: Emulation | None = None
    refusals: tuple[Refusal, ...] = ()
    checks: tuple[FactDemand, ...]

    @property
    def architecture(self) -> str:
        """Debian's and the engine's name of the processor architecture, e.g. `amd64`."""
        return self.platform.partition("/")[2]

    def refusal(self, said: str) -> Refusal | None:
        """Return what an engine's words mean, None for words that the target's file does not know."""
        return next((known for known in self.refusals if any(words in said.lower() for words in known.said)), None)


@dataclass(frozen=True)
class ExecutionMode:
    """How runs of a target will happen: what sandboxes get, and what the user is told before anything starts."""

    access: Access
    sentence: str
    emulation: Emulation | None = None  # None: measured on such a machine
    facts: dict[str, str] = field(default_factory=dict)  # what the target's checks read, where it was read already


def read(folder: Path) -> dict[str, Target]:
    """Return the targets of `folder`, by name; raise UsageError naming file and member of a broken one."""
    found = {}
    for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem):
        try:
            found[path.stem] = Target.model_validate(yaml.load(path.read_bytes(), yaml.CSafeLoader))
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise UsageError(f"{path}: {error}", fix="correct the target's file") from None
    return found
