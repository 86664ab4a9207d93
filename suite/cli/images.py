"""`assay images`: list, lock, build, check, prove and dockerfile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="The images benchmarks run in: pinned, hermetic, reproducible.")

Framework = Annotated[str, typer.Option(help="a framework, or all")]
Target = Annotated[str, typer.Option(help="a target, or all")]
Suite = Annotated[Literal["training", "inference", "all"], typer.Option(help="what runs in them, or all")]
Base = Annotated[str | None, typer.Option(help="mmdebstrap (default) or registry; or set $ASSAY_BASE")]


COMMANDS = {
    "list": "List the images: their locks' digests, and whether the engine has them.",
    "lock": "Resolve wheels and Debian packages anew and write the locks (a change in images/, to be committed).",
    "build": "Fetch what the locks pin, assemble the images without a network, load them into the engine.",
    "check": "Check locks, fetched wheels and the engine's images, building nothing. Exit code 1: something failed.",
    "prove": "Build every selected image twice from scratch and compare the digests. Exit code 1: they differ.",
}


def _command(name: str) -> Callable[..., None]:
    usual = "all" if name in ("list", "lock") else "cpu"

    def command(framework: Framework = "all", target: Target = usual, base: Base = None, suite: Suite = "all") -> None:
        from suite.cli import image_work

        getattr(image_work, f"{name}_images")(framework, target, base, suite)

    return command


for _name, _does in COMMANDS.items():
    app.command(_name, help=_does)(_command(_name))


@app.command()
def dockerfile(
    framework: Annotated[str, typer.Option(help="a framework")],
    target: Annotated[str, typer.Option(help="a target")] = "cpu",
    base: Base = None,
    suite: Annotated[Literal["training", "inference"], typer.Option(help="what runs in it")] = "training",
    context: Annotated[Path | None, typer.Option(help="also write everything it needs into this folder")] = None,
) -> None:
    """Print a Dockerfile that gives the same files as the image; --context writes what it needs beside it."""
    from suite.cli import image_work

    image_work.dockerfile(framework, target, base, suite, context)
