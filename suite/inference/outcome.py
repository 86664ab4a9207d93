"""How a container of inference ended."""

from __future__ import annotations

import json
import re

from rules.serving_documents import REPEATED, ServingOutcome
from rules.text import printable
from suite.result.job import Finished

FRAME = re.compile(r'File "[^"]*/(suite/workloads/[^"]+)", line (\d+) in (\S+)')


def judge(finished: Finished, limit_s: float) -> tuple[ServingOutcome, str]:
    """Return how a container of inference ended, and a sentence about it (empty on success)."""
    if finished.ended.status == 0 and finished.result():
        return ServingOutcome.SUCCESS, ""
    said = _failure(finished.files.get("failure.json", b""))
    if said is not None:
        return said
    if hang := finished.files.get("hang.txt", b"").decode(errors="replace"):
        return ServingOutcome.HUNG, f"the system under test gave no answer within its limit{_hung_at(hang)}"
    outcome, explanation = finished.failure(limit_s)
    return ServingOutcome(outcome.value), explanation


def _failure(content: bytes) -> tuple[ServingOutcome, str] | None:
    """Read what the harness said of a failure; None where it said nothing that can be read."""
    try:
        said = json.loads(content)
        outcome, explanation = ServingOutcome(said["outcome"]), printable(str(said["explanation"]), 500)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return None if outcome in (ServingOutcome.SUCCESS, *REPEATED) else (outcome, explanation)


def _hung_at(stacks: str) -> str:
    """Return where in the workload's code a thread stood."""
    found = FRAME.search(stacks)
    return printable(f"; it stood in {found[3]} ({found[1]}:{found[2]})", 300) if found else ""
