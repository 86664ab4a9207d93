"""What a workload's own `workload.yaml` says: where its data comes from, and how each framework runs it best."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from rules.documents import Sha256
from rules.errors import unknown
from rules.round import Strict, content, validated

WORKLOADS = Path(__file__).parents[1] / "workloads"


class DebianData(Strict):
    """A Debian package that holds data files, gzipped, in one folder; the rule set's digests decide."""

    package: str
    version: str
    folder: str
    licence: str


class WheelData(Strict):
    """A wheel that holds data files: fetched by its digest and read, never installed; no code of it runs."""

    wheel: str  # the project's name
    version: str
    sha256: Sha256  # of the wheel; the rule set's digests of the files decide all the same
    files: Annotated[dict[str, str], Field(min_length=1)]  # data file -> its path inside the wheel
    licence: str


class Tuned(Strict):
    """How one framework runs the workload best on the machine it was tuned on; a run declares what it used."""

    threads: Annotated[int, Field(ge=1)]
    memory_mib: Annotated[int, Field(ge=64)]


class ServingSettings(Tuned):
    """How one framework answers queries best on the machine it was tuned on (`suite.serve.protocol.Sut`)."""

    batch: Annotated[int, Field(ge=1)]
    precision: str
    workers: Annotated[int, Field(ge=1)]


class Settings(Strict):
    """The whole of `workload.yaml`."""

    title: str
    data: Annotated[list[DebianData | WheelData], Field(min_length=1)]
    frameworks: dict[str, Tuned] = Field(default_factory=dict)  # those it is trained in
    serving: dict[str, ServingSettings] = Field(default_factory=dict)  # those it answers queries in


def workloads() -> list[str]:
    """Return the names of all workloads."""
    return sorted(path.parent.name.replace("_", "-") for path in WORKLOADS.glob("*/workload.yaml"))


@cache
def settings(workload: str) -> Settings:
    """Load a workload's settings; raise UsageError for an unknown workload or a broken file."""
    if workload not in workloads():
        raise unknown("workload", workload, workloads())
    path = WORKLOADS / workload.replace("-", "_") / "workload.yaml"
    return validated(Settings, str(path), content(path))
