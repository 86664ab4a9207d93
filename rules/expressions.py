"""The small language in which a rule states arithmetic across log keys.

Numbers, text, truth values; `+ - * / %`, comparisons, `'NAME' in metadata`, `and or not`, a dozen functions. Names are
`value`, `time_ms`, `metadata.NAME` (the line judged), `previous.…` (the line of the same key before it), `log.KEY…`
(the last line of another key so far), `count.KEY`, `held.NAME` (what a sheet remembers), `derived.NAME`, and the
constants a rule set gives (`rule.…`). An expression is parsed, checked for names and kinds, and compiled to closures
once; nothing is ever given to Python's own evaluator.

An expression means one of two things (`Meaning`). STRICT is what the rules mean: truth values are no numbers, text is
never compared with numbers. LOOSE is what a checker written in Python makes of the same sentence; there any exception
may come out, and the caller decides what that amounts to.
"""

from __future__ import annotations

import enum
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Protocol

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
    held: dict[str, Any] = field(default_factory=dict)  # name -> what a sheet remembers of the lines so far


Evaluate = Callable[[Moment], Any]


@dataclass(frozen=True)
class Expression:
    """A compiled expression; `evaluate` raises UndefinedError where this log gives it no value."""

    text: str
    kind: ValueKind
    evaluate: Evaluate


TOKEN = re.compile(
    r"\s*(?:(?P<number>\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?)|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)|(?P<sign>==|!=|<=|>=|[-+*/%<>(),]))"
)


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
ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}
ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
WORDS = {"and", "or", "not", "in", "true", "false", "null"}


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


def _power_of_half(x: Any) -> Any:
    return x**0.5  # as MLCommons' rules write a square root: of a negative number it is complex


LOOSE_FUNCTIONS = {"sqrt": _power_of_half}
LOOSE_ARITHMETIC = {**ARITHMETIC, "*": _loosely(operator.mul), "%": _loosely(operator.mod)}


@dataclass(frozen=True)
class Token:
    """One word of an expression and where it starts."""

    kind: str
    text: str
    position: int


def _tokens(text: str) -> list[Token]:
    found, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise ExpressionError(f"{text[at]!r} is not part of the language", text, at)
        kind = str(match.lastgroup)
        word = match[kind]
        found.append(Token("word" if word in WORDS else kind, word, match.start(kind)))
        at = match.end()
    return [*found, Token("end", "the end", len(text))]


