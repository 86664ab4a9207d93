"""Rules on a run's provenance record: valid, of its place, of its log, hardened, and of the round's data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import product
from typing import Any

from checker.core.documents import ValidDocument
from checker.core.findings import Violation, brief
from checker.core.mllog import ParsedLog
from checker.core.tree import RefusedError
from checker.families.assay.checks import check, flaws
from checker.families.assay.submission import Result, Run
from rules.documents import Record
from rules.expressions import same
from rules.serving import ServingRules
from rules.workload import WorkloadRules

flaws("run", "log-present")
flaws("run", "record")

USER = re.compile(r"[1-9]\d{0,9}:[1-9]\d{0,9}", re.ASCII)
# What is a run's own in any record; but for more of the same, all else is the configuration, which the runs share.
OWN = ("run", "outcome", "explanation", "earlier_attempts", "log", "receipts", "observation", "memory")


def differs(record: ValidDocument[Record], run: Run, key: str, *place: str) -> Iterator[Violation]:
    """Yield a problem where the log's first `key` is not the record's value at `place`."""
    logged, wanted = run.first(key), record.value(*place)
    if logged is not None and not same(logged.value, wanted):
        message = f"the log's '{key}' differs from the record's {'.'.join(place)}"
        yield run.problem(message, f"{brief(wanted)} ({record.cited(*place)})", brief(logged.value), logged)


@check("workload-known", "result")
def workload_known(result: Result) -> Iterator[Violation]:
    """Judge that the round has rules on the workload."""
    if result.rules is None:
        known = ", ".join(result.ruleset.workloads())
        yield Violation("the round has no rules on this workload", known, result.workload, result.folder)


def attempts_before(record: ValidDocument[Any], ended: Collection[str] = ()) -> Iterator[Violation]:
    """Yield a problem for each earlier attempt at a run, but for those that `ended` as a run of a result does."""
    for position, attempt in enumerate(record.model.earlier_attempts):
        if attempt.outcome not in ended:
            message, found = f"an earlier attempt ended as {attempt.outcome}", brief(attempt.explanation)
            yield record.problem(message, "one attempt", found, "earlier_attempts", position, "outcome")


def alike(result: Result, own: Collection[str], message: str, *parts: str) -> Iterator[Violation]:
    """Yield a problem where a record differs from the first: in a member that is not a run's `own`, or in `parts`."""
    for first, record in product(result.records[:1], result.records[1:]):
        shared = [name for name in type(first.model).model_fields if name not in (*OWN, *own)]
        for place in (name.split(".") for name in (*shared, *parts)):
            if record.value(*place) != first.value(*place):
                near = f"as in {first.path.removeprefix(f'{result.folder}/')} line {first.line(*place)}"
                yield record.problem(message.format(".".join(place)), near, "another value", *place)


def bound(
    document: ValidDocument[Any], whose: str, record: ValidDocument[Record], *members: str
) -> Iterator[Violation]:
    """Yield a problem where a member of a document on a whole result is not that of its runs' record."""
    for member in members:
        yield from document.require(f"the {whose} {member} does not match", record.value(member), member)


@check("record-place", "run")
def record_place(result: Result, run: Run, record: ValidDocument[Record]) -> Iterator[Violation]:
    """Judge that the record is of the submitter, system, workload, division and run that its place says."""
    stated = {
        "submitter": result.submitter,
        "system": result.system,
        "workload": result.workload,
        "division": result.division_of_folder,
        "ruleset": result.ruleset.name,
        **run.place,
    }
    for member, wanted in stated.items():
        if wanted is not None:
            yield from record.require(f"the record's {member} does not match its folder", wanted, member)
    for member in ("framework", "target") if record.model.image else ():
        yield from record.require(f"the image's {member} does not match", record.value(member), "image", member)


@check("log-digest", "run")
def log_digest(result: Result, run: Run, log: ParsedLog, record: ValidDocument[Record]) -> Iterator[Violation]:
    """Judge that the log is the one the record was written for."""
    yield from record.require("the record names another log", log.path, "log", "path")
    with suppress(RefusedError):
        found, stated = result.sha256(log.path), record.model.log.sha256
        if found != stated:
            wanted = f"{stated} ({record.cited('log', 'sha256')})"
            yield run.problem("the log was changed after it was recorded", wanted, found)


@check("hardening", "run")
def hardening(record: ValidDocument[Record]) -> Iterator[Violation]:
    """Judge that the container had no network, a read-only root, no capabilities and an unprivileged user."""
    box = record.model.container
    if box.network != "none":
        yield record.problem("the container had a network", '"none"', box.network, "container", "network")
    if not box.read_only:
        yield record.problem("the container's root was writable", "true", "false", "container", "read_only")
    if box.cap_drop != ["ALL"]:
        found = ", ".join(box.cap_drop) or "none dropped"
        yield record.problem("the container kept capabilities", '"ALL"', found, "container", "cap_drop")
    if not USER.fullmatch(box.user):
        message, found = "the container did not run as an unprivileged numeric user", box.user or "nothing"
        yield record.problem(message, "number:number of an unprivileged user", found, "container", "user")
    if box.security_opt != ["no-new-privileges:true"]:
        found = ", ".join(box.security_opt) or "nothing"
        message = "the container could gain privileges, or has other options"
        yield record.problem(message, "no-new-privileges:true", found, "container", "security_opt")
    for member in ("memory_bytes", "pids"):
        if getattr(box, member) == 0:
            yield record.problem(f"the container had no limit on {member}", "a limit", "none", "container", member)


@check("data-digests", "run")
def data_digests(run: Run, rules: WorkloadRules | ServingRules) -> Iterator[Violation]:
    """Judge that log and record name exactly the rule set's data files, with their digests."""
    wanted = rules.data
    if run.record is not None:
        recorded = run.record.model.data
        for name in sorted({*wanted, *recorded}):
            if wanted.get(name) != recorded.get(name):
                message = f"the record's digest of data file '{name}' is not the rule set's"
                expected, found = wanted.get(name, "no such file"), recorded.get(name, "nothing")
                yield run.record.problem(message, expected, found, "data", name)
    if run.log is None:
        return
    seen: set[Any] = set()
    for line in run.log.all("data_sha256"):
        name = line.metadata.get("name")
        known = wanted.get(name) if isinstance(name, str) else None
        if known is None or line.value != known or name in seen:
            message = f"the log's digest of data file {brief(name)} is not the rule set's"
            expected = known or f"one of {', '.join(sorted(wanted)) or 'no files'}"
            yield run.problem(message, expected, brief(line.value), line)
        seen.add(name if isinstance(name, str) else None)
    for name in sorted(set(wanted) - seen):
        yield run.problem(f"the log has no digest of data file '{name}'", wanted[name], "nothing")
