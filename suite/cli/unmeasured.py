"""`assay profile`, and a round's own evidence on what its containers run: `parity`, `reference`, `evidence`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import Data, Round, Target, Wait, Workload

Logs = Annotated[Path, typer.Option(help="folder for the logs; a run whose log is in it is not repeated")]


def profile(
    workload: Workload,
    framework: Annotated[str, typer.Option(help="pytorch, tensorflow or jax")] = "pytorch",
    target: Target = "cpu",
    data: Data = None,
    wait: Wait = False,
) -> None:
    """Show where a step's time goes, by the framework's own profiler, in the container that `assay run` uses.

    Example: assay profile image-classification --framework jax
    """
    from suite.training import profile as training

    training.profile(workload, framework, target, data, wait=wait)


def parity(
    workload: Workload,
    target: Target = "cpu",
    data: Data = None,
    publish: Annotated[bool, typer.Option("--publish", help="add it to those that the round publishes")] = False,
    round_: Round = None,
    wait: Wait = False,
) -> None:
    """Run the first steps in every framework from the same weights and batches, compare, write the certificate.

    Example: assay parity image-classification
    """
    from suite.training.evidence import Evidence

    Evidence(round_, target, data).parity(workload, publish=publish, wait=wait)


def reference(
    workload: Workload,
    logs: Logs,
    runs: Annotated[int, typer.Option(help="runs of each framework", min=1)] = 8,
    target: Target = "cpu",
    data: Data = None,
    round_: Round = None,
    wait: Wait = False,
) -> None:
    """Make reference runs of the present source and add them to those that the round publishes: for its author.

    Example: assay reference image-classification --logs tests/data/references
    """
    from suite.training.evidence import Evidence

    Evidence(round_, target, data).references(workload, logs, runs, wait=wait)


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
    from suite.training.evidence import Evidence

    Evidence(round_, target, data).complete(logs, wait=wait)