class _Compiler:
    """Recursive descent over one expression, from the loosest binding (`or`) to the tightest."""

    def __init__(
        self,
        text: str,
        constants: Mapping[str, Scalar],
        derived: Mapping[str, Expression],
        meaning: Meaning,
        held: frozenset[str],
    ) -> None:
        self.text = text
        self.loose = meaning is Meaning.LOOSE
        self.held = held
        self.constants = constants
        self.derived = derived
        self.tokens = _tokens(text)
        self.at = 0

    def whole(self) -> Expression:
        expression = self.disjunction()
        if self.now.kind != "end":
            raise self.error(f"{self.now.text!r} is not expected")
        return expression

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    def error(self, message: str, token: Token | None = None) -> ExpressionError:
        return ExpressionError(message, self.text, (token or self.now).position)

    def take(self, *words: str) -> Token | None:
        token = self.now
        if token.kind in ("sign", "word") and token.text in words:
            self.at += 1
            return token
        return None

    def made(self, start: Token, kind: ValueKind, evaluate: Evaluate) -> Expression:
        end = self.tokens[self.at].position
        return Expression(self.text[start.position : end].strip(), kind, evaluate)

    def require(self, expression: Expression, kind: ValueKind, token: Token) -> Evaluate:
        """Return a closure that yields `kind`, refusing now what can never be one."""
        if expression.kind not in (kind, ValueKind.ANY):
            raise self.error(f"{expression.text!r} is {expression.kind}, not {kind}", token)
        if expression.kind is kind or self.loose:
            return expression.evaluate
        check = _number if kind is ValueKind.NUMBER else _truth
        inner, what = expression.evaluate, expression.text
        return lambda moment: check(inner(moment), what)

    def disjunction(self) -> Expression:
        return self.connective("or", self.conjunction)

    def conjunction(self) -> Expression:
        return self.connective("and", self.negation)

    def connective(self, word: str, operand: Callable[[], Expression]) -> Expression:
        start = self.now
        left = operand()
        while token := self.take(word):
            a = self.require(left, ValueKind.TRUTH, start)
            b = self.require(operand(), ValueKind.TRUTH, token)
            left = self.made(start, ValueKind.TRUTH, _either(a, b) if word == "or" else _both(a, b))
        return left

    def negation(self) -> Expression:
        start = self.now
        if not self.take("not"):
            return self.comparison()
        a = self.require(self.negation(), ValueKind.TRUTH, start)
        return self.made(start, ValueKind.TRUTH, lambda moment: not a(moment))

    def comparison(self) -> Expression:
        start = self.now
        left = self.sum()
        token = self.take("==", "!=", "in", *ORDER)
        if token is None:
            return left
        right = self.sum()
        if token.text == "in":
            return self.membership(start, token, left, right)
        if token.text in ORDER:
            test = ORDER[token.text]
            a, b = self.require(left, ValueKind.NUMBER, start), self.require(right, ValueKind.NUMBER, token)
            return self.made(start, ValueKind.TRUTH, lambda moment: test(a(moment), b(moment)))
        if ValueKind.ANY not in (left.kind, right.kind) and left.kind is not right.kind:
            raise self.error(f"{left.text!r} is {left.kind} and {right.text!r} is {right.kind}: never equal", token)
        x, y, wanted = left.evaluate, right.evaluate, token.text == "=="
        if self.loose:
            return self.made(start, ValueKind.TRUTH, lambda moment: bool(x(moment) == y(moment)) is wanted)
        return self.made(start, ValueKind.TRUTH, lambda moment: same(x(moment), y(moment)) is wanted)

    def membership(self, start: Token, token: Token, left: Expression, right: Expression) -> Expression:
        if left.kind is not ValueKind.TEXT or right.text not in ("metadata", "value"):
            raise self.error("'in' asks whether metadata or value has a member: 'NAME' in metadata", token)
        name, whole, loose = left.evaluate(Moment()), right.evaluate, self.loose

        def evaluate(moment: Moment) -> bool:
            found = whole(moment)
            if not loose and not isinstance(found, dict):
                raise UndefinedError(f"{right.text} is not an object")
            return name in found

        return self.made(start, ValueKind.TRUTH, evaluate)

    def sum(self) -> Expression:
        return self.chain(("+", "-"), self.product)

    def product(self) -> Expression:
        return self.chain(("*", "/", "%"), self.sign)

    def chain(self, signs: tuple[str, ...], operand: Callable[[], Expression]) -> Expression:
        start = self.now
        left = operand()
        while token := self.take(*signs):
            a = self.require(left, ValueKind.NUMBER, start)
            b = self.require(operand(), ValueKind.NUMBER, token)
            table = LOOSE_ARITHMETIC if self.loose else ARITHMETIC
            left = self.made(start, ValueKind.NUMBER, _computed(table[token.text], a, b))
        return left

    def sign(self) -> Expression:
        start = self.now
        if not self.take("-"):
            return self.atom()
        a = self.require(self.sign(), ValueKind.NUMBER, start)
        return self.made(start, ValueKind.NUMBER, lambda moment: -a(moment))

    def atom(self) -> Expression:
        token = self.now
        self.at += 1
        if token.kind == "number":
            literal = token.text.replace("_", "")
            value = float(literal) if re.search(r"[.eE]", literal) else int(literal)
            return self.made(token, ValueKind.NUMBER, lambda _: value)
        if token.kind == "text":
            return self.made(token, ValueKind.TEXT, lambda _: token.text[1:-1])
        if token.kind == "word" and token.text in ("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[token.text]
            return self.made(token, _kind_of(constant), lambda _: constant)
        if token.text == "(" and token.kind == "sign":
            inner = self.disjunction()
            self.close()
            return inner
        if token.kind == "name":
            return self.call(token) if self.now.text == "(" else self.name(token)
        self.at -= 1
        raise self.error(f"a value is expected, not {token.text!r}", token)

    def close(self) -> None:
        if not self.take(")"):
            raise self.error("')' is expected")

    def call(self, token: Token) -> Expression:
        if token.text == "choose":
            return self.choice(token)
        if token.text not in FUNCTIONS:
            raise self.error(_unknown("function", token.text, [*FUNCTIONS, "choose"]), token)
        function, arity, kind = FUNCTIONS[token.text]
        if self.loose:
            function = LOOSE_FUNCTIONS.get(token.text, function)
        self.take("(")
        arguments = []
        while True:
            start = self.now
            given = self.disjunction()
            arguments.append(_sized(given) if token.text == "length" else self.require(given, ValueKind.NUMBER, start))
            if not self.take(","):
                break
        self.close()
        if len(arguments) != arity:
            raise self.error(f"{token.text} takes {arity} argument(s), not {len(arguments)}", token)
        return self.made(token, kind, _computed(function, *arguments))

    def choice(self, token: Token) -> Expression:
        """Compile choose(test, a, b): a where the test holds, else b; only one of the two is evaluated."""
        self.take("(")
        parts = []
        for last in (False, False, True):
            start = self.now
            parts.append((self.disjunction(), start))
            if not last and not self.take(","):
                raise self.error("choose takes 3 arguments")
        self.close()
        test = self.require(parts[0][0], ValueKind.TRUTH, parts[0][1])
        yes, no = parts[1][0], parts[2][0]
        kind = yes.kind if yes.kind is no.kind else ValueKind.ANY
        a, b = yes.evaluate, no.evaluate
        return self.made(token, kind, lambda moment: a(moment) if test(moment) else b(moment))

    def name(self, token: Token) -> Expression:
        head, _, rest = token.text.partition(".")
        if token.text in self.constants:
            constant = self.constants[token.text]
            return self.made(token, _kind_of(constant), lambda _: constant)
        if head == "derived" and rest in self.derived:
            return self.made(token, self.derived[rest].kind, self.derived[rest].evaluate)
        if head == "held" and rest in self.held:
            return self.made(token, ValueKind.ANY, _of_held(rest))
        if head == "count" and rest and "." not in rest:
            return self.made(token, ValueKind.NUMBER, lambda moment: moment.counts.get(rest, 0))
        if head == "previous" and rest:
            member = _member(rest)
            if member:
                return self.made(token, ValueKind.ANY, _of_previous(member, token.text))
        if head == "log" and rest:
            key, _, path = rest.partition(".")
            member = _member(path or "value")
            if member:
                return self.made(token, ValueKind.ANY, _of_latest(key, member))
        member = _member(token.text)
        if member:
            return self.made(token, ValueKind.ANY, _of_event(member))
        known = [*self.constants, *(f"derived.{n}" for n in self.derived), *(f"held.{n}" for n in self.held)]
        known += ["value", "time_ms", "metadata", "number"]
        raise self.error(_unknown("name", token.text, known), token)


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


def _of_event(member: Callable[[Event], Any]) -> Evaluate:
    def evaluate(moment: Moment) -> Any:
        assert moment.event is not None
        return member(moment.event)

    return evaluate


def _of_previous(member: Callable[[Event], Any], what: str) -> Evaluate:
    def evaluate(moment: Moment) -> Any:
        if moment.previous is None:
            raise UndefinedError(f"{what} does not exist on the first line")
        return member(moment.previous)

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


def _of_latest(key: str, member: Callable[[Event], Any]) -> Evaluate:
    def evaluate(moment: Moment) -> Any:
        event = moment.latest.get(key)
        if event is None:
            raise UndefinedError(f"{key} is not logged before this line")
        return member(event)

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
    return _Compiler(text, constants or {}, derived or {}, meaning, held).whole()
