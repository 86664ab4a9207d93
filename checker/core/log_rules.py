"""The engine: constraints of a rule set, compiled once, run over the records of a log in one pass.

`compile_rules` turns cards into a Program; `Program.judge` feeds it the records. A record is looked up by its key and
meets only the constraints on that key; the state of each constraint is a few counters, whatever the log's length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import ge, gt, le
from typing import Any, cast

from checker.core.findings import Violation, brief, limited
from checker.core.mllog import LogRecord
from rules.cards import Card, CountRange, LogConstraint
from rules.expressions import (
    Event,
    Expression,
    ExpressionError,
    Moment,
    Scalar,
    UndefinedError,
    ValueKind,
    compile_expression,
    same,
)

Test = Callable[[Moment], Violation | None]
TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "integer": ("an integer", lambda v: type(v) is int),
    "number": ("a number", lambda v: type(v) in (int, float)),
    "real": ("a number with a decimal point", lambda v: type(v) is float),
    "text": ("a text that is not empty", lambda v: type(v) is str and v != ""),
    "truth": ("true or false", lambda v: type(v) is bool),
    "sha256": (
        "64 lower-case hexadecimal digits",
        lambda v: type(v) is str and len(v) == 64 and not v.strip("0123456789abcdef"),
    ),
}


class RuleError(Exception):
    """A mistake in a rule, found when it is compiled: the rule's id and what is wrong."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule
        self.message = message


@dataclass(frozen=True)
class KeyCheck:
    """One constraint on one key (or on every line), compiled."""

    rule: str
    key: str
    constraint: LogConstraint
    where: Expression | None
    tests: tuple[Test, ...]
    first: Test | None


@dataclass
class CheckState:
    """The state of one check while one log is read."""

    check: KeyCheck
    count: int = 0
    previous: LogRecord | None = None
    seen: dict[Any, int] = field(default_factory=dict)
    open: LogRecord | None = None
    problems: list[Violation] = field(default_factory=list)

    def see(self, record: LogRecord, moment: Moment) -> None:
        """Judge one record of the check's key."""
        check = self.check
        if check.constraint.pairs_with and record.key != check.key:
            self._close(record)
            return
        moment.previous = cast("Event | None", self.previous)
        if check.where is not None and not _true(check.where, moment):
            return
        self.count += 1
        tests = check.tests if check.first is None or self.count > 1 else (*check.tests, check.first)
        self.problems += filter(None, (test(moment) for test in tests))
        self._unique(record)
        self._counted(record)
        if check.constraint.pairs_with:
            self._unclosed()
            self.open = record
        self.previous = record

    def _unique(self, record: LogRecord) -> None:
        subject = _subject(self.check.constraint.of, record)
        if not self.check.constraint.unique or subject is ABSENT:
            return
        marked = brief(subject) if isinstance(subject, dict | list) else (type(subject) is bool, subject)
        if marked in self.seen:
            what = f"{_name(self.check.constraint, self.check.key)} {brief(subject)} is logged again"
            self._object(record, what, "each value once", f"first on line {self.seen[marked]}")
        self.seen.setdefault(marked, record.number)

    def _counted(self, record: LogRecord) -> None:
        limit, key = self.check.constraint.count, self.check.key
        most = limit if isinstance(limit, int) else limit.at_most if limit else None
        if most == 0:
            self._object(record, f"'{key}' must not be logged", "no such line", "one")
        elif most is not None and self.count == most + 1:
            found = f"a line more, after line {self.previous.number}" if self.previous else "a line more"
            self._object(record, f"'{key}' is logged too often", _times(limit), found)

    def _close(self, record: LogRecord) -> None:
        if self.open is None:
            what = f"'{record.key}' without '{self.check.key}' before it"
            self._object(record, what, f"pairs of {self.check.key} and {record.key}", "")
        self.open = None

    def _unclosed(self) -> None:
        if self.open is not None:
            key, stop = self.open.key, self.check.constraint.pairs_with
            self._object(self.open, f"'{key}' is not followed by its '{stop}'", f"{stop} before the next {key}", "none")

    def _object(self, record: LogRecord | None, what: str, expected: str, found: str) -> None:
        self.problems.append(Violation(what, expected, found, line=record.number if record else None))

    def end(self) -> None:
        """Judge what only the whole log shows: lines that never came."""
        limit = self.check.constraint.count
        least = limit if isinstance(limit, int) else limit.at_least if limit else 0
        if self.count < least:
            found = "no such line" if self.count == 0 else f"{self.count} such line(s)"
            what = f"'{self.check.key}' is not logged" + (" often enough" if self.count else "")
            self._object(self.previous, what, _times(limit), found)
        self._unclosed()


