"""Rules on a container's limits: they agree with the run, with each other and with the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from checker.core.documents import Document
from checker.core.findings import Problem
from checker.families.assay.checks import check
from checker.families.assay.submission import Result, Run
from rules.documents import RunRecord, SystemDescription
from rules.serving_documents import ServingRecord

RANGE = re.compile(r"(0|[1-9]\d{0,4})(?:-(0|[1-9]\d{0,4}))?", re.ASCII)
MIB = 1 << 20
LEAST_PEAK = MIB  # no interpreter runs in less
SLACK = 16 * MIB  # a kernel charges in batches, and some of its own memory even past a limit
MOST_MACHINES = 16  # a limit this many times a machine's memory is none


@check("limits", "run")
def limits(result: Result, run: Run) -> Iterator[Problem]:
    """Judge threads, processors and memory of a run against each other and against the system's description."""
    if run.record is None:
        return
    system = result.system_document.model if result.system_document else None
    yield from _processors(run.record, system)
    yield from memory_limits(run.record, system)
    engine = run.record.model.container.engine
    if system is not None and engine != system.assay.engine:
        message = "the container's engine is not the system's"
        yield run.record.problem(message, system.assay.engine, engine, "container", "engine")


def _processors(record: Document[RunRecord], system: SystemDescription | None) -> Iterator[Problem]:
    text, threads = record.model.container.cpuset, record.model.threads
    processors = cpus(text)
    if processors is None:
        message = "the container's processors are not a list of the kernel's"
        yield record.problem(message, "e.g. 0-3 or 1,3", text, "container", "cpuset")
        return
    if len(processors) != threads:
        message = "the container had another number of processors than threads were declared"
        yield record.problem(message, f"{threads} processors", text, "container", "cpuset")
    if system is not None and max(processors) >= system.assay.cpus:
        message = "the container had processors that the machine has not"
        yield record.problem(message, f"0 to {system.assay.cpus - 1}", text, "container", "cpuset")


def cpus(text: str) -> set[int] | None:
    """Return the processors of a list in the kernel's format (`0-2,5`); None where it is none."""
    found: set[int] = set()
    if len(text) > 4096:
        return None
    for part in text.split(","):
        match = RANGE.fullmatch(part)
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            return None
        found.update(range(first, last + 1))
    return found


def memory_limits(
    record: Document[RunRecord] | Document[ServingRecord], system: SystemDescription | None
) -> Iterator[Problem]:
    """Judge limit and peak of a container's memory against each other and the machine's."""
    limit, memory = record.model.container.memory_bytes, record.model.memory
    machine = system.assay.memory_bytes if system is not None else None
    if machine is not None and limit > MOST_MACHINES * machine:
        message = "the container's memory limit is far beyond the machine's memory"
        yield record.problem(message, f"{machine} bytes or less", str(limit), "container", "memory_bytes")
    if memory is None:
        yield record.problem("the record has no peak memory", "bytes and their source", "null", "memory")
        return
    most = {"the container's limit": limit + SLACK} if memory.source.startswith("cgroup") and limit else {}
    if machine is not None:
        most["the machine's memory"] = machine + SLACK
    for what, bytes_ in most.items():
        if memory.peak_bytes > bytes_:
            message = f"the peak memory is above {what}"
            yield record.problem(message, f"at most {bytes_}", str(memory.peak_bytes), "memory", "peak_bytes")
    if memory.peak_bytes < LEAST_PEAK:
        found = str(memory.peak_bytes)
        message = "no interpreter fits into the peak memory"
        yield record.problem(message, f"at least {LEAST_PEAK}", found, "memory", "peak_bytes")
