"""Rules on the source that ran: it is in the submission, and logged the lines there are."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.findings import Violation, brief
from checker.core.mllog import ParsedLog
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.submission import Result, Run
from rules.source import listing_sha256, source_digests

SOURCE_BYTES = 1 << 20  # of a source file whose lines are counted


@check("source-digest", "result")
def source_digest(result: Result) -> Iterator[Violation]:
    """Judge that the source in the submission is the one that each run executed, by the digests of `rules.source`.

    A record that states none of the transport was written before there was one: its source's covers all files.
    """
    if not result.framework:
        return
    found = {}
    files = result.tree.files(result.implementation)
    if not files:
        yield Violation("the source that ran is not in the submission", "its files", "none", result.implementation)
        return
    for entry in sorted(files, key=lambda e: e.path):
        name = entry.path.removeprefix(f"{result.implementation}/")
        try:
            found[name] = result.sha256(entry.path)
        except RefusedError as error:
            yield Violation(f"the source file {error}", "a plain file", "", entry.path)
            return
    apart, together = source_digests(found), {"source_sha256": listing_sha256(found)}
    for record in result.records:
        for member, digest in (together if record.model.transport_sha256 is None else apart).items():
            if getattr(record.model, member) != digest:
                message = f"the source in {result.implementation} is not what this run executed"
                yield record.problem(message, getattr(record.model, member), digest, member)


@check("log-source", "run")
def log_source(result: Result, run: Run, log: ParsedLog) -> Iterator[Violation]:
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
