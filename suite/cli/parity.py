"""`assay parity` and `assay reference`: the round's own evidence about a workload."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rules.errors import JudgedError

RULESET = "assay/1.0"


def parity(
    workload: Annotated[str, typer.Argument(help="e.g. image-classification")],
    target: Annotated[str, typer.Option(help="hardware target")] = "cpu",
    data: Annotated[Path | None, typer.Option(help="folder with your own copy of the data; digests must match")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="make it the round's own certificate")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="wait where another command is measuring on the machine, else refuse")
    ] = False,
) -> None:
    """Run the first steps in every framework from the same weights and batches, compare, write the certificate.

    Example: assay parity image-classification
    """
    from checker.families.assay.training.parity import disagreements
    from rules.workload import workload_rules
    from suite.data import obtain
    from suite.engines.table import engine as find_engine
    from suite.progress import Phase
    from suite.training import parity as runs
    from suite.training.parity_table import table
    from suite.turn import turn

    rules = workload_rules(RULESET, workload)
    engine = find_engine()
    with turn(f"assay parity {workload}", engine, wait=wait):
        with Phase("data") as phase:
            files = obtain(workload, rules, data, phase.to)
        found = runs.certify(engine, RULESET, rules, files, target)
    typer.echo(table(found, rules.parity))
    if problems := disagreements(found, rules.parity):
        lines = "\n".join(f"  {p.message}: {p.found}, {p.expected}" for p in problems)
        raise JudgedError(f"the frameworks do not train the same model:\n{lines}", fix="correct the one that differs")
    place = runs.published(RULESET, workload) if publish else runs.kept(found)
    runs.write(found, place)
    typer.echo(f"certificate: {place}")


def reference(
    workload: Annotated[str, typer.Argument(help="e.g. image-classification")],
    logs: Annotated[Path, typer.Option(help="folder for the logs, compressed")],
    runs: Annotated[int, typer.Option(help="runs of each framework", min=1)] = 8,
    target: Annotated[str, typer.Option(help="hardware target")] = "cpu",
    data: Annotated[Path | None, typer.Option(help="folder with your own copy of the data; digests must match")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="wait where another command is measuring on the machine, else refuse")
    ] = False,
) -> None:
    """Make the round's reference runs anew: for the author of a rule set.

    Example: assay reference image-classification --logs tests/data/references
    """
    from rules.workload import workload_rules
    from suite.data import obtain
    from suite.engines.table import engine as find_engine
    from suite.images.matrix import cell
    from suite.progress import Phase
    from suite.settings import settings
    from suite.training import reference as references
    from suite.turn import turn

    rules = workload_rules(RULESET, workload)
    engine = find_engine()
    with turn(f"assay reference {workload}", engine, wait=wait):
        with Phase("data") as phase:
            files = obtain(workload, rules, data, phase.to)
        names = settings(workload).frameworks
        runners = {name: engine.runner(cell(name, target)) for name in names}
        found = list(references.measure(RULESET, rules, runners, engine.host.cpus, files, runs))
    typer.echo(f"{len(found)} reference runs: {references.write(RULESET, workload, found, logs)}")
