"""`assay run` and `assay doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rules.errors import Exit, UsageError
from suite.cli.options import Data, Round, Target, Wait, Workload

Output = Annotated[Path, typer.Option(help="the submissions folder")]
SUBMISSIONS = Path("submissions")


def run(
    workload: Workload,
    framework: Annotated[
        str, typer.Option(help="pytorch, tensorflow, jax; inference: also onnxruntime; or all")
    ] = "pytorch",
    target: Target = "cpu",
    scenario: Annotated[
        str | None, typer.Option(help="inference: SingleStream, MultiStream, Server, Interactive, Offline, or all")
    ] = None,
    division: Annotated[Literal["closed", "open"], typer.Option(help="closed or open")] = "closed",
    submitter: Annotated[str, typer.Option(help="your organisation's name in the submission")] = "local",
    runs: Annotated[int | None, typer.Option(help="number of runs (open division)", min=1, max=1000)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="open division: a hyperparameter, NAME=VALUE; inference: also batch, precision, workers"
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="compute threads; default: the workload's tuned number", min=1)
    ] = None,
    memory: Annotated[int | None, typer.Option(help="memory limit of a container in MiB", min=64)] = None,
    data: Data = None,
    system_file: Annotated[Path | None, typer.Option(help="YAML with system details that no program can read")] = None,
    power_log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="log of an external meter: timestamp,watts or MLPerf's spl.txt"),
    ] = None,
    power_log_ahead: Annotated[
        float, typer.Option(metavar="SECONDS", help="how far that meter's clock is ahead of the machine's")
    ] = 0.0,
    idle_baseline: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="training: sample the idle machine first; reports show energy above it"),
    ] = None,
    uncontained: Annotated[
        Path | None,
        typer.Option(metavar="PYTHON", help="training: run in this Python without an engine; not a submission"),
    ] = None,
    output: Output = SUBMISSIONS,
    resume: Annotated[bool, typer.Option("--resume", help="resume an unfinished result")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="discard an unfinished result first")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="measure again; the finished result is set aside")] = False,
    round_: Round = None,
    wait: Wait = False,
) -> None:
    """Build the image, train to the quality target N times or, with --scenario, measure inference; write and check it.

    A workload that is not trained is measured in all scenarios. Examples:
    assay run image-classification --framework all --division open
    assay run image-classification --framework onnxruntime --scenario all
    assay run image-classification --target cuda --uncontained venv/bin/python
    """
    from suite.meters.power_log import PowerLog
    from suite.procedures import procedure
    from suite.result.produce import produce
    from suite.result.request import Request

    if resume and discard:
        raise UsageError("--resume and --discard exclude each other", fix="give one of them")
    request = Request(
        workload=workload,
        framework=framework,
        target=target,
        scenario=scenario,
        division=division,
        submitter=submitter,
        runs=runs,
        settings=settings or [],
        threads=threads,
        memory_mib=memory,
        data=data,
        system_file=system_file,
        output=output,
        resume=resume,
        discard=discard,
        replace=replace,
        power_log=PowerLog(power_log, power_log_ahead) if power_log else None,
        uncontained=uncontained,
        idle_s=idle_baseline,
        wait=wait,
        round=round_,
    )
    if not produce(procedure(request), request, typer.echo):
        raise typer.Exit(Exit.FINDINGS)


def doctor(
    output: Output = SUBMISSIONS,
    target: Annotated[str, typer.Option(help="what would be measured: cpu, cuda, jetson, …")] = "cpu",
) -> None:
    """Say what this machine can run, and how to fix what it cannot."""
    from suite.cli.examination import examine, report
    from suite.host import cache

    if not report(examine(cache.root(), output, target), typer.echo):
        raise typer.Exit(Exit.MACHINE)