@dataclass(frozen=True)
class Program:
    """The log rules of a round, for one workload and division, ready to run."""

    checks: tuple[KeyCheck, ...]

    def judge(self, records: Iterable[LogRecord]) -> Iterator[tuple[str, Violation]]:
        """Run all checks over the records of one log; yield (rule id, problem), rules in order of their cards."""
        watches = [CheckState(check) for check in self.checks]
        by_key: dict[str, list[CheckState]] = {}
        everywhere = []
        for watch in watches:
            if watch.check.key == "*":
                everywhere.append(watch)
                continue
            by_key.setdefault(watch.check.key, []).append(watch)
            if watch.check.constraint.pairs_with:
                by_key.setdefault(watch.check.constraint.pairs_with, []).append(watch)
        moment = Moment()
        counts, latest = moment.counts, moment.latest
        for record in records:
            key = record.key
            counts[key] = counts.get(key, 0) + 1
            moment.event = event = cast("Event", record)
            for watch in everywhere:
                watch.see(record, moment)
            for watch in by_key.get(key, ()):
                watch.see(record, moment)
            latest[key] = event
        by_rule: dict[str, list[Violation]] = {}
        for watch in watches:
            watch.end()
            by_rule.setdefault(watch.check.rule, []).extend(watch.problems)
        for rule, problems in by_rule.items():
            for problem in limited(sorted(problems, key=lambda p: p.line or 0)):
                yield rule, problem


def _times(limit: int | CountRange | None) -> str:
    if isinstance(limit, int):
        return f"exactly {limit}"
    assert limit is not None
    return f"at least {limit.at_least}" + ("" if limit.at_most is None else f", at most {limit.at_most}")


def _name(constraint: LogConstraint, key: str) -> str:
    if key == "*":
        return constraint.of
    return f"'{key}'" if constraint.of == "value" else f"{constraint.of} of '{key}'"


ABSENT = object()


def _subject(of: str, record: LogRecord) -> Any:
    head, _, member = of.partition(".")
    return record.metadata.get(member, ABSENT) if head == "metadata" else getattr(record, of)


def compile_rules(
    cards: Iterable[Card],
    constants: Mapping[str, Scalar],
    mappings: Mapping[str, Mapping[str, Scalar]],
    derived: Mapping[str, str],
    division: str,
) -> Program:
    """Compile the log constraints of `cards` for one workload and division; RuleError for a mistake in a rule."""
    named: dict[str, Expression] = {}
    for name, text in derived.items():
        try:
            named[name] = compile_expression(text, constants, named)
        except ExpressionError as error:
            raise RuleError(f"derived.{name}", str(error)) from None
    checks = []
    for card in cards:
        if card.log is None or card.division not in (None, division):
            continue
        for constraint in card.log:
            for key, each in _keys(card, constraint, mappings):
                known = {**constants, **({} if each is None else {"each": each})}
                try:
                    checks.append(_check(card, constraint, key, _Values(known, named)))
                except ExpressionError as error:
                    raise RuleError(card.id, str(error)) from None
    return Program(tuple(checks))


def _keys(
    card: Card, constraint: LogConstraint, mappings: Mapping[str, Mapping[str, Scalar]]
) -> Iterator[tuple[str, Scalar]]:
    if constraint.each is not None:
        if constraint.each not in mappings:
            raise RuleError(card.id, f"each: {constraint.each!r} is not among {', '.join(sorted(mappings))}")
        yield from mappings[constraint.each].items()
    elif constraint.keys == "*":
        yield "*", None
    else:
        for key in constraint.keys or ():
            yield key, None


@dataclass(frozen=True)
class _Values:
    """Compiles the values of a constraint: constants as they are, text that begins with `=` as an expression."""

    constants: Mapping[str, Scalar]
    derived: Mapping[str, Expression]

    def expression(self, text: str, kind: ValueKind | None = None) -> Expression:
        compiled = compile_expression(text, self.constants, self.derived)
        if kind is not None and compiled.kind not in (kind, ValueKind.ANY):
            raise ExpressionError(f"the expression is {compiled.kind}, not {kind}", text, 0)
        return compiled

    def value(self, given: Scalar, kind: ValueKind | None = None) -> Callable[[Moment], Any]:
        if isinstance(given, str) and given.startswith("="):
            return self.expression(given[1:], kind).evaluate
        return lambda _: given


def _check(card: Card, constraint: LogConstraint, key: str, values: _Values) -> KeyCheck:
    where = None if constraint.where is None else values.expression(constraint.where, ValueKind.TRUTH)
    first = None if constraint.first is None else _holds(constraint.first, "the first line", constraint, values)
    return KeyCheck(card.id, key, constraint, where, tuple(_tests(constraint, key, values)), first)


