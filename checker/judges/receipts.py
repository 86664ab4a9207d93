"""Rules on the host's receipts: each event has one, and the two clocks tell the same time.

The container's clock is the submitter's; the host's receipt of each line is the second witness.
"""

from __future__ import annotations

from collections.abc import Iterator

from checker.findings import Problem
from checker.judges.registry import judge
from checker.submission import Result, Run


@judge("receipts-complete", "run")
def receipts_complete(_result: Result, run: Run) -> Iterator[Problem]:
    """Judge that there is one receipt for each `:::MLLOG` line."""
    if run.record is None or run.log is None:
        return
    wanted, found = run.log.tokens, len(run.record.model.receipts)
    if wanted != found:
        message = "the log's lines are not those that were received"
        yield run.record.problem(message, f"{wanted} receipts", f"{found} receipts", "receipts")


@judge("receipts-order", "run")
def receipts_order(_result: Result, run: Run) -> Iterator[Problem]:
    """Judge that receipts never go back in time."""
    times = run.record.model.receipts if run.record else []
    for position in range(1, len(times)):
        if times[position] < times[position - 1]:
            assert run.record is not None
            message = f"receipt {position + 1} is earlier than the one before it"
            expected = f"at least {times[position - 1]:.3f}"
            yield run.record.problem(message, expected, f"{times[position]:.3f}", "receipts", position)


@judge("receipts-clock", "run")
def receipts_clock(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that between any line and the first the log's clock and the host's advance alike."""
    if run.record is None or run.log is None:
        return
    receipts, records = run.record.model.receipts, run.log.records
    if len(receipts) != len(records) or len(records) != run.log.tokens or not records:
        return
    if any(type(record.time_ms) is not int for record in records):
        return
    bound = result.ruleset.receipt_tolerance_s
    # The offset between the clocks is the median's, so that one wrong line is named and not all others.
    offsets = [receipt - record.time_ms / 1000 for receipt, record in zip(receipts, records, strict=True)]
    usual = sorted(offsets)[len(offsets) // 2]
    for record, offset in zip(records, offsets, strict=True):
        if abs(offset - usual) > bound:
            message = f"'{record.key}' has a time that its receipt contradicts by {abs(offset - usual):.3f} s"
            at = f"log line {record.number}"
            expected = f"within {bound:g} s of its receipt"
            yield Problem(message, expected, f"{offset - usual:+.3f} s at {at}", run.log_path, record.number)
