"""The command `assay`: one root, commands imported only when called, errors as sentences."""

from __future__ import annotations

import os
import signal
import sys

import typer

from checker import check_cli, report_cli, rules_cli
from rules.errors import AssayError, Exit, StoppedError
from rules.text import printable
from suite import parity_cli, run_cli
from suite.images import cli as images_cli

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
app.command()(parity_cli.parity)
app.command()(parity_cli.reference)
app.add_typer(images_cli.app, name="images")
app.command()(check_cli.check)
app.add_typer(rules_cli.app, name="rules")
app.command()(report_cli.report)

# What the extra `run` brings; a reviewer's installation has none of it.
RUN_ONLY = {"docker", "requests", "rich"}


def main() -> None:
    """Run the command line; every expected failure ends as a sentence and a documented exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(Exit.PASS) from None
    except Exception as error:
        if os.environ.get("ASSAY_DEBUG") == "1":
            raise
        code, message, fix = _explained(error)
        sys.stderr.write(f"assay: {message}\n" + (f"  fix: {fix}\n" if fix else ""))
        raise SystemExit(code) from None


def _explained(error: Exception) -> tuple[Exit, str, str]:
    """Return exit code, message and fix for whatever ended a command."""
    if isinstance(error, AssayError):
        return error.exit_code, error.message, error.fix
    if isinstance(error, ModuleNotFoundError) and error.name in RUN_ONLY:
        message = f"this installation judges results; to produce them it lacks {error.name}"
        return Exit.MACHINE, message, "pip install 'assay[run]'"
    message = f"a defect of Assay: {type(error).__name__}: {printable(str(error))}"
    return Exit.DEFECT, message, "report it with this line and the command; ASSAY_DEBUG=1 shows where it arose"


def _stop(number: int, _frame: object) -> None:
    # Not KeyboardInterrupt, which the command-line library turns into its own message and exit code.
    raise StoppedError(f"interrupted ({signal.Signals(number).name})")


if __name__ == "__main__":
    main()
