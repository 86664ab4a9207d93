"""`assay images`: list, lock, build, check, prove and dockerfile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="The images benchmarks run in: pinned, hermetic, reproducible.")

Framework = Annotated[str, typer.Option(help="a framework, or all")]
Target = Annotated[str, typer.Option(help="a target, or all")]
Suite = Annotated[Literal["training", "inference", "all"], typer.Option(help="what runs in them, or all")]
Base = Annotated[str | None, typer.Option(help="mmdebstrap (default) or registry; or set $ASSAY_BASE")]


@app.command("list")
def list_(framework: Framework = "all", target: Target = "all", base: Base = None, suite: Suite = "all") -> None:
    """List the images: their locks' digests, and whether the engine has them."""
    from suite.cli import image_work as commands

    commands.list_images(framework, target, base, suite)


@app.command()
def lock(framework: Framework = "all", target: Target = "all", base: Base = None, suite: Suite = "all") -> None:
    """Resolve wheels and Debian packages anew and write the locks (a change in images/, to be committed)."""
    from suite.cli import image_work as commands

    commands.lock(framework, target, base, suite)


@app.command()
def build(framework: Framework = "all", target: Target = "cpu", base: Base = None, suite: Suite = "all") -> None:
    """Fetch what the locks pin, assemble the images without a network, load them into the engine."""
    from suite.cli import image_work as commands

    commands.build(framework, target, base, suite)


@app.command()
def check(framework: Framework = "all", target: Target = "cpu", base: Base = None, suite: Suite = "all") -> None:
    """Check locks, fetched wheels and the engine's images, building nothing. Exit code 1: something failed."""
    from suite.cli import image_work as commands

    commands.check(framework, target, base, suite)


@app.command()
def prove(framework: Framework = "all", target: Target = "cpu", base: Base = None, suite: Suite = "all") -> None:
    """Build every selected image twice from scratch and compare the digests. Exit code 1: they differ."""
    from suite.cli import image_work as commands

    commands.prove(framework, target, base, suite)


@app.command()
def dockerfile(
    framework: Annotated[str, typer.Option(help="a framework")],
    target: Annotated[str, typer.Option(help="a target")] = "cpu",
    base: Base = None,
    suite: Annotated[Literal["training", "inference"], typer.Option(help="what runs in it")] = "training",
    context: Annotated[Path | None, typer.Option(help="also write everything it needs into this folder")] = None,
) -> None:
    """Print a Dockerfile that gives the same files as the image; --context writes what it needs beside it."""
    from suite.cli import image_work as commands

    commands.dockerfile(framework, target, base, suite, context)
