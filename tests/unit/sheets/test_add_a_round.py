"""The recipe of CONTRIBUTING.md: a round added by writing the files it shows, and nothing else, judges logs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import rules.round
from checker.families.mlperf_training.log_verdict import log_judge
from checker.families.mlperf_training.reading import read
from tests.differential import sheet_logs
from tests.unit.by_table import differences, mistakes
from tests.unit.rounds import forget

NEW = "mlperf-training/6.2"
RECIPE = Path(__file__).parents[3] / "CONTRIBUTING.md"


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("added") / "rules"
    shutil.copytree(rules.round.ROOT, root, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    files = re.findall(r"`(rules/mlperf-training/6\.2/[^`]+)`\n\n```yaml\n(.*?)```", RECIPE.read_text(), re.DOTALL)
    assert len(files) == 4
    for name, text in files:
        path = root.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    before, rules.round.ROOT = rules.round.ROOT, root
    forget()
    yield root
    rules.round.ROOT = before
    forget()


def rules_objecting(lines: list[dict[str, Any]]) -> set[str]:
    log = b"".join(b":::MLLOG " + json.dumps(line).encode() + b"\n" for line in lines)
    return {rule for rule, _ in log_judge(NEW)(read(log)).problems}


def made(benchmark: str, **values: Any) -> list[dict[str, Any]]:
    lines = sheet_logs.log(NEW, "closed", benchmark)
    base = next(line["value"] for line in lines if line["key"] == "opt_base_learning_rate")
    for line in lines:
        if line["key"] == "opt_end_learning_rate":
            line["value"] = 0.1 * base
        line["value"] = values.get(line["key"], line["value"])
    return lines


@pytest.mark.usefixtures("added")
def test_lint_finds_no_mistake_in_it() -> None:
    assert [mistake for mistake in mistakes() if NEW in mistake] == []


@pytest.mark.usefixtures("added")
def test_a_log_of_the_new_benchmark_passes() -> None:
    assert rules_objecting(made("tiny_moe")) == set()


@pytest.mark.usefixtures("added")
def test_the_changed_target_is_judged() -> None:
    objecting = rules_objecting(made("llama31_8b", eval_accuracy=3.25))
    assert {"mlperf-target", "official-log-at-least-one-check"} <= objecting


@pytest.mark.usefixtures("added")
def test_the_new_equation_is_judged() -> None:
    assert "mlperf-hyperparameters" in rules_objecting(made("tiny_moe", opt_base_learning_rate=1.0))


@pytest.mark.usefixtures("added")
def test_the_new_card_is_judged() -> None:
    assert "mlperf-micro-batch" in rules_objecting(made("tiny_moe", micro_batch_size=5))


@pytest.mark.usefixtures("added")
def test_the_difference_says_what_was_changed() -> None:
    said = "\n".join(differences("mlperf-training/6.1", NEW))
    assert "dlrmv4, closed division: gone" in said
    assert "eval_accuracy: now on some line, 0 < value and value <= 3.2 (was on some line" in said
    assert "tiny_moe, closed division: new" in said
    assert "mlperf-micro-batch: new: The micro batch divides the batch" in said
