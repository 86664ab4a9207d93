"""What a workload's own `workload.yaml` says: where its data comes from, and how each framework runs it best."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from rules.errors import UsageError, unknown
from rules.workload import Strict

WORKLOADS = Path(__file__).parent / "workloads"


class DataPackage(Strict):
    """A Debian package that holds the data files, gzipped, in one folder; the rule set's digests decide."""

    package: str
    version: str
    folder: str
    licence: str


class Tuned(Strict):
    """How one framework runs the workload best on the machine it was tuned on; a run declares what it used."""

    threads: Annotated[int, Field(ge=1)]
    memory_mib: Annotated[int, Field(ge=64)]


class Settings(Strict):
    """The whole of `workload.yaml`."""

    title: str
    data: DataPackage
    frameworks: dict[str, Tuned]


def workloads() -> list[str]:
    """Return the names of all workloads."""
    return sorted(path.parent.name.replace("_", "-") for path in WORKLOADS.glob("*/workload.yaml"))


@cache
def settings(workload: str) -> Settings:
    """Load a workload's settings; raise UsageError for an unknown workload or a broken file."""
    if workload not in workloads():
        raise unknown("workload", workload, workloads())
    path = WORKLOADS / workload.replace("-", "_") / "workload.yaml"
    try:
        return Settings.model_validate(yaml.load(path.read_bytes(), yaml.CSafeLoader))
    except (yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"{path}: {error}", fix="correct the file") from None
