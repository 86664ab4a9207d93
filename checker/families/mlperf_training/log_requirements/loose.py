"""One set of a round's requirements, compiled to what the official checker does with it, and laid over a log.

That checker evaluates Python on whatever a log says: true counts as 1, text compared with a number is an exception, an
exception in a test is a message and in the search for the target a crash. The tests here are closures that behave so;
any exception they let out is the one Python would have raised, or stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from checker.families.mlperf_training.reading import ReadRecord
from rules.expressions import Event, ExpressionError, Meaning, Moment, UndefinedError, compile_expression
from rules.log_requirements import Demand, LogRequirements, TimeLimit

Test = Callable[[Moment], Any]
RAISED = (  # what Python raises over a log's values; the official checker catches all there is
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    UndefinedError,
    ValueError,
)
NEVER = 9e99  # the official checker's earliest init_start before any was seen, in ms
DIVISION = "submission_division"


class CrashError(Exception):
    """The official checker stops with a traceback here; the message is its cause."""


class RequirementError(Exception):
    """A mistake in log requirements, found when they are compiled."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the official checker; `part` is the member of the demand that is not met."""

    kind: str
    keys: tuple[str, ...]
    part: str = ""
    record: ReadRecord | None = None  # the line it is about
    count: int = 0  # lines found, where their number is the matter

    @property
    def identity(self) -> tuple[str, str]:
        """The pair by which messages are compared with the official tool's."""
        return self.kind, ",".join(sorted(self.keys))


@dataclass
class Laid:
    """What laying one set over a log gave."""

    by_key: dict[str, Message] = field(default_factory=dict)  # a later message on a key replaces an earlier one
    keyless: list[Message] = field(default_factory=list)
    warnings: dict[str, Message] = field(default_factory=dict)
    loads: list[str] = field(default_factory=list)  # log requirements to lay over the log next


@dataclass(frozen=True, slots=True)
class CompiledKey:
    """The demands on one key, ready to run."""

    key: str
    demand: Demand
    tests: tuple[tuple[str, Test], ...]
    remembers: tuple[tuple[str, Test], ...]
    first: Test | None
    reaches: Test | None
    once: bool  # tests and what follows from the value only on the first line
    watched: bool  # another key's test asks for this one


class Tally:
    """What is counted of one key's lines."""

    __slots__ = ("alike", "count", "first", "reached")

    def __init__(self) -> None:
        self.count = 0
        self.first: Any = None
        self.alike = True
        self.reached = False


@dataclass(frozen=True)
class CompiledRequirements:
    """A set of requirements, ready to be laid over a log."""

    given: LogRequirements
    keys: Mapping[str, CompiledKey]

    def lay(self, records: Iterable[ReadRecord]) -> Laid:
        """Lay the set over the records of one log, in order; CrashError where the official checker crashes."""
        laid = Laid()
        by_key, keys = laid.by_key, self.keys
        tallies = {key: Tally() for key in keys}
        moment = Moment(held=dict(self.given.begins))
        moment.held[_EARLIEST] = NEVER
        counts, latest = moment.counts, moment.latest
        for record in records:
            compiled = keys.get(record.key)
            if compiled is None:
                continue
            key = compiled.key
            tally = tallies[key]
            tally.count += 1
            value = record.value
            if tally.count == 1:
                tally.first = value
            elif tally.alike:
                tally.alike = _alike(key, value, tally.first)
            moment.event = event = cast("Event", record)
            if tally.count == 1 or not compiled.once:
                for part, test in compiled.tests:
                    try:
                        kind = None if test(moment) else "check"
                    except RAISED:
                        kind = "executing"
                    if kind is not None:
                        by_key[key] = _failed(kind, key, part, moment)
                if compiled.watched:
                    counts[key] = tally.count
                    latest[key] = event
                    if key == _SINCE:
                        moment.held[_EARLIEST] = min(moment.held[_EARLIEST], float(record.time_ms))
                try:
                    for name, expression in compiled.remembers:
                        moment.held[name] = expression(moment)
                    if compiled.demand.loads is not None:
                        _load(compiled.demand.loads, value, laid.loads)
                except RAISED:
                    by_key[key] = Message("code", (key,), "remembers", record)
            if compiled.first is not None and tally.count == 1:
                try:
                    kind = None if compiled.first(moment) else "check"
                except RAISED:
                    kind = "executing"
                if kind is not None:
                    by_key[key] = _failed(kind, key, "first", moment)
            if compiled.reaches is not None:
                try:
                    if compiled.reaches(moment):
                        tally.reached = True
                except RAISED as error:
                    raise CrashError(f"{key}: {type(error).__name__}: {error}") from None
        self._close(laid, tallies)
        return laid

    def _close(self, laid: Laid, tallies: Mapping[str, Tally]) -> None:
        for key, compiled in self.keys.items():
            tally = tallies[key]
            if compiled.reaches is not None and tally.count and not tally.reached:
                laid.keyless.append(Message("at_least_one_check", (key,), "reaches"))
            demand = compiled.demand
            count = tally.count
            if demand.occurs == "once" and count != 1:
                message = Message("exactly_one", (key,), "occurs", count=count)
                if count and tally.alike:
                    laid.warnings[key] = message
                else:
                    laid.by_key[key] = message
            elif demand.occurs == "some" and count == 0:
                laid.by_key[key] = Message("at_least_one", (key,), "occurs")
            elif isinstance(demand.occurs, int) and count < demand.occurs:
                laid.by_key[key] = Message("at_least", (key,), "occurs", count=count)
        seen = set()
        for key, compiled in self.keys.items():
            if compiled.demand.instead:
                either = tuple(sorted({key, *compiled.demand.instead}))
                if either not in seen and not any(tallies[one].count for one in either):
                    laid.keyless.append(Message("at_least_one_of", either, "instead"))
                seen.add(either)