def _tests(constraint: LogConstraint, key: str, values: _Values) -> Iterator[Test]:
    compare = partial(_compare, _name(constraint, key), constraint.of)
    if constraint.event is not None:
        yield partial(_event, constraint.event)
    if constraint.type is not None:
        wanted, fits = TYPES[constraint.type]
        yield partial(compare, lambda v, _: fits(v), wanted, lambda _: None)
    if constraint.equals is not None:
        yield partial(compare, same, "{}", values.value(constraint.equals))
    if constraint.one_of is not None:
        allowed = constraint.one_of
        listed = " or ".join(map(brief, allowed))
        yield partial(compare, lambda v, _: any(same(v, a) for a in allowed), listed, lambda _: None)
    low, high = constraint.between or (None, None)
    for bound, word, test in (
        (constraint.at_least, "at least {}", ge),
        (constraint.at_most, "at most {}", le),
        (constraint.above, "more than {}", gt),
        (low, "at least {}", ge),
        (high, "at most {}", le),
    ):
        if bound is not None:
            yield partial(compare, partial(_numbers, test), word, values.value(bound, ValueKind.NUMBER))
    yield from (partial(_after, other) for other in constraint.after)
    yield from (partial(_before, other) for other in constraint.before)
    if constraint.within is not None:
        yield partial(_within, constraint.within.since, values.value(constraint.within.seconds, ValueKind.NUMBER))
    if constraint.holds is not None:
        yield _holds(constraint.holds, "the line", constraint, values)


def _numeric(value: Any) -> bool:
    return type(value) in (int, float)


def _numbers(test: Callable[[Any, Any], bool], value: Any, bound: Any) -> bool:
    return _numeric(value) and test(value, bound)


def _at(moment: Moment) -> LogRecord:
    return cast("LogRecord", moment.event)


def _true(expression: Expression, moment: Moment) -> bool:
    try:
        return expression.evaluate(moment) is True
    except UndefinedError:
        return False


def _compare(
    name: str,
    of: str,
    fits: Callable[[Any, Any], bool],
    expected: str,
    bound: Callable[[Moment], Any],
    moment: Moment,
) -> Violation | None:
    """Judge that what `of` names fits the bound, with which `expected` is filled."""
    record = _at(moment)
    found = _subject(of, record)
    try:
        wanted = bound(moment)
    except UndefinedError as error:
        return Violation(f"{name} cannot be judged: {error}", line=record.number)
    if found is not ABSENT and fits(found, wanted):
        return None
    state = "is missing" if found is ABSENT else f"is {brief(found)}"
    return Violation(f"{name} {state}", expected.format(brief(wanted)), brief(found), line=record.number)


def _event(wanted: str, moment: Moment) -> Violation | None:
    record = _at(moment)
    if record.event_type == wanted:
        return None
    found = brief(record.event_type)
    return Violation(f"event_type of '{record.key}' is {found}", wanted, found, line=record.number)


def _after(other: str, moment: Moment) -> Violation | None:
    record = _at(moment)
    if moment.counts.get(other):
        return None
    return Violation(f"'{record.key}' comes before '{other}'", f"after {other}", "earlier", line=record.number)


def _before(other: str, moment: Moment) -> Violation | None:
    record = _at(moment)
    if not moment.counts.get(other):
        return None
    found = f"after it, which is on line {moment.latest[other].number}"
    return Violation(f"'{record.key}' comes after '{other}'", f"before {other}", found, line=record.number)


def _within(since: str, seconds: Callable[[Moment], Any], moment: Moment) -> Violation | None:
    record, start = _at(moment), moment.latest.get(since)
    if start is None or not _numeric(start.time_ms) or not _numeric(record.time_ms):
        return None
    limit, took = seconds(moment), (record.time_ms - start.time_ms) / 1000
    if took < limit:
        return None
    what = f"'{record.key}' comes {took:.3f} s after '{since}'"
    return Violation(what, f"under {brief(limit)} s", f"{took:.3f} s", line=record.number)


def _holds(text: str, what: str, constraint: LogConstraint, values: _Values) -> Test:
    expression = values.expression(text, ValueKind.TRUTH)
    wanted = constraint.expects or text

    def test(moment: Moment) -> Violation | None:
        record = _at(moment)
        try:
            if expression.evaluate(moment) is True:
                return None
        except UndefinedError as error:
            return Violation(f"'{record.key}' cannot be judged: {error}", wanted, "", line=record.number)
        found = brief(_subject(constraint.of, record))
        return Violation(f"{what} of '{record.key}' is not as required", wanted, found, line=record.number)

    return test
