"""Errors a person can act on: what happened, where, and what to do. Anything else that escapes is a defect."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from difflib import get_close_matches

from rules.text import printable

SHOWN = 12  # names listed beside a suggestion; where there is none, all are


class Exit(enum.IntEnum):
    """Exit codes of every `assay` command; documented in README.md and tested."""

    PASS = 0
    FINDINGS = 1  # something judged failed: a finding, an image that does not reproduce, a run short of its target
    USAGE = 2  # the arguments, or a file a person wrote, cannot be used
    NOTHING = 3  # nothing to check was found
    DEFECT = 4  # a defect of Assay itself
    MACHINE = 5  # this machine cannot do it now: no engine, no disk, no network, another command measures on it
    INTERRUPTED = 130  # Ctrl-C, or asked to end
    PIPE = 141  # whoever read our output went away


class AssayError(Exception):
    """A failure that has a sentence for the user.

    `message` says what happened and where; `fix` says what to do; `exit_code` is the command's status.
    """

    exit_code = Exit.USAGE

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class UsageError(AssayError):
    """The arguments, or a file a person wrote, cannot be used."""


class NothingToCheckError(AssayError):
    """A path was given that holds nothing a checker can judge."""

    exit_code = Exit.NOTHING


class MachineError(AssayError):
    """This machine cannot do what was asked: no engine, no space, no network, a download that fails its hash."""

    exit_code = Exit.MACHINE


class Stopped(BaseException):
    """The user, or the system shutting down, asked the program to stop."""

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class JudgedError(AssayError):
    """The work was done and its outcome is bad: a run missed its target, an image did not reproduce."""

    exit_code = Exit.FINDINGS


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that is not among `known`, with the nearest one as a suggestion."""
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hints = [f"did you mean {near[0]!r}?"] if near else []
    if not near or len(names) <= SHOWN:
        hints.append(f"known: {', '.join(names)}")
    return UsageError(f"unknown {kind} {printable(name)!r}", fix=" ".join(hints))
