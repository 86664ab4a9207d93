"""MLPerf Inference v5.1 as published: the modular checker's recorded verdict on every result, phase by phase."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import checker
from checker.core.findings import Item, Report
from checker.families.mlperf_inference.modular.case import Options, ResultReview
from checker.families.mlperf_inference.review import review
from checker.report.render import json as as_json
from tests.corpus.rounds import unpacked, verdicts
from tests.differential.inference_verdicts import judged

pytestmark = pytest.mark.corpus
ROUND = "mlperf-inference/5.1"
ONE = "closed/Lenovo/results/SE100_RTX2000E_Ada_16GBx1_TRT"


@pytest.fixture(scope="module")
def report() -> Report:
    return review(unpacked("inference_v5.1"), ROUND)


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, Any]]:
    return {row["result"]: row for row in verdicts("inference_v5.1.modular")}


def results(report: Report) -> dict[str, Item]:
    return {item.path: item for item in report.items if item.kind == "result"}


def test_every_result_has_the_official_verdict(report: Report, recorded: dict[str, dict[str, Any]]) -> None:
    assert len(recorded) == 1045
    told = {path: ("valid" if i.official_verdict == "pass" else "invalid") for path, i in results(report).items()}
    assert told == {path: row["verdict"] for path, row in recorded.items()}


def test_every_result_has_the_six_official_phases(report: Report, recorded: dict[str, dict[str, Any]]) -> None:
    told = {path: item.official_phases for path, item in results(report).items()}
    assert told == {path: row["phases"] for path, row in recorded.items()}


def test_every_result_has_the_official_numbers(recorded: dict[str, dict[str, Any]]) -> None:
    seen = 0
    for one in judged(unpacked("inference_v5.1"), ROUND, Options()):
        assert isinstance(one.what, ResultReview)
        row, ours = recorded[one.path], one.what
        assert ours.failed == row["failed"], one.path
        assert ours.metric == row["metric"], one.path
        assert ours.accuracies == row["accuracy"], one.path
        if "power_metric" in row:
            assert ours.power_metric is not None
            assert ours.power_efficiency is not None
            assert math.isclose(ours.power_metric, row["power_metric"], rel_tol=1e-12), one.path
            assert math.isclose(ours.power_efficiency, row["power_efficiency"], rel_tol=1e-12), one.path
        seen += 1
    assert seen == len(recorded)


def test_every_score_has_the_verdicts_of_its_result(report: Report) -> None:
    judged = {item.path: (item.verdict, item.official_verdict) for item in report.items if item.kind == "result"}
    assert {score.path: (score.verdict, score.official_verdict) for score in report.scores}.items() <= judged.items()
    assert report.scores


def test_nothing_official_is_found_but_what_is_recorded(report: Report) -> None:
    errors = [f for f in report.findings if f.authority == "official" and f.severity == "error"]
    assert [(f.rule, f.path.rpartition("/accuracy/")[0]) for f in errors] == [
        (
            "official-data-set",
            "open/GATEOverflow/results/GATEOverflow_RTX4090x2-reference-gpu-vllm-default_config/llama3_1-8b-edge/offline",
        )
    ]
    assert errors[0].line is not None
    line = (unpacked("inference_v5.1") / errors[0].path).read_text().splitlines()[errors[0].line - 1]
    assert '"qsl_reported_total_count", "value": 4761' in line


def test_one_process_and_two_find_the_same() -> None:
    path = unpacked("inference_v5.1") / "closed"
    assert review(path, ROUND, jobs=1) == review(path, ROUND, jobs=2)


def test_the_round_is_told_by_the_seeds() -> None:
    found = checker.check(unpacked("inference_v5.1") / ONE)
    assert found.ruleset == ROUND


@pytest.mark.parametrize(
    ("part", "kinds"),
    [
        ("open/Krai", {"organisation": 1, "result": 20}),
        (ONE, {"result": 12}),
        (f"{ONE}/resnet50", {"result": 3}),
        (f"{ONE}/resnet50/Offline", {"result": 1}),
        (f"{ONE}/resnet50/Offline/accuracy/accuracy.txt", {"result": 1}),
    ],
)
def test_any_part_of_a_round_can_be_judged(part: str, kinds: dict[str, int]) -> None:
    found = review(unpacked("inference_v5.1") / part, ROUND)
    assert Counter(item.kind for item in found.items) == kinds
    assert {item.official_verdict for item in found.items} == {"pass"}


def test_the_json_has_a_result_of_each_scenario_folder(report: Report) -> None:
    body = json.loads(as_json.render(report))
    first = next(item for item in body["items"] if item["kind"] == "result")
    assert first["official_phases"] == dict.fromkeys(
        ("performance", "accuracy", "system", "measurements", "power", "compliance"), True
    )


def test_the_submission_is_not_written_to() -> None:
    root = unpacked("inference_v5.1") / ONE.rpartition("/results/")[0]

    def state() -> dict[str, tuple[int, int]]:
        return {
            str(p): (p.stat().st_mtime_ns, p.stat().st_size)
            for d, _, fs in os.walk(root)
            for p in map(Path(d).joinpath, fs)
        }

    before = state()
    review(root, ROUND)
    assert state() == before
