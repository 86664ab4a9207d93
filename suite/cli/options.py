"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Workload = Annotated[str, typer.Argument(help="e.g. image-classification")]
Target = Annotated[str, typer.Option(help="hardware target")]
Data = Annotated[Path | None, typer.Option(help="folder with your own copy of the data; digests must match")]
Round = Annotated[str | None, typer.Option("--round", metavar="ROUND", help="default: the newest, e.g. assay/1.0")]
Wait = Annotated[bool, typer.Option("--wait", help="wait for another measurement on this machine to end; else refuse")]
