"""Log requirements as files: what is inherited, what a mistake is called, and what their expressions may say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import rules.round
from checker.families.mlperf_training.log_requirements import lint
from rules.errors import UsageError
from rules.expressions import ExpressionError, Meaning, Moment, compile_expression
from rules.log_requirements import log_requirements

Write = Callable[[str], str]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write the log requirements of a round of their own; return its name."""
    real = rules.round.ROOT / "mlperf-training/4.0"
    header = (rules.round.ROOT / "mlperf-training/4.0/ruleset.yaml").read_text()
    count = 0

    def write(text: str) -> str:
        nonlocal count
        count += 1
        name = f"mlperf-{tmp_path.name.replace('_', '-')}/{count}"
        folder = tmp_path / name
        (folder / "logs").mkdir(parents=True)
        (folder / "ruleset.yaml").write_text(header.replace("mlperf-training/4.0", name))
        shutil.copytree(real / "cards", folder / "cards")
        (folder / "logs" / "one.yaml").write_text(text)
        return name

    monkeypatch.setattr(rules.round, "ROOT", tmp_path)
    return write


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("common: {keys: {a: {occurs: twice}}}", "common.keys.a.occurs"),
        ("common: {keys: {a: {equal: 1}}}", "common.keys.a.equal"),
        ("common: {like: other}", "there is no sheet 'other'"),
        ("a: {like: b}\nb: {like: a}", "leads back to itself"),
        ("common: {without: [x]}", "'without' names 'x'"),
        ("common: {keys: [1]}", "common.keys"),
        ("common: {", "one.yaml"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_place(written: Write, text: str, place: str) -> None:
    with pytest.raises(UsageError) as raised:
        log_requirements(written(text))
    assert place in raised.value.message


@pytest.mark.parametrize(
    ("demand", "said"),
    [
        ("{holds: value = 1}", "invalid syntax at character 7 of 'value = 1'"),
        ("{holds: vlaue > 1}", "unknown name 'vlaue' (did you mean 'value'?)"),
        ("{holds: sqr(value) > 1}", "unknown function 'sqr' (did you mean 'sqrt'?)"),
        ("{holds: held.gbs > 1}", "unknown name 'held.gbs'"),
        ("{holds: value > log.global_bach_size}", "log.global_bach_size: the sheet has no such key (did you mean"),
        ("{reaches: value + 1}", "not true or false"),
        ("{after: [global_batch]}", "'global_batch': the sheet has no such key"),
    ],
)
def test_lint_names_a_mistake_in_a_demand(written: Write, demand: str, said: str) -> None:
    name = written(f"common: {{keys: {{opt_name: {demand}, global_batch_size: {{occurs: once}}}}}}")
    found = list(lint.mistakes(name))
    assert any(said in mistake for mistake in found), found


def test_no_round_has_a_mistake() -> None:
    from rules.round import rulesets

    assert [mistake for name in rulesets() for mistake in lint.mistakes(name)] == []


def test_a_round_has_the_sheets_of_the_one_it_extends_but_those_gone() -> None:
    assert "closed_unet3d" in log_requirements("mlperf-training/4.0")
    assert "closed_unet3d" not in log_requirements("mlperf-training/4.1")
    assert (
        log_requirements("mlperf-training/5.1")["closed_dlrm_dcnv2"]
        == log_requirements("mlperf-training/4.0")["closed_dlrm_dcnv2"]
    )


def test_another_suite_lends_no_sheets() -> None:
    assert "closed_bert" not in log_requirements("mlperf-hpc/3.0")


@pytest.mark.parametrize(
    ("text", "strict", "loose"),
    [
        ("true == 1", None, None),
        ("value == 1", False, True),
        ("value > 0", "undefined", True),
        ("'x' in metadata", "undefined", True),
    ],
)
def test_truth_and_text_are_taken_strictly_or_as_python_does(text: str, strict: object, loose: object) -> None:
    class Line:
        key, value, metadata, time_ms, number = "k", True, "xyz", 0, 1

    def evaluated(meaning: Meaning) -> object:
        try:
            return compile_expression(text, meaning=meaning).evaluate(Moment(event=Line()))  # type: ignore[arg-type]
        except ExpressionError:
            return None
        except Exception:  # noqa: BLE001 - whatever it is, there is no value
            return "undefined"

    assert (evaluated(Meaning.STRICT), evaluated(Meaning.LOOSE)) == (strict, loose)


def test_only_the_branch_chosen_is_evaluated() -> None:
    assert compile_expression("choose(1 < 2, 3, 1 / 0)").evaluate(Moment()) == 3


def test_text_times_a_number_makes_no_text() -> None:
    class Line:
        key, value, metadata, time_ms, number = "k", "a" * 10_000, {}, 0, 1

    expression = compile_expression("value * 1000000000 == 5", meaning=Meaning.LOOSE)
    assert expression.evaluate(Moment(event=Line())) is False  # type: ignore[arg-type]