def _alike(key: str, a: Any, b: Any) -> bool:
    try:
        return a is b or bool(a == b)
    except RecursionError:
        raise CrashError(f"{key}: RecursionError: nested too deeply to be compared") from None


def _failed(kind: str, key: str, part: str, moment: Moment) -> Message:
    """Return the message of a test that does not hold; CrashError where the official checker cannot print its state."""
    if any(type(value) is complex for value in moment.held.values()):
        raise CrashError(f"{key}: TypeError: the square root of a negative number cannot be printed")
    return Message(kind, (key,), part, cast("ReadRecord", moment.event))


_EARLIEST = " earliest"  # held beside a set's own names, none of which has a blank
_SINCE = "init_start"


def _load(loads: str | dict[str, str], value: Any, to: list[str]) -> None:
    if isinstance(loads, dict):
        name = next((name for wanted, name in loads.items() if value == wanted), None)
    elif "{lower}" in loads:
        name = loads.replace("{lower}", value.lower())
    else:
        name = loads.replace("{value}", f"{value}")
    # The same set twice in a row says nothing new; a log must not be able to queue a million of them.
    if name is not None and (not to or to[-1] != name):
        to.append(name)


def compile_requirements(requirements: LogRequirements) -> CompiledRequirements:
    """Compile a set; RequirementError for a mistake in one of its expressions, with its position."""
    watched = {other for demand in requirements.keys.values() for other in (*demand.after, *demand.before)}
    watched |= set(_keys_asked_for(requirements))
    if any(demand.within for demand in requirements.keys.values()):
        watched |= {_SINCE, DIVISION}
    return CompiledRequirements(
        requirements,
        {key: _compile_key(requirements, key, demand, key in watched) for key, demand in requirements.keys.items()},
    )


def _keys_asked_for(requirements: LogRequirements) -> Iterator[str]:
    """Yield the keys that expressions of the set name as log.KEY."""
    for demand in requirements.keys.values():
        texts = [*demand.holds, *demand.remembers.values(), demand.first or "", demand.reaches or ""]
        for key in requirements.keys:
            if any(f"log.{key}" in text for text in texts):
                yield key


def _compile_key(requirements: LogRequirements, key: str, demand: Demand, watched: bool) -> CompiledKey:
    def compiled(part: str, text: str) -> Test:
        try:
            return compile_expression(text, meaning=Meaning.LOOSE, held=requirements.held).evaluate
        except ExpressionError as error:
            raise RequirementError(f"{requirements.name}: {key}: {part}: {error}") from None

    return CompiledKey(
        key=key,
        demand=demand,
        tests=tuple(_tests(demand, compiled)),
        remembers=tuple((name, compiled("remembers", text)) for name, text in demand.remembers.items()),
        first=None if demand.first is None else compiled("first", demand.first),
        reaches=None if demand.reaches is None else compiled("reaches", demand.reaches),
        once="submission_" in key,
        watched=watched,
    )


def _tests(demand: Demand, compiled: Callable[[str, str], Test]) -> Iterator[tuple[str, Test]]:
    if demand.after:
        yield "after", lambda moment: all(other in moment.counts for other in demand.after)
    if demand.before:
        yield "before", lambda moment: not any(other in moment.counts for other in demand.before)
    if demand.within is not None:
        yield "within", partial(_within, demand.within)
    if demand.has:
        yield "has", lambda moment: any(name in _event(moment).metadata for name in demand.has)
    if demand.equals is not None:
        yield "equals", lambda moment: _event(moment).value == demand.equals
    if demand.one_of:
        wanted = frozenset(demand.one_of) if demand.single else demand.one_of
        yield "one_of", lambda moment: _event(moment).value in wanted
    for position, text in enumerate(demand.holds):
        yield f"holds.{position}", compiled("holds", text)
    if demand.between is not None:
        least, most = demand.between
        yield "between", lambda moment: least <= _event(moment).value <= most


def _event(moment: Moment) -> Event:
    return cast("Event", moment.event)


def _within(limit: TimeLimit, moment: Moment) -> bool:
    """Whether a line comes in time; a division logged that is not the open one is given the closed one's limit."""
    minutes, division = limit.minutes, moment.latest.get(DIVISION)
    if isinstance(minutes, dict):
        minutes = 0.0 if division is None else minutes["open" if division.value == "open" else "closed"]
    return bool(float(_event(moment).time_ms) - moment.held[_EARLIEST] < minutes * 60 * 1e3)
