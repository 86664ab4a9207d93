"""Rules on a log's lines by themselves: their form, whose flaws the reader found, and their times."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.findings import Violation, brief
from checker.core.mllog import ParsedLog
from checker.families.assay.checks import check, flaws

for name in ("log-line", "log-json", "log-members", "log-workload"):
    flaws("log", name)

BACK_MS = 10  # a clock that is being synchronised may go back so much


@check("log-time", "log")
def log_time(log: ParsedLog) -> Iterator[Violation]:
    """Judge that times are whole milliseconds, and go back no further than setting a clock right takes."""
    latest = None
    for record in log.records:
        if type(record.time_ms) is not int or record.time_ms < 0:
            message = f"time_ms is {brief(record.time_ms)}"
            yield Violation(message, "a whole number of milliseconds", brief(record.time_ms), line=record.number)
            continue
        if latest is not None and record.time_ms < latest.time_ms - BACK_MS:
            message = f"time_ms falls from {brief(latest.time_ms)} on line {latest.number} to {brief(record.time_ms)}"
            yield Violation(message, f"at least {brief(latest.time_ms)}", brief(record.time_ms), line=record.number)
        if latest is None or record.time_ms > latest.time_ms:
            latest = record
