"""What files beside the logs are where they are not what their names say; of logs it is told where they are read."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.files import look
from checker.core.findings import Problem
from checker.families.mlperf_training.checks import check
from checker.families.mlperf_training.organisation import Organisation


@check("training-file-readable", "submitter")
def file_readable(organisation: Organisation) -> Iterator[Problem]:
    """Judge that each system's description is JSON."""
    tree = organisation.tree
    for system in organisation.systems.values():
        state = look(tree, system.path, "json") if system.unreadable else None
        if state is not None:
            yield state.problem(system.path, "a JSON document")


@check("training-side-file-readable", "submitter")
def side_file_readable(organisation: Organisation) -> Iterator[Problem]:
    """Judge that logs of power are text."""
    tree = organisation.tree
    for folder in organisation.folders:
        for entry in tree.files(folder.power) if folder.power is not None else ():
            state = look(tree, entry.path) if entry.path.endswith(".txt") else None
            if state is not None and state.name != "byte-order mark":
                yield state.problem(entry.path, "a log of power, as MLCommons' logger writes it")
