"""Rules on the environment of processes: the round's, and nothing that lets other code run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from checker.core.documents import ValidDocument
from checker.core.findings import Violation, brief
from checker.families.assay.checks import check
from checker.families.assay.submission import Result
from rules.documents import Record
from rules.images import images

SOURCE = "/io/job/source"


@check("environment", "result")
def environment(result: Result) -> Iterator[Violation]:
    """Judge that processes held exactly the round's environment."""
    for record, wanted in _environment(result):
        held = record.model.environment
        for name in sorted({*wanted, *held}):
            if held.get(name) != wanted.get(name):
                message = f"the environment has another {brief(name)} than the round's"
                expected, found = wanted.get(name, "not set"), held.get(name, "not set")
                yield record.problem(message, expected, brief(found), "environment", name)


@check("environment-source", "result")
def environment_source(result: Result) -> Iterator[Violation]:
    """Judge that nothing but the submitted source was put before a process's own code."""
    for record, wanted in _environment(result):
        held = record.model.environment
        if (found := held.get("PYTHONPATH", "not set")) != SOURCE:
            message = "modules were not loaded from the submitted source"
            yield record.problem(message, SOURCE, found, "environment", "PYTHONPATH")
        for name in sorted(set(held) - set(wanted)):
            if name.startswith(("LD_", "PYTHON")):
                message = f"{name} lets code run that is not in the submission"
                yield record.problem(message, "not set", held[name], "environment", name)


def _environment(result: Result) -> Iterator[tuple[ValidDocument[Record], Mapping[str, str]]]:
    """Yield the first record of an image of the round, with the environment that the round gives it.

    The other runs have the first one's, or differ from it by their own rule.
    """
    known = images(result.ruleset)
    for record in result.records if known is not None else ():
        if known is not None and (fixed := known.of(record.model.framework, record.model.target)) is not None:
            yield record, {**known.environment, **fixed.environment}
            return
