"""Rules on the source that ran: it is in the submission, and logged the lines there are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from checker.core.findings import Problem, brief
from checker.core.mllog import ParsedLog
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.submission import Result, Run

SOURCE_BYTES = 1 << 20  # of a source file whose lines are counted


@check("source-digest", "result")
def source_digest(result: Result) -> Iterator[Problem]:
    """Judge that the source in the submission is the one that each run executed.

    The digest is SHA-256 over lines `<sha256>  <relative path>`, sorted by path.
    """
    if not result.framework:
        return
    lines = []
    files = result.tree.files(result.implementation)
    if not files:
        yield Problem("the source that ran is not in the submission", "its files", "none", result.implementation)
        return
    for entry in sorted(files, key=lambda e: e.path):
        try:
            lines.append(f"{result.sha256(entry.path)}  {entry.path.removeprefix(f'{result.implementation}/')}\n")
        except RefusedError as error:
            yield Problem(f"the source file {error}", "a plain file", "", entry.path)
            return
    found = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    for record in result.records:
        if record.model.source_sha256 != found:
            message = f"the source in {result.implementation} is not what this run executed"
            yield record.problem(message, record.model.source_sha256, found, "source_sha256")


@check("log-source", "run")
def log_source(result: Result, run: Run, log: ParsedLog) -> Iterator[Problem]:
    """Judge that each record names a file of the submitted source, and a line that the file has."""
    lines: dict[str, int | None] = {}
    for record in log.records if result.framework else ():
        file, number = record.metadata.get("file"), record.metadata.get("lineno")
        if not isinstance(file, str) or type(number) is not int:
            continue
        if file not in lines:
            lines[file] = _lines(result, file)
        count = lines[file]
        if count is None or number > count:
            message = f"'{record.key}' was not logged by the submitted source"
            wanted = f"a file of {result.implementation}" if count is None else f"line 1 to {count} of {file}"
            found = brief(file) if count is None else str(number)
            yield run.problem(message, wanted, found, record)
            return


def _lines(result: Result, file: str) -> int | None:
    """Return the number of lines of a source file; None where the submission has no such file."""
    try:
        content = result.tree.read(f"{result.implementation}/{file}", SOURCE_BYTES)
    except RefusedError:
        return None
    return len(content.splitlines())
