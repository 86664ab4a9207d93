"""Rules on a run's provenance record: valid, of its place, of its log, hardened, and of the round's data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checker.core.documents import ValidDocument
from checker.core.findings import Problem, brief
from checker.core.tree import RefusedError
from checker.families.assay.checks import check, flaws
from checker.families.assay.rules.recorded import judge_record
from checker.families.assay.submission import Result, Run
from rules.documents import Record
from rules.expressions import same

flaws("run", "log-present")
flaws("run", "record")

USER = re.compile(r"[1-9]\d{0,9}:[1-9]\d{0,9}", re.ASCII)


def differs(record: ValidDocument[Record], run: Run, key: str, *place: str) -> Iterator[Problem]:
    """Yield a problem where the log's first `key` is not the record's value at `place`."""
    logged = run.log.first(key) if run.log else None
    if logged is None:
        return
    wanted: Any = record.model
    for name in place:
        wanted = wanted[name] if isinstance(wanted, dict) else getattr(wanted, name)
    if not same(logged.value, wanted):
        at = f"{brief(wanted)} ({record.path.rpartition('/')[2]} line {record.line(*place)})"
        message = f"the log's '{key}' differs from the record's {'.'.join(place)}"
        yield Problem(message, at, brief(logged.value), run.log_path, logged.number)


@judge_record("record-place")
def record_place(result: Result, run: Run, record: ValidDocument[Record]) -> Iterator[Problem]:
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
        found = getattr(record.model, member)
        if wanted is not None and found != wanted:
            yield record.problem(f"the record's {member} does not match its folder", wanted, found, member)
    for member in ("framework", "target") if record.model.image else ():
        found, wanted = getattr(record.model.image, member), getattr(record.model, member)
        if found != wanted:
            yield record.problem(f"the image's {member} does not match", wanted, found, "image", member)


@judge_record("log-digest")
def log_digest(result: Result, run: Run, record: ValidDocument[Record]) -> Iterator[Problem]:
    """Judge that the log is the one the record was written for."""
    stated = record.model.log
    if run.log is None:
        return
    if stated.path != run.log_path:
        yield record.problem("the record names another log", run.log_path, stated.path, "log", "path")
    try:
        found = result.sha256(run.log_path)
    except RefusedError:
        return
    if found != stated.sha256:
        wanted = f"{stated.sha256} ({run.record_path.rpartition('/')[2]} line {record.line('log', 'sha256')})"
        yield Problem("the log was changed after it was recorded", wanted, found, run.log_path)


@judge_record("hardening")
def hardening(_result: Result, _run: Run, record: ValidDocument[Record]) -> Iterator[Problem]:
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
        message = "the container did not run as an unprivileged numeric user"
        found = box.user or "nothing"
        yield record.problem(message, "number:number of an unprivileged user", found, "container", "user")
    if box.security_opt != ["no-new-privileges:true"]:
        found = ", ".join(box.security_opt) or "nothing"
        message = "the container could gain privileges, or has other options"
        yield record.problem(message, "no-new-privileges:true", found, "container", "security_opt")
    for member in ("memory_bytes", "pids"):
        if getattr(box, member) == 0:
            yield record.problem(f"the container had no limit on {member}", "a limit", "none", "container", member)


@check("data-digests", "run")
def data_digests(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that log and record name exactly the rule set's data files, with their digests."""
    if result.rules is None:
        return
    wanted = result.rules.data
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
            yield Problem(message, expected, brief(line.value), run.log_path, line.number)
        seen.add(name if isinstance(name, str) else None)
    for name in sorted(set(wanted) - seen):
        yield Problem(f"the log has no digest of data file '{name}'", wanted[name], "nothing", run.log_path)
