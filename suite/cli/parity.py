"""`assay parity`, `assay reference` and `assay evidence`: a round's own evidence on what its containers run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rules.errors import JudgedError, UsageError

if TYPE_CHECKING:
    from suite.engines.base import Engine

FAMILY = "assay"
Target = Annotated[str, typer.Option(help="hardware target")]
Data = Annotated[Path | None, typer.Option(help="folder with your own copy of the data; digests must match")]
Logs = Annotated[Path, typer.Option(help="folder for the logs; a run whose log is in it is not repeated")]
Round = Annotated[str | None, typer.Option("--round", metavar="ROUND", help="default: the newest, e.g. assay/1.0")]
Wait = Annotated[bool, typer.Option("--wait", help="wait for another measurement on this machine to end; else refuse")]
RUNS = 8  # of each framework: 24 in three


def parity(
    workload: Annotated[str, typer.Argument(help="e.g. image-classification")],
    target: Target = "cpu",
    data: Data = None,
    publish: Annotated[bool, typer.Option("--publish", help="add it to those that the round publishes")] = False,
    round_: Round = None,
    wait: Wait = False,
) -> None:
    """Run the first steps in every framework from the same weights and batches, compare, write the certificate.

    Example: assay parity image-classification
    """
    from rules.ruleset import newest
    from rules.workload import workload_rules
    from suite.engines.table import engine as find_engine
    from suite.result.turn import turn

    name = newest(FAMILY, round_)
    workload_rules(name, workload)  # refuses one that the round has not
    engine = find_engine()
    with turn(f"assay parity {workload}", engine, wait=wait):
        _parity(engine, name, workload, target, data, publish=publish)


def _parity(engine: Engine, name: str, workload: str, target: str, data: Path | None, *, publish: bool) -> None:
    """Make the certificate of a workload by the round `name`, and publish or keep it."""
    from checker.families.assay.training.parity import disagreements
    from rules.workload import workload_rules
    from suite.host.progress import Phase
    from suite.inputs.data import obtain
    from suite.training import parity as runs
    from suite.training.parity_table import table

    rules = workload_rules(name, workload)
    with Phase("data") as phase:
        files = obtain(workload, rules, data, phase.to)
    found = runs.certify(engine, name, rules, files, target)
    typer.echo(table(found, rules.parity))
    if problems := disagreements(found, rules.parity):
        lines = "\n".join(f"  {p.message}: {p.found}, {p.expected}" for p in problems)
        raise JudgedError(f"the frameworks do not train the same model:\n{lines}", fix="correct the one that differs")
    typer.echo(f"certificate: {runs.publish(found) if publish else runs.keep(found)}")


def reference(
    workload: Annotated[str, typer.Argument(help="e.g. image-classification")],
    logs: Logs,
    runs: Annotated[int, typer.Option(help="runs of each framework", min=1)] = RUNS,
    target: Target = "cpu",
    data: Data = None,
    round_: Round = None,
    wait: Wait = False,
) -> None:
    """Make reference runs of the present source and add them to those that the round publishes: for its author.

    Example: assay reference image-classification --logs tests/data/references
    """
    from rules.published import LEAST
    from rules.ruleset import newest
    from rules.workload import workload_rules
    from suite.engines.table import engine as find_engine
    from suite.inputs.settings import settings
    from suite.result.turn import turn

    name = newest(FAMILY, round_)
    workload_rules(name, workload)  # refuses one that the round has not
    names = settings(workload).frameworks
    if runs * len(names) < LEAST:
        raise UsageError(
            f"--runs {runs}: {runs * len(names)} reference runs in all, and a round publishes {LEAST} or more",
            fix=f"give --runs {-(-LEAST // len(names))} or more",
        )
    engine = find_engine()
    with turn(f"assay reference {workload}", engine, wait=wait):
        _reference(engine, name, workload, logs, runs, target, data)


def _reference(engine: Engine, name: str, workload: str, logs: Path, runs: int, target: str, data: Path | None) -> None:
    """Make and publish reference runs of a workload by the round `name`, so many of each framework."""
    from rules.workload import workload_rules
    from suite.host.progress import Phase
    from suite.images.matrix import cell
    from suite.inputs import source
    from suite.inputs.data import obtain
    from suite.inputs.settings import settings
    from suite.training import reference as references

    rules, code = workload_rules(name, workload), source.files(workload)
    with Phase("data") as phase:
        files = obtain(workload, rules, data, phase.to)
    runners = {each: engine.runner(cell(each, target)) for each in settings(workload).frameworks}
    digest = source.digest(code)
    found = list(references.measure(name, rules, code, runners, engine.host.cpus, files, runs, logs / digest[:16]))
    typer.echo(f"{len(found)} reference runs: {references.publish(name, workload, digest, found)}")


def evidence(
    logs: Logs = Path("tests/data/references"),
    target: Target = "cpu",
    data: Data = None,
    round_: Round = None,
    wait: Wait = False,
) -> None:
    """Make and publish what evidence a round lacks on the present sources; what is there is left, also half of it.

    Example: assay evidence --wait
    """
    from rules.published import LEAST, forget
    from rules.ruleset import load, newest
    from suite.engines.table import engine as find_engine
    from suite.inputs.settings import settings
    from suite.result.turn import turn

    name = newest(FAMILY, round_)
    lacking = {workload: _lacking(name, workload) for workload in load(name).workloads()}
    if not any(lacking.values()):
        return
    engine = find_engine()
    with turn("assay evidence", engine, wait=wait):
        forget()  # another command may have published what was lacking while this one waited
        for workload in lacking:
            still = _lacking(name, workload)
            if "parity" in still:
                _parity(engine, name, workload, target, data, publish=True)
            if "references" in still:
                runs = max(RUNS, -(-LEAST // len(settings(workload).frameworks)))
                _reference(engine, name, workload, logs, runs, target, data)


def _lacking(name: str, workload: str) -> list[str]:
    """Say and return what evidence the round `name` lacks on the present source of a workload."""
    from rules.published import missing
    from suite.inputs import source

    digest = source.digest(source.files(workload))
    lacking = missing(name, workload, digest)
    said = f"lacks {' and '.join(lacking)}" if lacking else "complete"
    typer.echo(f"{workload}, source {digest[:16]}: {said}")
    return lacking
