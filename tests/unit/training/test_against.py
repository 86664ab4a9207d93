"""Two submissions beside each other: differences named, and a difference in score told from noise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from checker.families import family_of
from checker.families.mlperf_training.compare import Comparison, compare
from checker.report.comparison import Comparisons
from rules.errors import NothingToCheckError, UsageError
from suite.cli import app
from tests.differential import passing

ROUND = "mlperf-training/5.1"
BENCHMARK = "llama2_70b_lora"


def submission(root: Path, minutes: list[float], system: str = "box", benchmark: str = BENCHMARK) -> Path:
    """Write a submission whose runs take about so many minutes each."""
    passing.organisation(root, ROUND, (benchmark,), system)
    for run, took in enumerate(minutes):
        lines = passing.records(benchmark, ROUND, run, minutes=took)
        (root / "results" / system / benchmark / f"result_{run}.txt").write_text(passing.text(lines))
    return root


def rendered(compared: Comparisons[Comparison]) -> str:
    json.loads(compared.as_json())
    text = compared.as_text()
    assert text.replace("\n", "").isprintable()
    assert all(len(line) <= 80 for line in text.splitlines())
    return text


SCATTERED = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]


def test_twice_the_time_is_more_than_noise(tmp_path: Path) -> None:
    a, b = (submission(tmp_path / name, [m * t for t in SCATTERED]) for name, m in (("a", 1), ("b", 2)))
    (one,) = compare(a, b, ROUND).pairs
    assert one.more_than_noise is True
    assert one.difference is not None
    assert one.difference.slower == "b"
    assert one.difference.seconds == pytest.approx(14.5 * 60, rel=0.05)
    assert "more than noise: B takes" in rendered(compare(a, b, ROUND))


def test_a_hundredth_more_in_runs_that_scatter_is_noise(tmp_path: Path) -> None:
    a, b = (submission(tmp_path / name, [m * t for t in SCATTERED]) for name, m in (("a", 1.01), ("b", 1)))
    compared = compare(a, b, ROUND)
    assert compared.pairs[0].more_than_noise is False
    assert "not more than noise: A takes" in rendered(compared)


def test_a_submission_does_not_differ_from_itself(tmp_path: Path) -> None:
    a = submission(tmp_path / "a", list(SCATTERED))
    compared = compare(a, a, ROUND)
    (one,) = compared.pairs
    assert (one.system, one.hyperparameters, one.more_than_noise) == ((), (), False)
    assert f"{BENCHMARK}: no difference" in rendered(compared)


def test_the_correction_is_for_all_comparisons_together(tmp_path: Path) -> None:
    a = submission(tmp_path / "a", list(SCATTERED))
    b = submission(tmp_path / "b", [1.3 * t for t in SCATTERED])
    for benchmark in ("llama31_8b", "flux1", "rgat"):
        for root in (a, b):
            passing.organisation(root, ROUND, (benchmark,))
    alone = compare(a / "results/box" / BENCHMARK, b / "results/box" / BENCHMARK, ROUND).pairs[0]
    together = next(one for one in compare(a, b, ROUND).pairs if one.benchmark == BENCHMARK)
    assert alone.difference is not None
    assert together.difference is not None
    assert together.difference.probability == pytest.approx(4 * alone.difference.probability)


def test_a_result_with_a_run_short_of_its_target_is_not_tested_and_said_why(tmp_path: Path) -> None:
    a, b = (submission(tmp_path / name, list(SCATTERED)) for name in "ab")
    log = b / "results/box" / BENCHMARK / "result_3.txt"
    log.write_text(log.read_text().replace('"status": "success"', '"status": "aborted"'))
    compared = compare(a, b, ROUND)
    assert compared.pairs[0].more_than_noise is None
    assert "not tested: box: 9 of 10 runs have a time" in rendered(compared)


def test_members_and_hyperparameters_that_differ_are_named_with_both_values(tmp_path: Path) -> None:
    a, b = (submission(tmp_path / name, list(SCATTERED)) for name in "ab")
    described = passing.system_description(ROUND, accelerators_per_node="16")
    (b / "systems" / "box.json").write_text(json.dumps(described))
    for log in (b / "results/box" / BENCHMARK).iterdir():
        log.write_text(log.read_text().replace('"key": "lora_rank", "value": 16', '"key": "lora_rank", "value": 8'))
    (one,) = compare(a, b, ROUND).pairs
    assert [(d.name, d.a, d.b) for d in one.system] == [("accelerators_per_node", '"8"', '"16"')]
    assert [(d.name, d.a, d.b) for d in one.hyperparameters] == [("lora_rank", "16", "8")]


def test_systems_of_other_names_are_compared_each_with_each(tmp_path: Path) -> None:
    a, b = submission(tmp_path / "a", [], "one"), submission(tmp_path / "b", [], "two")
    submission(tmp_path / "b", [], "three")
    names = [(one.a.system, one.b.system) for one in compare(a, b, ROUND).pairs]
    assert names == [("one", "three"), ("one", "two")]


def test_names_of_benchmarks_that_only_one_has_are_listed(tmp_path: Path) -> None:
    a, b = submission(tmp_path / "a", []), submission(tmp_path / "b", [])
    submission(tmp_path / "a", [], benchmark="rgat")
    compared = compare(a, b, ROUND)
    assert (compared.only_a, compared.only_b) == (("rgat",), ())


def test_nothing_in_common_is_nothing_to_check_and_a_round_is_no_submission(tmp_path: Path) -> None:
    a, b = submission(tmp_path / "a", []), submission(tmp_path / "b", [], benchmark="rgat")
    with pytest.raises(NothingToCheckError, match="no common benchmark: llama2_70b_lora in the one, rgat"):
        compare(a, b, ROUND)
    with pytest.raises(UsageError, match="holds 2 submissions"):
        compare(tmp_path, a, ROUND)
    with pytest.raises(UsageError, match="only submissions to MLPerf"):
        family_of("assay/1.0").compare(a, a, "assay/1.0")


@pytest.mark.parametrize("time", [float("nan"), float("inf"), -1e30, 1e300, "12", 0, None])
def test_times_and_documents_of_any_kind_are_compared_or_said_not_to_be(tmp_path: Path, time: object) -> None:
    a, b = (submission(tmp_path / name, list(SCATTERED)) for name in "ab")
    for run in range(10):
        lines = passing.records(BENCHMARK, ROUND, run)
        lines[-1]["time_ms"] = time
        (b / "results/box" / BENCHMARK / f"result_{run}.txt").write_text(passing.text(lines))
    (b / "systems" / "box.json").write_text('{"\\u001b[31m\\n": {"division": NaN}, "number_of_nodes": 1e999}')
    (b / "results/box" / BENCHMARK / "scaling.json").write_text('{"scaling_factor": NaN}')
    rendered(compare(a, b, ROUND))


def test_the_command_prints_text_or_json(tmp_path: Path) -> None:
    a, b = (submission(tmp_path / name, list(SCATTERED)) for name in "ab")
    said = CliRunner().invoke(app, ["review", str(a), "--against", str(b), "--round", ROUND, "--format", "json"])
    assert said.exit_code == 0
    assert json.loads(said.stdout)["benchmarks"][0]["more_than_noise"] is False
    assert CliRunner().invoke(app, ["review", str(a), "--against", str(b), "--round", ROUND]).exit_code == 0
    assert CliRunner().invoke(app, ["review", str(tmp_path), "--against", str(b), "--format", "x"]).exit_code != 0
