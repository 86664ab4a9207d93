"""Ways in which a file arrives as something else, and what a finding says of each."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path

from checker.core.findings import Finding, Report

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 5242880\n"
SPOILED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "is empty"),
    "blank": (lambda _: b" \n\n", "holds nothing but blanks or zero bytes"),
    "zeros": (lambda held: b"\0" * len(held), "holds nothing but blanks or zero bytes"),
    "pointer": (lambda _: POINTER, "is a Git LFS pointer"),
    "UTF-16": (lambda held: held.decode().encode("utf-16"), "is UTF-16 or UTF-32 text"),
    "UTF-16 without a mark": (lambda held: held.decode().encode("utf-16-le"), "is UTF-16 or UTF-32 text"),
    "marked": (lambda held: b"\xef\xbb\xbf" + held, "begins with a byte-order mark"),
    "archive": (gzip.compress, "is an archive"),
    "page": (lambda _: b"<!DOCTYPE html>\n<html><body>404</body></html>\n", "is a web page"),
    "cut": (lambda held: held[: len(held) * 6 // 10].rstrip(b"\n")[:-3], "ends in the middle of a record"),
}
FOLLOWS = {"official-crash", "official-unseen"}  # where the official checker ends is said beside the cause


def spoil(path: Path, state: str) -> None:
    path.write_bytes(SPOILED[state][0](path.read_bytes()))


def beyond(report: Report, before: Report) -> list[Finding]:
    """The findings that were not there before."""
    known = {(f.rule, f.path, f.line, f.message) for f in before.findings}
    return [f for f in report.findings if (f.rule, f.path, f.line, f.message) not in known]


def told(found: Iterable[Finding], path: str, state: str) -> Finding:
    """The finding that names the state: first, of the file, and nothing else beside it is said of that file."""
    cause, *others = found
    assert cause.path == path, (cause, others)
    assert f"{path.rpartition('/')[2]} {SPOILED[state][1]}" in cause.message
    assert cause.fix
    assert {finding.rule for finding in others} <= FOLLOWS, [(f.rule, f.path, f.message) for f in others]
    return cause
