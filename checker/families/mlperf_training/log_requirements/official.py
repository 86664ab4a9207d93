"""The official verdict on one log: the sets of requirements that its values call for, and what their messages leave.

A set drops every earlier message on the keys it speaks of, so that a benchmark's rule replaces the general one. What
is said of no single key, and warnings, stay. A log passes if no message is left.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from checker.families.mlperf_training.log_requirements.loose import (
    RAISED,
    CompiledRequirements,
    CrashError,
    Laid,
    Message,
    compile_requirements,
)
from checker.families.mlperf_training.reading import LogReading, ReadRecord
from rules.log_requirements import Gather, log_requirements

FIRST = "common"
MOST = 1000  # log requirements that lead on to others; only a log that names one leading back to itself comes near it


@dataclass
class RequirementsVerdict:
    """The official answer; a crash is a rejection whose cause is said, and its messages are lost with it."""

    answer: Literal["pass", "fail", "crash"]
    cause: str = ""
    messages: list[Message] = field(default_factory=list)
    warnings: list[Message] = field(default_factory=list)
    laid: tuple[str, ...] = ()  # names of the log requirements, in order


class OfficialRules:
    """The log requirements of one round, compiled."""

    def __init__(self, round_name: str) -> None:
        self.round = round_name
        self.log_requirements: dict[str, CompiledRequirements] = {
            n: compile_requirements(requirements) for n, requirements in log_requirements(round_name).items()
        }
        self.known = frozenset(key for requirements in self.log_requirements.values() for key in requirements.keys)
        self.known |= {
            requirements.given.gathers.key
            for requirements in self.log_requirements.values()
            if requirements.given.gathers
        }

    def judge(self, reading: LogReading, records: list[ReadRecord] | None = None) -> RequirementsVerdict:
        """Return the verdict on a log as read; `records` are those whose key the log requirements know, if at hand."""
        if reading.crash is not None:
            return RequirementsVerdict("crash", reading.crash)
        keyless: list[Message] = []
        if reading.malformed:
            keyless.append(Message("parse", ()))
        if reading.empty:
            keyless.append(Message("empty", ()))
        try:
            verdict = self._chain(known_records(reading, self.known) if records is None else records)
        except CrashError as error:
            return RequirementsVerdict("crash", str(error))
        verdict.messages += keyless
        verdict.answer = "fail" if verdict.messages else "pass"
        return verdict

    def _chain(self, records: list[ReadRecord]) -> RequirementsVerdict:
        by_key: dict[str, Message] = {}
        warnings: dict[str, Message] = {}
        waiting: deque[str] = deque([FIRST])
        done: dict[str, Laid] = {}
        leading_on = 0
        while waiting:
            name = _simplified(waiting.popleft())
            if name not in self.log_requirements:
                raise CrashError(f"FileNotFoundError: there is no rule file {name!r} in {self.round}")
            requirements = self.log_requirements[name]
            if requirements.given.gathers is not None and name not in done:
                records = [*records, *gathered(records, requirements.given.gathers)]
            for key in requirements.keys:
                by_key.pop(key, None)
            # Laid a second time over the same lines a set says the same; it only has the last word again.
            laid = done[name] = done[name] if name in done else requirements.lay(records)
            by_key |= laid.by_key
            warnings |= laid.warnings
            waiting.extend(laid.loads)
            leading_on += bool(laid.loads)
            if leading_on > MOST:
                raise CrashError(f"it never ends: the rule file {name!r} leads back to itself")
        keyless = [message for laid in done.values() for message in laid.keyless]
        return RequirementsVerdict("pass", "", [*by_key.values(), *keyless], list(warnings.values()), tuple(done))


def _simplified(name: str) -> str:
    """Return the set a file name with `/` or `./` before it stands for, as a file system would find it."""
    head, _, tail = name.rpartition("/")
    return tail if not head.replace(".", "").replace("/", "") and ".." not in head.split("/") else name


def known_records(reading: LogReading, known: frozenset[str]) -> list[ReadRecord]:
    """Return the records whose key is one of `known`."""
    try:
        return [record for record in reading.records if record.key in known]
    except TypeError:  # a key that is a list or an object
        return [record for record in reading.records if isinstance(record.key, str) and record.key in known]


def gathered(records: list[ReadRecord], gather: Gather, forgiving: bool = False) -> list[ReadRecord]:
    """Return the lines that `gather` makes of a log's; CrashError where the official checker stops on one.

    If `forgiving`, such a line is passed over.
    """
    lines: dict[object, ReadRecord] = {}
    for record in records:
        try:
            if record.key != gather.key or gather.part not in record.metadata:
                continue
            position = record.metadata[gather.by]
            if position not in lines:
                lines[position] = ReadRecord(record.time_ms, gather.into, {gather.by: position}, {}, record.line)
            lines[position].value[record.metadata[gather.part]] = record.value
        except RAISED as error:
            if forgiving:
                continue
            raise CrashError(f"{gather.key}: {type(error).__name__}: {error}") from None
    return list(lines.values())


official_rules = cache(OfficialRules)
