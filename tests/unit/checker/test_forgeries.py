"""A forger who knows the format: each forgery re-makes every digest after the edit, and a rule names it all the same.

A forgery is a function that edits a valid submission; `@forgery(rule)` says which rule names it and how grave it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.checker.submissions import TOKEN, Built, said, text_of

Records = list[dict[str, Any]]
Body = dict[str, Any]


@dataclass(frozen=True)
class Forgery:
    """What is forged, and what the checker has to say of it."""

    forge: Callable[[Built], None]
    rule: str
    severity: str
    settings: dict[str, Any]


FORGERIES: list[Forgery] = []


def forgery(rule: str, severity: str = "error", **settings: Any) -> Callable[[Callable[[Built], None]], Any]:
    """Add the decorated edit to the forgeries that `rule` names; `settings` are those of the submission."""

    def add(forge: Callable[[Built], None]) -> Callable[[Built], None]:
        FORGERIES.append(Forgery(forge, rule, severity, settings))
        return forge

    return add


def rewrite(submission: Built, run: int, change: Callable[[Records, Body], None]) -> None:
    """Let `change` edit the records and the provenance record of one run; the record names the new log."""
    log, record = (submission.path(f"{{result}}/result_{run}.{suffix}") for suffix in ("txt", "json"))
    records = [json.loads(line.removeprefix(TOKEN.encode())) for line in log.read_bytes().splitlines()]
    body = json.loads(record.read_bytes())
    change(records, body)
    log.write_bytes(text_of(records))
    record.write_text(json.dumps(body, indent=2) + "\n")
    submission.rebind(run)


def runs(submission: Built) -> range:
    return range(len(submission.settings.samples))


def first(records: Records, key: str) -> int:
    """The position of the first record of `key`."""
    return next(n for n, record in enumerate(records) if record["key"] == key)


# Times, receipts, attempts and evaluations.


@forgery("assay-outcome")
def a_run_is_given_up_before_its_budget_is_spent(submission: Built) -> None:
    def change(records: Records, body: Body) -> None:
        records[first(records, "run_stop")]["metadata"]["status"] = "aborted"
        body["outcome"] = "target-not-reached"

    rewrite(submission, 0, change)


# Image, weights, parity, system and limits.


# All of the above, judged. Forgeries are defined before this line: it is read when they are collected.
@pytest.mark.parametrize("forged", FORGERIES, ids=lambda forged: forged.forge.__name__)
def test_a_forgery_whose_digests_all_agree_is_named(forged: Forgery, built: Callable[..., Built]) -> None:
    submission = built(**forged.settings)
    forged.forge(submission)
    submission.seal()
    report = submission.check()
    assert (forged.rule, forged.severity) in {(f.rule, f.severity) for f in report.findings}, said(report)
