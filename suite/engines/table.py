"""The engines there are. A module of an engine has `connect`, which returns its `suite.engines.base.Engine`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from rules.errors import unknown
from suite.engines.base import Engine
from suite.images.store import ImageStore

ENGINES = {"docker": "suite.engines.docker.engine", "process": "suite.engines.process.engine"}


def engine(name: str = "docker", place: str = "", folder: Path | None = None, *, hasty: bool = False) -> Engine:
    """Return the engine `name`, connected.

    `place` says which one where the environment does not (an interpreter), `folder` where its jobs may be put; `hasty`
    refuses one that does not answer within seconds. Raises UsageError for what is none, MachineError saying how to get
    one.
    """
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)
    found: Engine = import_module(ENGINES[name]).connect(place, folder, hasty=hasty)
    return found


def images(*, hasty: bool = False) -> ImageStore:
    """Return the images of the engine that builds them."""
    found = engine(hasty=hasty).images
    assert found is not None
    return found


def chosen(interpreter: Path | None, output: Path) -> Engine:
    """Return the process engine of an `interpreter` that the user named, else Docker's."""
    if interpreter is None:
        return engine()
    return engine("process", str(interpreter), output)
