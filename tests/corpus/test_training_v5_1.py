"""MLPerf Training v5.1 as published: the official verdict on every log, system, folder, score and organisation."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from checker.core.findings import Item, Report
from checker.families.mlperf_training.review import review
from tests.corpus.rounds import unpacked, verdicts

pytestmark = pytest.mark.corpus
ROUND = "mlperf-training/5.1"


@pytest.fixture(scope="module")
def report() -> Report:
    return review(unpacked("training_v5.1"), ROUND)


def of(report: Report, kind: str) -> dict[str, Item]:
    return {item.path: item for item in report.items if item.kind == kind}


def test_every_log_has_the_official_verdict(report: Report) -> None:
    recorded = {row["path"]: row["verdict"] for row in verdicts("training_v5.1.compliance")}
    assert len(recorded) == 1669
    assert {path: item.official_verdict for path, item in of(report, "log").items()} == recorded


def test_every_official_message_is_a_finding_and_nothing_else_is(report: Report) -> None:
    recorded = Counter(
        (row["path"], f"official-log-{message['kind'].replace('_', '-')}")
        for row in verdicts("training_v5.1.compliance")
        for message in row["messages"]
    )
    recorded += Counter(
        (row["path"], "official-log-repeated") for row in verdicts("training_v5.1.compliance") for _ in row["warnings"]
    )
    found = Counter((f.path, f.rule) for f in report.findings if f.rule.startswith("official-log-"))
    assert found == recorded


def test_every_system_file_has_the_official_verdict(report: Report) -> None:
    recorded = {row["path"]: "pass" if row["valid"] else "fail" for row in verdicts("training_v5.1.systems")}
    assert len(recorded) == 92
    assert {path: item.official_verdict for path, item in of(report, "system").items()} == recorded


def test_every_results_folder_has_the_official_convergence_verdict(report: Report) -> None:
    recorded = {r["dir"]: "pass" if r["passed"] else "fail" for r in verdicts("training_v5.1.rcp")}
    assert len(recorded) == 184
    assert {path: item.official_verdict for path, item in of(report, "rcp").items()} == recorded


def test_every_organisation_has_the_official_verdict(report: Report) -> None:
    recorded = {row["org"]: row["package"] for row in verdicts("training_v5.1.package")}
    assert len(recorded) == 19
    assert {path: item.official_verdict for path, item in of(report, "organisation").items()} == recorded


def test_every_row_of_the_result_table_is_the_official_one(report: Report) -> None:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for score in report.scores:
        assert score.official is not None
        key = (score.path.split("/")[0], score.official["details_url"])
        rows.setdefault(key, {}).update(score.official)
    recorded = verdicts("training_v5.1.scores")
    assert len(recorded) == 91
    assert len(rows) == 91
    for row in recorded:
        mine = rows[(row["org"], row["details_url"])]
        for column, value in row.items():
            if isinstance(value, float):
                assert math.isclose(mine[column], value, rel_tol=1e-9), (row["org"], column)
            elif column != "org":
                assert mine[column] == value, (row["org"], column)


def test_every_score_has_the_verdicts_of_its_result(report: Report) -> None:
    judged = {item.path: (item.verdict, item.official_verdict) for item in report.items if item.kind == "result"}
    assert {score.path: (score.verdict, score.official_verdict) for score in report.scores}.items() <= judged.items()
    assert report.scores


def test_every_score_stands_inside_its_own_range(report: Report) -> None:
    scaled = [score for score in report.scores if score.training.scaled_by is not None]
    assert len(scaled) == 82
    for score in report.scores:
        assert score.training.score_s is not None
        assert score.training.fastest_s is not None
        assert score.training.slowest_s is not None
        fastest, slowest = score.training.fastest_s, score.training.slowest_s
        assert fastest <= score.training.score_s * (1 + 1e-12) <= slowest * (1 + 2e-12), score.path


def test_errors_beyond_the_official_tool_are_few_and_each_can_be_defended(report: Report) -> None:
    errors = [finding for finding in report.findings if finding.severity == "error"]
    # Dell submitted the retinanet and rgat logs of one system, byte for byte, for another.
    assert Counter(f.rule for f in errors) == {"runs-original": 15}
    assert {f.path.rpartition("/")[0] for f in errors} == {
        "Dell/results/1xXE9780x8B200-SXM-180GB/retinanet",
        "Dell/results/1xXE9780x8B200-SXM-180GB/rgat",
    }
    for finding in errors:
        copied = unpacked("training_v5.1") / finding.message.rpartition(", ")[2]
        assert copied.read_bytes() == (unpacked("training_v5.1") / finding.path).read_bytes()
    failed = {item.path for item in report.items if item.kind == "organisation" and item.verdict == "fail"}
    assert failed == {"Dell"}


def test_a_run_that_does_not_comply_and_is_tolerated_spoils_no_result(report: Report) -> None:
    failed = {path for path, item in of(report, "log").items() if item.official_verdict == "fail"}
    assert failed == {
        "Cisco/results/hpf_n8/dlrm_dcnv2/result_1.txt",
        "Dell/results/1xXE9680Lx8H200-SXM-141GB/rgat/result_7.txt",
        "Dell/results/1xXE9780x8B200-SXM-180GB/llama2_70b_lora/result_0.txt",
    }
    assert of(report, "result")["Cisco/results/hpf_n8/dlrm_dcnv2"].verdict == "pass"


def test_one_process_and_two_find_the_same(report: Report) -> None:
    path = unpacked("training_v5.1") / "Cisco"
    alone, together = review(path, ROUND, jobs=1), review(path, ROUND, jobs=2)
    assert alone == together


def test_the_submission_is_not_written_to(report: Report) -> None:
    root = unpacked("training_v5.1") / "ASUSTeK"

    def state() -> dict[str, tuple[int, int]]:
        return {
            str(p): (p.stat().st_mtime_ns, p.stat().st_size)
            for d, _, fs in os.walk(root)
            for p in map(Path(d).joinpath, fs)
        }

    before = state()
    review(root, ROUND)
    assert state() == before


@pytest.mark.parametrize(
    ("part", "kinds"),
    [
        ("ASUSTeK", {"organisation": 1, "system": 2, "result": 3, "rcp": 3, "log": 30}),
        ("ASUSTeK/results/ESC_NB8_E11", {"system": 1, "result": 2, "rcp": 2, "log": 20}),
        ("ASUSTeK/results/ESC_NB8_E11/rgat", {"system": 1, "result": 1, "rcp": 1, "log": 10}),
        ("ASUSTeK/results/ESC_NB8_E11/rgat/result_3.txt", {"log": 1}),
        ("ASUSTeK/systems/ESC_NB8_E11.json", {"system": 1}),
    ],
)
def test_any_part_of_a_round_can_be_judged(part: str, kinds: dict[str, int]) -> None:
    found = review(unpacked("training_v5.1") / part, ROUND)
    assert Counter(item.kind for item in found.items) == kinds
    assert {item.official_verdict for item in found.items} == {"pass"}
    assert all(not item.path.startswith("..") for item in found.items if item.kind != "system")


def test_loose_logs_are_judged_by_themselves() -> None:
    folder = unpacked("training_v5.1") / "Cisco" / "results" / "hpf_n8" / "dlrm_dcnv2"
    found = review(folder, ROUND, logs_only=True)
    answers = {item.path: item.official_verdict for item in found.items if item.path.endswith(".txt")}
    assert Counter(answers.values()) == {"pass": 9, "fail": 1}
    assert answers["result_1.txt"] == "fail"


def test_an_organisation_whose_one_failing_run_is_dropped_passes() -> None:
    found = review(unpacked("training_v5.1") / "Cisco", ROUND)
    assert [item.path for item in found.items if item.verdict == "fail"] == ["results/hpf_n8/dlrm_dcnv2/result_1.txt"]
    assert found.verdict == "pass"
