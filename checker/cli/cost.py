"""`assay cost`: what results cost, by a price list."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def cost(
    path: Annotated[Path, typer.Argument(help="Submissions, a submitter's folder, or a result's folder.")],
    prices: Annotated[Path, typer.Option(metavar="FILE", help="Price list (YAML; its form: docs/meters.md).")],
    round_: Annotated[
        str | None, typer.Option("--round", metavar="ROUND", help="Judge by this round instead of the one it states.")
    ] = None,
    format_: Annotated[Literal["text", "json"], typer.Option("--format", help="text, json")] = "text",
) -> None:
    """Rank the results at PATH by time and by cost: cost to target, or per million inferences.

    Results that fail the check, by Assay's verdict, have no place. Exit code 0, or 3 where there is nothing to rank.

    Example: assay cost submissions --prices prices.yaml
    """
    import checker
    from checker.machine.cost import as_json, as_text, costs
    from rules.errors import NothingToCheckError
    from rules.prices import read_prices

    listed = read_prices(prices)
    found = costs(checker.check(path, round_).scores, listed)
    if not found:
        raise NothingToCheckError(f"{path}: no result here passes the check", fix=f"assay check {path}")
    if format_ == "json":
        sys.stdout.write(json.dumps(as_json(found, listed), indent=2, allow_nan=False) + "\n")
    else:
        sys.stdout.write(as_text(found, listed))
