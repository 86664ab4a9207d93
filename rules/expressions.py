"""The small language in which a rule states arithmetic across log keys.

Numbers, text, truth values; `+ - * / %`, comparisons, `'NAME' in metadata`, `and or not`, a dozen functions. Names are
`value`, `time_ms`, `metadata.NAME` (the line judged), `previous.…` (the line of the same key before it), `log.KEY…`
(the last line of another key so far), `count.KEY`, `held.NAME` (what log requirements remember), `derived.NAME`, and
the constants a rule set gives (`rule.…`). Python's parser reads an expression; these forms are checked for names and
kinds and compiled to closures once, all else is refused. Nothing is ever given to Python's own evaluator.

An expression means one of two things (`Meaning`). STRICT is what the rules mean: truth values are no numbers, text is
never compared with numbers. LOOSE is what a checker written in Python makes of the same sentence; there any exception
may come out, and the caller decides what that amounts to.
"""

from __future__ import annotations

import ast
import enum
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import reduce
from typing import Any, Protocol
from warnings import catch_warnings, simplefilter

Scalar = bool | int | float | str | None


class ValueKind(enum.StrEnum):
    """What an expression yields; ANY is known only once a log is read."""

    NUMBER = "a number"
    TEXT = "text"
    TRUTH = "true or false"
    ANY = "anything"


class Meaning(enum.Enum):
    """How strictly an expression takes the types of what a log says."""

    STRICT = "strict"
    LOOSE = "loose"


class ExpressionError(ValueError):
    """A mistake in a rule: `position` (from 0) is where in `text` it stands."""

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(f"{message} at character {position + 1} of {text!r}")
        self.message = message
        self.position = position


class UndefinedError(Exception):
    """An expression has no value for this log: a key not logged yet, text where a number is needed, division by 0."""


class Event(Protocol):
    """What an expression may read of a log line."""

    key: str
    value: Any
    metadata: dict[str, Any]
    time_ms: Any
    number: int


@dataclass(slots=True)
class Moment:
    """The state of a log at the line being judged."""

    event: Event | None = None
    previous: Event | None = None  # the line before it that the same rule concerns
    latest: dict[str, Event] = field(default_factory=dict)  # key -> last line before this one
    counts: dict[str, int] = field(default_factory=dict)  # key -> lines so far, this one included
    held: dict[str, Any] = field(default_factory=dict)  # name -> what log requirements remember of the lines so far


Evaluate = Callable[[Moment], Any]


@dataclass(frozen=True)
class Expression:
    """A compiled expression; `evaluate` raises UndefinedError where this log gives it no value."""

    text: str
    kind: ValueKind
    evaluate: Evaluate


def _number(value: Any, what: str) -> Any:
    if type(value) is int or type(value) is float:
        return value
    raise UndefinedError(f"{what} is not a number")


def _truth(value: Any, what: str) -> bool:
    if type(value) is bool:
        return value
    raise UndefinedError(f"{what} is neither true nor false")


def same(a: Any, b: Any) -> bool:
    """Compare as the rules do: 1 equals 1.0, but a truth value equals only a truth value."""
    return bool(a == b) and (type(a) is bool) == (type(b) is bool)


def _is_integer(x: float) -> bool:
    """MLCommons' tolerance: within 1e-5 of a whole number."""
    return abs(round(x) - x) < 1e-5


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, ValueKind]] = {
    "abs": (abs, 1, ValueKind.NUMBER),
    "ceil": (math.ceil, 1, ValueKind.NUMBER),
    "floor": (math.floor, 1, ValueKind.NUMBER),
    "sqrt": (math.sqrt, 1, ValueKind.NUMBER),
    "log2": (math.log2, 1, ValueKind.NUMBER),
    "min": (min, 2, ValueKind.NUMBER),
    "max": (max, 2, ValueKind.NUMBER),
    "is_integer": (_is_integer, 1, ValueKind.TRUTH),
    "close": (math.isclose, 2, ValueKind.TRUTH),
    "integer": (int, 1, ValueKind.NUMBER),
    "whole": (lambda x: isinstance(x, int), 1, ValueKind.TRUTH),
    "length": (len, 1, ValueKind.NUMBER),
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
ORDER: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
LONGEST = 2000  # characters: an expression of more is no sentence of a rule
PATH = re.compile(r"[A-Za-z_]\w*(\.\w+)*", re.ASCII)
WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None}


