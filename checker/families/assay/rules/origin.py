"""Rules on a log's origin: its lines come from the submitted source, and warm-up takes time."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.findings import Problem, brief
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.submission import Result, Run

SOURCE_BYTES = 1 << 20  # of a source file whose lines are counted


@check("log-source", "run")
def log_source(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that each record names a file of the submitted source, and a line that the file has."""
    if run.log is None or not result.framework:
        return
    lines: dict[str, int | None] = {}
    for record in run.log.records:
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
            yield Problem(message, wanted, found, run.log_path, record.number)
            return


def _lines(result: Result, file: str) -> int | None:
    """Return the number of lines of a source file; None where the submission has no such file."""
    try:
        content = result.tree.read(f"{result.implementation}/{file}", SOURCE_BYTES)
    except RefusedError:
        return None
    return len(content.splitlines())


@check("warmup-time", "run")
def warmup_time(_result: Result, run: Run) -> Iterator[Problem]:
    """Judge that warm-up takes time."""
    seconds = run.interval("warmup_start", "warmup_stop")
    stop = run.log.first("warmup_stop") if run.log else None
    if stop is not None and seconds is not None and seconds <= 0:
        yield Problem("warm-up takes no time", "above 0 s", f"{seconds:g} s", run.log_path, stop.number)
