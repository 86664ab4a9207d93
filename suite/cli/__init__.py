"""The command `assay`: one root, commands imported only when called, errors as sentences."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
from typing import NoReturn

import typer

from checker.cli import check as check_cli
from checker.cli import cost as cost_cli
from checker.cli import report as report_cli
from checker.cli import review as review_cli
from checker.cli import rules as rules_cli
from rules.errors import AssayError, Exit, Stopped
from rules.text import printable
from suite.cli import images as images_cli
from suite.cli import run as run_cli
from suite.cli import unmeasured as unmeasured_cli

app = typer.Typer(
    name="assay",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Run AI benchmarks reproducibly, and judge the results.",
)

app.command()(run_cli.run)
app.command()(run_cli.doctor)
app.command()(unmeasured_cli.profile)
app.command()(unmeasured_cli.parity)
app.command()(unmeasured_cli.reference)
app.command()(unmeasured_cli.evidence)
app.add_typer(images_cli.app, name="images")
app.command()(check_cli.check)
app.add_typer(rules_cli.app, name="rules")
app.command()(report_cli.report)
app.command()(review_cli.review)
app.command()(cost_cli.cost)

# What the extra `run` brings; a reviewer's installation has none of it.
RUN_ONLY = {"docker", "requests", "rich"}


def main() -> None:
    """Run the command line; every expected failure ends as a sentence and a documented exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal's character set never ends a command
    try:
        app()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(Exit.PIPE) from None
    except Stopped as stopped:
        _end(Exit.INTERRUPTED, stopped.message, stopped.fix)
    except Exception as error:
        if os.environ.get("ASSAY_DEBUG") == "1":
            raise
        _end(*_explained(error))


def _end(code: Exit, message: str, fix: str) -> NoReturn:
    """Say why the command ends, safe for a terminal, and end it."""
    lines = [f"assay: {message}", *([f"  fix: {fix}"] if fix else [])]
    said = "".join(f"{printable(line, 4000)}\n" for line in "\n".join(lines).splitlines())
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        sys.stderr.write(said)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left unwritten cannot be written
    raise SystemExit(code) from None


def _explained(error: Exception) -> tuple[Exit, str, str]:
    """Return exit code, message and fix for whatever ended a command."""
    if isinstance(error, AssayError):
        return error.exit_code, error.message, error.fix
    if isinstance(error, ModuleNotFoundError) and error.name in RUN_ONLY:
        message = f"this installation judges results; to produce them it lacks {error.name}"
        return Exit.MACHINE, message, "pip install 'assay[run]'"
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
        return Exit.MACHINE, f"writing failed: {error}", "free space, then repeat the command"
    message = f"a defect of Assay: {type(error).__name__}: {error}"
    return Exit.DEFECT, message, "report it with this line and the command; ASSAY_DEBUG=1 shows where it arose"


def _stop(number: int, _frame: object) -> None:
    if number == signal.SIGHUP:  # a terminal that closes sends it twice
        signal.signal(number, signal.SIG_IGN)
    # Not KeyboardInterrupt, which the command-line library turns into its own message and exit code.
    raise Stopped(f"interrupted ({signal.Signals(number).name})")
