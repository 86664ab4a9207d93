"""The expression language: what it computes, and how it refuses a rule author's mistake."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.expressions import ExpressionError, Moment, UndefinedError, ValueKind, compile_expression


@dataclass
class Line:
    key: str = "k"
    value: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)
    time_ms: Any = 0
    number: int = 1


def evaluate(text: str, moment: Moment | None = None, **constants: Any) -> Any:
    return compile_expression(text, constants).evaluate(moment or Moment(event=Line()))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 2 - 3", 5),
        ("7 % 4 / 2", 1.5),
        ("-2 * -3", 6),
        ("1_200_000 - 1", 1_199_999),
        ("8e-5 * 2", 1.6e-4),
        ("ceil(2.5 + 3840 / 100)", 41),
        ("0.125 * sqrt(256 / 64)", 0.25),
        ("log2(0.0004 / 0.0001)", 2.0),
        ("max(1, 2) + min(3, 4)", 5),
        ("is_integer(3.000001)", True),
        ("1 == 1.0", True),
        ("true == true and not false", True),
        ("'a' != \"b\" or 1 > 2", True),
        ("1 < 2 and 2 <= 2 and 3 >= 3", True),
        ("(1 <\r\n2) == ('a' ==\r'a')", True),
        ("'#' == '#'", True),
    ],
)
def test_it_computes(text: str, value: Any) -> None:
    assert evaluate(text) == value


@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(1, 999))
def test_it_computes_as_arithmetic_does(a: int, b: int, c: int) -> None:
    assert evaluate("a + b * c - (a - b) / c", a=a, b=b, c=c) == a + b * c - (a - b) / c
    assert evaluate("a <= b or b <= a", a=a, b=b) is True
    assert evaluate("floor(a / c) * c + a % c", a=a, c=c) == a


def test_it_reads_the_log_at_this_line() -> None:
    batch = Line("global_batch_size", 128)
    now = Line("eval_accuracy", 0.9, {"samples_count": 256}, 5, 9)
    before = Line("eval_accuracy", 0.8, {"samples_count": 128})
    moment = Moment(now, before, {"global_batch_size": batch}, {"eval_accuracy": 2})
    assert evaluate("metadata.samples_count == count.eval_accuracy * log.global_batch_size", moment) is True
    assert evaluate("value > previous.value and number == 9 and time_ms == 5", moment) is True
    assert evaluate("count.never_logged", moment) == 0


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("1 +", 3),
        ("(1", 0),
        ("1 2", 2),
        ("value ** 2", 0),
        ("__import__('os')", 0),
        ("value.__class__.__bases__", 0),
        ("metadata.a.b", 0),
        ("rule.qualty", 0),
        ("1 + 'a'", 4),
        ("1 == 'a'", 5),
        ("true < 1", 0),
        ("1 and true", 0),
        ("ceil(1, 2)", 0),
        ("cel(1)", 0),
        ("1 @ 2", 0),
        ("", 0),
        ("lambda: 0", 0),
        ("[1]", 0),
        ("1 < 2 < 3", 0),
        ("'a' 'b'", 0),
        ("1) + (2", 1),
        ("True", 0),
        ("1 # and more", 2),
        ("(value > 0 # and more)", 0),
        ("(value) # and more", 8),
        ("1 +\n2 # and\n3", 6),
        ("1 < log. epochs", 4),
        ("count. epochs == 0", 0),
        ("rule .quality.target", 0),
        ("-" * 900 + "1", 0),
        ("1" + "+1" * 900, 0),
        ("true" + " and true" * 900, 0),
    ],
)
def test_a_mistake_is_refused_with_its_position(text: str, position: int) -> None:
    with pytest.raises(ExpressionError) as error:
        compile_expression(text, {"rule.quality.target": 0.9})
    assert error.value.position == position


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ExpressionError, match=r"did you mean 'rule\.quality\.target'"):
        compile_expression("value >= rule.quality.tarjet", {"rule.quality.target": 0.9})


@pytest.mark.parametrize(
    "text",
    [
        "value + 1",
        "log.missing",
        "previous.value",
        "metadata.missing",
        "1 / 0",
        "sqrt(0 - 1)",
        "value and true",
        "value < 1",
    ],
)
def test_what_a_log_leaves_undefined_is_said_and_not_guessed(text: str) -> None:
    with pytest.raises(UndefinedError):
        evaluate(text, Moment(event=Line(value="text")))


def test_a_truth_value_is_never_a_number() -> None:
    assert evaluate("value == 1", Moment(event=Line(value=True))) is False
    assert evaluate("value == true", Moment(event=Line(value=1))) is False
    with pytest.raises(UndefinedError):
        evaluate("value + 1", Moment(event=Line(value=True)))


def test_numbers_beyond_floats_are_undefined_and_no_crash() -> None:
    with pytest.raises(UndefinedError):
        evaluate("value / 3", Moment(event=Line(value=10**400)))


@given(st.text(alphabet="0123456789.+-*/%()<>=!\"' andortruefalsevlumin_,", max_size=40))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        expression = compile_expression(text)
    except ExpressionError:
        return
    assert expression.kind in ValueKind
    try:
        value = expression.evaluate(Moment(event=Line(value=2)))
    except UndefinedError:
        return
    assert value is None or isinstance(value, bool | int | str) or not math.isnan(value)
