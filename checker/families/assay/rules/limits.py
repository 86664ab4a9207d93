"""Rules on a container's limits: they agree with the run, with each other and with the machine."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.documents import ValidDocument
from checker.core.findings import Violation
from checker.families.assay.checks import check
from checker.families.assay.submission import Result
from checker.machine.use import cpus
from rules.documents import Record, RunRecord
from rules.serving_documents import ServingRecord

MIB = 1 << 20
LEAST_PEAK = MIB  # no interpreter runs in less
SLACK = 16 * MIB  # a kernel charges in batches, and some of its own memory even past a limit
MOST_MACHINES = 16  # a limit this many times a machine's memory is none


@check("limits", "run")
def limits(result: Result, record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge threads, processors and memory of a run against each other and against the system's description."""
    text, threads = record.model.container.cpuset, record.model.threads
    processors = cpus(text)
    if processors is None:
        message = "the container's processors are not a list of the kernel's"
        yield record.problem(message, "e.g. 0-3 or 1,3", text, "container", "cpuset")
    elif len(processors) != threads:
        message = "the container's processors do not match the declared threads"
        yield record.problem(message, f"{threads} processors", text, "container", "cpuset")
    yield from _machine(result, record, processors)


@check("serving-limits", "run")
def serving_limits(result: Result, record: ValidDocument[ServingRecord]) -> Iterator[Violation]:
    """Judge processors and memory of a container against the declared threads and the machine.

    It may have more processors than the system under test has threads: LoadGen's own thread runs on one of them.
    """
    text, threads = record.model.container.cpuset, record.model.sut.threads
    processors = cpus(text)
    if processors is None or len(processors) < threads:
        message = "the container had fewer processors than threads were declared"
        yield record.problem(message, f"{threads} processors", text, "container", "cpuset")
        processors = None
    yield from _machine(result, record, processors)


def _machine(result: Result, record: ValidDocument[Record], processors: set[int] | None) -> Iterator[Violation]:
    """Judge processors, where they are known, memory and engine of a container against the system's description."""
    system = result.system_document.model.assay if result.system_document else None
    if system is not None and processors is not None and max(processors) >= system.cpus:
        message, there = "the container had processors that the machine has not", f"0 to {system.cpus - 1}"
        yield record.problem(message, there, record.model.container.cpuset, "container", "cpuset")
    yield from _memory(record, system.memory_bytes if system is not None else None)
    if system is not None:
        yield from record.require("the container's engine is not the system's", system.engine, "container", "engine")


def _memory(record: ValidDocument[Record], machine: int | None) -> Iterator[Violation]:
    """Judge limit and peak of a container's memory against each other and the machine's."""
    limit, memory = record.model.container.memory_bytes, record.model.memory
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
        message = "the peak memory is too small for an interpreter"
        yield record.problem(message, f"at least {LEAST_PEAK}", memory.peak_bytes, "memory", "peak_bytes")
