"""The judge of single logs as it is plugged into the scan: the official answer, and what the round's own rules say.

Both come from the same log requirements over the same records. An official message becomes a finding of the card of
its kind, so `official-log-<kind>` and the quoted keys at the head of its message identify it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from checker.core.findings import Violation, brief
from checker.core.log_rules import KeyCheck, Program, compile_rules
from checker.core.mllog import LogRecord
from checker.core.outcome import OfficialOutcome
from checker.families.mlperf_training.log_requirements.loose import Message
from checker.families.mlperf_training.log_requirements.official import OfficialRules, RequirementsVerdict
from checker.families.mlperf_training.log_requirements.strict import OPEN, StrictRules
from checker.families.mlperf_training.log_requirements.words import listed, wanted
from checker.families.mlperf_training.reading import LogReading, ReadRecord
from checker.families.mlperf_training.scan import Judge
from rules.log_requirements import Demand
from rules.ruleset import load

NAMED = re.compile(r"\b(?:log|count)\.([A-Za-z0-9_]+)")


@cache
def log_judge(round_name: str) -> Judge:
    """Return the judge of the logs of a round, compiled."""
    strict = StrictRules(round_name)
    official = strict.official
    programs = {division: _program(round_name, division) for division in ("closed", "open")}
    keys = frozenset(key for program in programs.values() for check in program.checks for key in _asked_for(check))

    def judge(reading: LogReading) -> OfficialOutcome:
        records = strict.relevant(reading)
        verdict = official.judge(reading, records)
        problems = list(official_problems(official, verdict, reading))
        problems += strict.judge(reading, records)
        if keys:
            mine = [_numbered(one) for one in reading.records if type(one.key) is str and one.key in keys]
            problems += programs[_division(strict, records)].judge(one for one in mine if type(one.metadata) is dict)
        return OfficialOutcome(verdict.answer, problems, verdict.cause)

    return Judge(strict.known | keys, judge)


def _program(round_name: str, division: str) -> Program:
    return compile_rules(load(round_name).cards.values(), {}, {}, {}, division)


def _asked_for(check: KeyCheck) -> Iterator[str]:
    """Yield the keys whose lines a check must see: its own, and those it compares them with."""
    constraint = check.constraint
    yield check.key
    yield from (*constraint.after, *constraint.before)
    yield from (other for other in (constraint.pairs_with, constraint.within and constraint.within.since) if other)
    yield from NAMED.findall(constraint.model_dump_json())


def _numbered(record: ReadRecord) -> LogRecord:
    return LogRecord("", record.time_ms, "", record.key, record.value, record.metadata, record.line)


def _division(strict: StrictRules, records: list[ReadRecord]) -> str:
    return "open" if OPEN in strict.names(records) else "closed"


def official_problems(
    rules: OfficialRules, verdict: RequirementsVerdict, reading: LogReading
) -> Iterator[tuple[str, Violation]]:
    """Yield the official messages as (rule, problem), with the line each is about."""
    if verdict.answer == "crash":
        what = "the official checker stops here with a traceback, which rejects the log"
        at = next((line.line for line in reading.malformed if line.crash), None)
        yield "official-crash", Violation(what, "", verdict.cause, line=at)
    for message in verdict.messages:
        yield f"official-log-{message.kind.replace('_', '-')}", _told(rules, verdict, message, reading)
    for message in verdict.warnings:
        yield "official-log-repeated", _told(rules, verdict, message, reading)


def _told(rules: OfficialRules, verdict: RequirementsVerdict, message: Message, reading: LogReading) -> Violation:
    keys = " or ".join(f"'{key}'" for key in message.keys)
    if message.kind == "parse":
        first = next(line for line in reading.malformed if not line.crash)
        return Violation("a line is no record", "JSON", first.cause, line=first.line)
    if message.kind == "empty":
        return Violation("the log has no records", "lines that begin with :::MLLOG", "none")
    demand = _demand(rules, verdict, message.keys[0])
    several = message.kind == "at_least_one_of"
    asked = f"a line of {listed(list(message.keys))}" if several else wanted(demand, message.part, message.keys[0])
    if message.record is not None:
        said = SAID.get(message.kind, "is not as the rules have it")
        return Violation(f"{keys} {said}", asked, brief(message.record.value), line=message.record.line)
    last = next((record for record in reversed(reading.records) if record.key == message.keys[0]), None)
    found = f"{message.count} times" if message.count else "none"
    if message.kind == "at_least_one_check" and last is not None:
        found = f"{brief(last.value)} on the last"
    return Violation(f"{keys} {SAID[message.kind]}", asked, found, line=None if last is None else last.line)


SAID = {
    "check": "is not as the rules have it",
    "executing": "cannot be judged",
    "code": "gives no value to go on with",
    "exactly_one": "is not logged exactly once",
    "at_least_one": "is not logged",
    "at_least": "is not logged often enough",
    "at_least_one_of": "is not logged",
    "at_least_one_check": "does not reach the target",
}


def _demand(rules: OfficialRules, verdict: RequirementsVerdict, key: str) -> Demand:
    """Return the demand on a key in the last set laid that has one."""
    for name in reversed(verdict.laid):
        if key in rules.log_requirements[name].keys:
            return rules.log_requirements[name].keys[key].demand
    raise KeyError(key)