class _Unwieldy:
    """What Python would make of text times a number: never equal to anything a rule compares it with."""


def _loosely(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """Apply Python's `*` or `%`, without building the text of any length that they can make of text."""

    def applied(a: Any, b: Any) -> Any:
        for x, other in ((a, b), (b, a)):
            if isinstance(x, str | list | _Unwieldy) and isinstance(other, int) and function is operator.mul:
                return _Unwieldy()
        if isinstance(a, str) and "%" in a and function is operator.mod:
            return _Unwieldy()
        return function(a, b)

    return applied


# As MLCommons' rules write a square root: of a negative number it is complex.
LOOSE_FUNCTIONS: dict[str, Callable[..., Any]] = {"sqrt": lambda x: x**0.5}
LOOSE_ARITHMETIC = {**ARITHMETIC, ast.Mult: _loosely(operator.mul), ast.Mod: _loosely(operator.mod)}
Compiled = tuple[ValueKind, Evaluate]


@dataclass(frozen=True)
class _Compiler:
    """Compiles the forms of one expression, given as one line."""

    text: str
    constants: Mapping[str, Scalar]
    derived: Mapping[str, Expression]
    held: frozenset[str]
    loose: bool

    def whole(self) -> Expression:
        """Return the expression compiled."""
        try:
            with catch_warnings():
                simplefilter("error")  # of what the parser only doubts, such as `1or 2`
                parsed = ast.parse(f"{self.text}\n", mode="eval")
        except SyntaxError as error:
            position = max(0, (error.offset or 1) - 1)
            said = error.msg if self.text[position:] else "a value is expected"
            raise ExpressionError(said, self.text, position) from None
        except (ValueError, RecursionError, MemoryError):
            raise ExpressionError("this cannot be read", self.text, 0) from None
        end = len(self.text.encode()[: parsed.body.end_col_offset].decode())
        if comment := self.text[end:].lstrip(" \t)"):
            raise ExpressionError("a comment is not part of the language", self.text, len(self.text) - len(comment))
        try:
            return self.compile(parsed.body)
        except RecursionError:
            raise ExpressionError("this is nested too deeply", self.text, 0) from None

    def compile(self, node: ast.expr) -> Expression:
        return Expression(self.said(node), *self.form(node))

    def said(self, node: ast.expr) -> str:
        return self.text.encode()[node.col_offset : node.end_col_offset].decode()

    def error(self, message: str, node: ast.expr) -> ExpressionError:
        return ExpressionError(message, self.text, len(self.text.encode()[: node.col_offset].decode()))

    def require(self, node: ast.expr, kind: ValueKind) -> Evaluate:
        """Return a closure that yields `kind`, refusing now what can never be one."""
        expression = self.compile(node)
        if expression.kind not in (kind, ValueKind.ANY):
            raise self.error(f"{expression.text!r} is {expression.kind}, not {kind}", node)
        if expression.kind is kind or self.loose:
            return expression.evaluate
        check = _number if kind is ValueKind.NUMBER else _truth
        inner, what = expression.evaluate, expression.text
        return lambda moment: check(inner(moment), what)

    def form(self, node: ast.expr) -> Compiled:
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self.require(value, ValueKind.TRUTH) for value in values]
                return ValueKind.TRUTH, reduce(_either if isinstance(op, ast.Or) else _both, parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                truth = self.require(operand, ValueKind.TRUTH)
                return ValueKind.TRUTH, lambda moment: not truth(moment)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                number = self.require(operand, ValueKind.NUMBER)
                return ValueKind.NUMBER, lambda moment: -number(moment)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in ARITHMETIC:
                function = (LOOSE_ARITHMETIC if self.loose else ARITHMETIC)[type(sign)]
                sides = (self.require(side, ValueKind.NUMBER) for side in (left, right))
                return ValueKind.NUMBER, _computed(function, *sides)
            case ast.Compare(left=left, ops=[test], comparators=[right]):
                return ValueKind.TRUTH, self.comparison(left, test, right, node)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(name, arguments, node)
            case ast.Constant(value=int() | float() as value) if type(value) is not bool:
                return ValueKind.NUMBER, lambda _: value
            case ast.Constant(value=str()) if (text := self.said(node))[1:-1].find(text[0]) < 0 and text[0] in "'\"":
                return ValueKind.TEXT, lambda _: text[1:-1]
            case ast.Name() | ast.Attribute():
                return self.name(self.said(node), node)
        raise self.error(f"{self.said(node)!r} is not part of the language", node)

    def comparison(self, left: ast.expr, test: ast.cmpop, right: ast.expr, node: ast.expr) -> Evaluate:
        if order := ORDER.get(type(test)):
            a, b = self.require(left, ValueKind.NUMBER), self.require(right, ValueKind.NUMBER)
            return lambda moment: order(a(moment), b(moment))
        one, other = self.compile(left), self.compile(right)
        x, y, wanted = one.evaluate, other.evaluate, isinstance(test, ast.Eq)
        if isinstance(test, ast.In):
            if one.kind is not ValueKind.TEXT or other.text not in ("metadata", "value"):
                raise self.error("'in' asks whether metadata or value has a member: 'NAME' in metadata", node)
            return _membership(x(Moment()), y, "" if self.loose else other.text)
        if not isinstance(test, ast.Eq | ast.NotEq):
            raise self.error(f"{self.said(node)!r} is not part of the language", node)
        if ValueKind.ANY not in (one.kind, other.kind) and one.kind is not other.kind:
            raise self.error(f"{one.text!r} is {one.kind} and {other.text!r} is {other.kind}: never equal", right)
        if self.loose:
            return lambda moment: bool(x(moment) == y(moment)) is wanted
        return lambda moment: same(x(moment), y(moment)) is wanted

    def call(self, name: str, arguments: list[ast.expr], node: ast.expr) -> Compiled:
        if name == "choose":
            if len(arguments) != 3:
                raise self.error("choose takes 3 arguments", node)
            return self.choice(*arguments)
        if name not in FUNCTIONS:
            raise self.error(_unknown("function", name, [*FUNCTIONS, "choose"]), node)
        function, arity, kind = FUNCTIONS[name]
        if len(arguments) != arity:
            raise self.error(f"{name} takes {arity} argument(s), not {len(arguments)}", node)
        if self.loose:
            function = LOOSE_FUNCTIONS.get(name, function)
        if name == "length":
            return kind, _computed(function, _sized(self.compile(arguments[0])))
        return kind, _computed(function, *(self.require(one, ValueKind.NUMBER) for one in arguments))

    def choice(self, condition: ast.expr, first: ast.expr, second: ast.expr) -> Compiled:
        """Compile choose(test, a, b): a where the test holds, else b; only one of the two is evaluated."""
        test, yes, no = self.require(condition, ValueKind.TRUTH), self.compile(first), self.compile(second)
        a, b = yes.evaluate, no.evaluate
        kind = yes.kind if yes.kind is no.kind else ValueKind.ANY
        return kind, lambda moment: a(moment) if test(moment) else b(moment)

    def name(self, name: str, node: ast.expr) -> Compiled:
        head, _, rest = name.partition(".")
        if not PATH.fullmatch(name):
            raise self.error(f"{name!r} is not part of the language", node)
        if name in WORDS or name in self.constants:
            constant = WORDS[name] if name in WORDS else self.constants[name]
            return _kind_of(constant), lambda _: constant
        if head == "derived" and rest in self.derived:
            return self.derived[rest].kind, self.derived[rest].evaluate
        if head == "held" and rest in self.held:
            return ValueKind.ANY, _of_held(rest)
        if head == "count" and rest and "." not in rest:
            return ValueKind.NUMBER, lambda moment: moment.counts.get(rest, 0)
        line, path, missing = _this_line, name, "there is no line"
        if head == "previous":
            line, path, missing = _line_before, rest, f"{name} does not exist on the first line"
        elif head == "log" and rest:
            key, _, path = rest.partition(".")
            line, path = lambda moment: moment.latest.get(key), path or "value"
            missing = f"{key} is not logged before this line"
        if member := _member(path):
            return ValueKind.ANY, _read(line, member, missing)
        known = [*self.constants, *(f"derived.{n}" for n in self.derived), *(f"held.{n}" for n in self.held)]
        known += ["value", "time_ms", "metadata", "number"]
        raise self.error(_unknown("name", name, known), node)


def _unknown(what: str, name: str, known: Any) -> str:
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"unknown {what} {name!r}" + (f" (did you mean {near[0]!r}?)" if near else "")


def _kind_of(value: Scalar) -> ValueKind:
    if isinstance(value, bool):
        return ValueKind.TRUTH
    if isinstance(value, int | float):
        return ValueKind.NUMBER
    return ValueKind.TEXT if isinstance(value, str) else ValueKind.ANY


def _either(a: Evaluate, b: Evaluate) -> Evaluate:
    return lambda moment: a(moment) or b(moment)


def _both(a: Evaluate, b: Evaluate) -> Evaluate:
    return lambda moment: a(moment) and b(moment)


def _computed(function: Callable[..., Any], *arguments: Evaluate) -> Evaluate:
    def evaluate(moment: Moment) -> Any:
        try:
            return function(*[argument(moment) for argument in arguments])
        except (ArithmeticError, ValueError) as error:
            raise UndefinedError(f"the value cannot be computed ({error})") from None

    return evaluate


def _member(path: str) -> Callable[[Event], Any] | None:
    """Return the reader of one part of a log line, or None where a line has no such part."""
    if path in ("value", "time_ms", "number", "metadata"):
        return operator.attrgetter(path)
    head, _, name = path.partition(".")
    if head not in ("metadata", "value") or not name or "." in name:
        return None
    whole = operator.attrgetter(head)

    def read(event: Event) -> Any:
        try:
            return whole(event)[name]
        except (KeyError, TypeError):
            raise UndefinedError(f"{path} is missing") from None

    return read


def _this_line(moment: Moment) -> Event | None:
    return moment.event


def _line_before(moment: Moment) -> Event | None:
    return moment.previous


def _read(line: Callable[[Moment], Event | None], member: Callable[[Event], Any], missing: str) -> Evaluate:
    def evaluate(moment: Moment) -> Any:
        event = line(moment)
        if event is None:
            raise UndefinedError(missing)
        return member(event)

    return evaluate


def _membership(name: str, whole: Evaluate, what: str) -> Evaluate:
    """Return whether an object has a member; without `what` it is called, anything that Python's `in` takes may do."""

    def evaluate(moment: Moment) -> bool:
        found = whole(moment)
        if what and not isinstance(found, dict):
            raise UndefinedError(f"{what} is not an object")
        return name in found

    return evaluate


def _of_held(name: str) -> Evaluate:
    def evaluate(moment: Moment) -> Any:
        if name not in moment.held:
            raise UndefinedError(f"{name} is not known before this line")
        return moment.held[name]

    return evaluate


def _sized(expression: Expression) -> Evaluate:
    def evaluate(moment: Moment) -> Any:
        found = expression.evaluate(moment)
        if not isinstance(found, str | list | dict):
            raise UndefinedError(f"{expression.text} has no length")
        return found

    return evaluate


def compile_expression(
    text: str,
    constants: Mapping[str, Scalar] | None = None,
    derived: Mapping[str, Expression] | None = None,
    *,
    meaning: Meaning = Meaning.STRICT,
    held: frozenset[str] = frozenset(),
) -> Expression:
    """Compile `text`; raise ExpressionError with the position for syntax, unknown names and impossible kinds."""
    line = " ".join(re.split(r"[\r\n]", text)).strip()
    if len(line) > LONGEST:
        raise ExpressionError(f"this is longer than {LONGEST} characters", line[:100], 0)
    return _Compiler(line, constants or {}, derived or {}, held, meaning is Meaning.LOOSE).whole()
