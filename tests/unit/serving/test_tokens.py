"""A token model's rates and times per token follow from a real LoadGen's trace and the answers of the accuracy run."""

from __future__ import annotations

import json
import lzma
import re
import tarfile
from array import array
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checker.core.tree import Tree
from checker.families.assay.inference.latencies import PERCENTILES
from checker.families.assay.inference.rules.tokens import tokens
from checker.families.assay.inference.submission import ScenarioResult, loadgen_run
from rules.compliance import compliance_rules
from rules.ruleset import load
from rules.serving import serving_rules
from suite.serve.trace import reduce
from tests.unit.serving.trees import PACKED, ROUND

GIVEN = 4  # tokens, of every answer of the system under test that was traced
RESULTS, OURS = "results/box/text-generation/Server", "assay/box/text-generation/Server"
DETAIL = f"{RESULTS}/performance/run_1/mlperf_log_detail.txt"


@pytest.fixture
def traced(tmp_path: Path) -> Path:
    """A submitter's folder with LoadGen's own logs of a token model in Server, and its answers."""
    with lzma.open(PACKED.with_name("traces.tar.xz")) as file, tarfile.open(fileobj=file) as there:
        there.extractall(tmp_path / "traces", filter="data")
    (tmp_path / DETAIL).parent.mkdir(parents=True)
    (tmp_path / f"{OURS}/performance").mkdir(parents=True)
    (tmp_path / f"{OURS}/accuracy").mkdir(parents=True)
    (tmp_path / "traces/Tokens/mlperf_log_detail.txt").rename(tmp_path / DETAIL)
    reduce(tmp_path / "traces/Tokens/mlperf_log_trace.json", tmp_path / f"{OURS}/performance/latencies.bin")
    answer(tmp_path, lambda _: GIVEN)
    return tmp_path


def answer(folder: Path, count: Callable[[int], int]) -> None:
    """Write an accuracy log in which a sample has `count` tokens."""
    logged = [{"seq_id": n, "qsl_idx": n, "data": array("i", [5] * count(n)).tobytes().hex()} for n in range(1000)]
    (folder / f"{OURS}/accuracy/mlperf_log_accuracy.json").write_text(json.dumps(logged))


def said(folder: Path, tpot_ms: int = 200) -> list[str]:
    """What the rule objects to."""
    tree = Tree(folder, load(ROUND).limits)
    known = serving_rules(ROUND, "text-generation")
    its = known.scenarios["Server"].model_copy(update={"tpot_ms": tpot_ms})
    runs = {name: loadgen_run(tree, "Server", name, RESULTS, OURS, True) for name in ("performance", "accuracy")}
    scenario = ScenarioResult(name="Server", folder=RESULTS, ours=OURS, rules=its, runs=runs)
    result: Any = SimpleNamespace(rules=known, compliance=compliance_rules(ROUND), workload="text-generation")
    return [problem.message for problem in tokens(result, scenario)]


def state(folder: Path, key: str, change: Callable[[float], float]) -> None:
    path = folder / DETAIL
    text, times = re.subn(
        rf'("key": "{re.escape(key)}", "value": )([0-9.e+-]+)',
        lambda found: found[1] + json.dumps(type(json.loads(found[2]))(change(json.loads(found[2])))),
        path.read_text(),
    )
    assert times == 1
    path.write_text(text)


def test_loadgens_own_figures_follow(traced: Path) -> None:
    assert said(traced) == []


@pytest.mark.parametrize("name", PERCENTILES)
@pytest.mark.parametrize("times", [0.9, 1.1])
def test_another_percentile_does_not(traced: Path, name: str, times: float) -> None:
    state(traced, f"result_time_per_output_token_{name}_percentile_ns", lambda value: value * times)
    at_the_top = float(name) / 100 + compliance_rules(ROUND).workloads["text-generation"].answers.differing >= 1
    wanted = f"the {name} percentile of the time per token does not match the latencies and the answers"
    assert said(traced) == ([] if times > 1 and at_the_top else [wanted])  # a slower tail helps nobody


@pytest.mark.parametrize("times", [0.9, 1.1])
def test_other_tokens_a_second_do_not(traced: Path, times: float) -> None:
    key = "result_completed_tokens_per_second"
    state(traced, key, lambda value: value * times)
    assert said(traced) == [f"{key} does not follow from the latencies and the answers"]


def test_fewer_tokens_than_loadgen_was_told_of_are_caught(traced: Path) -> None:
    """The accuracy run's answers are half as long: LoadGen was told of twice the tokens there are."""
    answer(traced, lambda _: GIVEN // 2)
    found = said(traced)
    assert len(found) == 1 + len(PERCENTILES)


def test_the_bound_is_kept_by_what_is_computed(traced: Path) -> None:
    assert said(traced, tpot_ms=1) == ["a token takes too long, by the latencies and the answers"]
