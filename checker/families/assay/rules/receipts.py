"""Rules on the host's receipts: each event has one, and the two clocks tell the same time.

The container's clock is the submitter's; the host's receipt of each line is the second witness. A line takes some time
to the host, a few milliseconds on one machine, seconds where a remote engine stalls; it never arrives before it was
written.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from checker.core.documents import ValidDocument
from checker.core.findings import Violation
from checker.core.mllog import LogRecord, ParsedLog
from checker.families.assay.checks import check
from checker.families.assay.submission import Result, Run
from rules.documents import Record

BACK_S = 0.010  # a host's clock that is being synchronised may go back so much
# A line seems received before it was written by at most so much: the two clocks may be of two machines, each within
# 100 ppm of the right rate. Real runs: 0.
EARLY_S = 0.050
DRIFT = 0.0002
STALLS = 5  # delays beyond the round's tolerance that a run may have; a clock that was shifted delays every line
TOGETHER_S = 1.0  # lines held up by one stall arrive within so much of each other
# The host's seconds from run_start to run_stop exceed the log's by at most so much. Real runs: 5 ms.
SCORE_S = 0.25
SCORE = 0.01
APART_S = 5.0  # how far the two clocks may move against each other from run to run
DAY_S = 86_400
# No round was open before, and no clock that is right says later: 2025-01-01 and 2100-01-01.
EARLIEST_S, LATEST_S = 1_735_689_600, 4_102_444_800


@check("receipts-complete", "run")
def receipts_complete(log: ParsedLog, record: ValidDocument[Record]) -> Iterator[Violation]:
    """Judge that there is one receipt for each `:::MLLOG` line."""
    wanted, found = log.tokens, len(record.model.receipts)
    if wanted != found:
        message = "the log's lines are not those that were received"
        yield record.problem(message, f"{wanted} receipts", f"{found} receipts", "receipts")


@check("receipts-order", "run")
def receipts_order(record: ValidDocument[Record]) -> Iterator[Violation]:
    """Judge that receipts never go back in time, but for what setting a clock right takes."""
    for position, (before, after) in enumerate(pairwise(record.model.receipts), 1):
        if after < before - BACK_S:
            message = f"receipt {position + 1} is earlier than the one before it"
            yield record.problem(message, f"at least {before:.3f}", f"{after:.3f}", "receipts", position)


@check("receipts-dates", "run")
def receipts_dates(run: Run) -> Iterator[Violation]:
    """Judge that the run has a date that can be, and that log and host date it alike."""
    pairs = _pairs(run)
    usual = _usual(pairs)
    for record, receipt in pairs[:1]:
        for what, time in (("dated", record.time_ms / 1000), ("received", receipt)):
            if not EARLIEST_S <= time <= LATEST_S:
                message = f"the run is {what} at a time when it cannot have been"
                yield run.problem(message, "from 2025 to 2099", f"{time:.0f} s", record)
        if abs(usual) > DAY_S:
            yield run.problem("log and receipts date the run apart", "within a day", f"{usual:+.0f} s", record)


@check("receipts-clock", "run")
def receipts_clock(result: Result, run: Run) -> Iterator[Violation]:
    """Judge that no line was received before it was written, and that that stalls explain the lines that came late."""
    pairs = _pairs(run)
    if not pairs:
        return
    usual = _usual(pairs)
    most = EARLY_S + DRIFT * abs(pairs[-1][1] - pairs[0][1])
    for record, receipt in pairs:
        early = usual - (receipt - record.time_ms / 1000)
        if early > most:
            message = f"'{record.key}' was received {early:.3f} s before its own time"
            yield run.problem(message, "after its own time", f"{-early:+.3f} s", record)
    stalls: list[float] = []
    for record, receipt, late in _late(pairs, result.ruleset.receipt_tolerance_s):
        if not stalls or receipt > stalls[-1] + TOGETHER_S:
            stalls.append(receipt)
            if len(stalls) > STALLS:
                message = f"'{record.key}' has a time that its receipt contradicts by {late:.3f} s"
                expected = f"clocks that advance alike, but for {STALLS} delays at most"
                yield run.problem(message, expected, f"delay {len(stalls)}", record)


@check("receipts-delay", "run")
def receipts_delay(result: Result, run: Run) -> Iterator[Violation]:
    """Point at lines that took long to the host."""
    most = result.ruleset.receipt_tolerance_s
    for record, _, late in _late(_pairs(run), most):
        message, found = f"'{record.key}' was received late", f"{late:.3f} s after its own time"
        yield run.problem(message, f"within {most:g} s", found, record)


@check("receipts-score", "run")
def receipts_score(run: Run) -> Iterator[Violation]:
    """Judge that by the host's clock, too, the run was as fast as its log says.

    A host that saw less time pass than the log claims is no gain; that a line came before its time is judged elsewhere.
    """
    ends = {record.key: (record, receipt) for record, receipt in _pairs(run) if record.key in ("run_start", "run_stop")}
    if len(ends) != 2:
        return
    (start, began), (stop, ended) = ends["run_start"], ends["run_stop"]
    logged, received = (stop.time_ms - start.time_ms) / 1000, ended - began
    if received > logged + max(SCORE_S, SCORE * logged):
        message = "the run took longer by its receipts than by its log"
        yield run.problem(message, f"{logged:.3f} s (as logged)", f"{received:.3f} s (as received)", stop)


@check("receipts-runs", "result")
def receipts_runs(result: Result) -> Iterator[Violation]:
    """Judge that from run to run the clocks of log and host stay where they were against each other."""
    offsets = [(run, _usual(pairs)) for run in result.runs if (pairs := _pairs(run))]
    for run, offset in offsets[1:]:
        apart = offset - offsets[0][1]
        if abs(apart) > APART_S:
            message = "log and receipts of this run are apart otherwise than those of the first"
            yield run.problem(message, f"within {APART_S:g} s of result_{offsets[0][0].name}", f"{apart:+.3f} s")


def _pairs(run: Run) -> list[tuple[LogRecord, float]]:
    """Return each record with its receipt; nothing where they cannot be matched one to one."""
    if run.record is None or run.log is None:
        return []
    receipts, records = run.record.model.receipts, run.log.records
    usable = len(receipts) == len(records) == run.log.tokens
    # Times beyond a float's exact integers are no milliseconds since 1970, and would overflow below.
    usable = usable and all(type(record.time_ms) is int and abs(record.time_ms) < 1 << 53 for record in records)
    return list(zip(records, receipts, strict=True)) if usable else []


def _usual(pairs: list[tuple[LogRecord, float]]) -> float:
    """Return how far the host's clock is ahead of the log's: of most lines' delays, those that were short.

    The tenth part of the lines that arrived fastest is left out: they are what a rule looks for.
    """
    offsets = sorted(receipt - record.time_ms / 1000 for record, receipt in pairs)
    return offsets[len(offsets) // 10] if offsets else 0.0


def _late(pairs: list[tuple[LogRecord, float]], tolerance: float) -> Iterator[tuple[LogRecord, float, float]]:
    """Yield the lines that took more than `tolerance` seconds longer than usual, with receipt and seconds."""
    usual = _usual(pairs)
    for record, receipt in pairs:
        late = receipt - record.time_ms / 1000 - usual
        if late > tolerance:
            yield record, receipt, late
