"""`assay profile`: where a step's time goes. Nothing it says is a result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rules.errors import JudgedError, unknown


def profile(
    workload: Annotated[str, typer.Argument(help="e.g. image-classification")],
    framework: Annotated[str, typer.Option(help="pytorch, tensorflow or jax")] = "pytorch",
    target: Annotated[str, typer.Option(help="hardware target")] = "cpu",
    data: Annotated[Path | None, typer.Option(help="folder with your own copy of the data; digests must match")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="wait for another measurement on this machine to end; else refuse")
    ] = False,
) -> None:
    """Show where a step's time goes, by the framework's own profiler, in the container that `assay run` uses.

    Example: assay profile image-classification --framework jax
    """
    import json

    from rules.ruleset import newest
    from rules.text import printable
    from rules.workload import workload_rules
    from suite.engines.table import engine as find_engine
    from suite.host.cpus import last_cpus
    from suite.host.progress import Phase
    from suite.images.matrix import cell
    from suite.inputs import source
    from suite.inputs.data import obtain
    from suite.inputs.settings import settings
    from suite.result.turn import turn
    from suite.training.unmeasured import run_unmeasured

    name = newest("assay")
    rules = workload_rules(name, workload)
    chosen, frameworks = cell(framework, target), settings(workload).frameworks
    if framework not in frameworks:
        raise unknown("framework", framework, frameworks)
    tuned = frameworks[framework]
    engine = find_engine()
    with Phase("data") as phase:
        files = obtain(workload, rules, data, phase.to)
    runner = engine.runner(chosen)
    code = source.files(workload, profile=True)
    cpus = last_cpus(tuned.threads, engine.host.cpus)
    with turn(f"assay profile {workload}", engine, wait=wait), Phase(f"profile {chosen.name}") as phase:
        finished = run_unmeasured(
            runner, "profile", name, rules, code, files, cpus, phase, seed=0, threads=tuned.threads
        )
    if "profile.json" not in finished.files:
        raise JudgedError(f"no profile was made: {finished.judge(rules)[1]}")
    found = json.loads(finished.files["profile.json"])
    for phase_name, seconds in found["phases"].items():
        typer.echo(f"{seconds:9.3f} s   {printable(phase_name, 60)}")
    typer.echo("\n ms a step   share  operation")
    for row in found["operations"]:
        typer.echo(f"{row['seconds_per_step'] * 1e3:10.3f} {row['share']:7.1%}  {printable(row['name'], 80)}")
