"""MLPerf Inference v5.1 as published, by the checker that judged that round: every verdict, and its table's rows."""

from __future__ import annotations

from typing import Any

import pytest

from checker.core.findings import Report
from checker.families.mlperf_inference.review import review
from tests.corpus.rounds import unpacked, verdicts
from tests.differential.single_file_oracle import official

pytestmark = pytest.mark.corpus
ROUND = "mlperf-inference/5.1"
OURS = ("Result", "Accuracy", "Units", "Model", "MlperfModel", "Scenario", "inferred", "has_power", "compliance")


@pytest.fixture(scope="module")
def report() -> Report:
    return review(unpacked("inference_v5.1"), ROUND, official="single-file")


def test_every_result_has_the_official_verdict_and_number_of_rows(report: Report) -> None:
    recorded = {row["result"]: row for row in verdicts("inference_v5.1.single-file")}
    assert len(recorded) == 1045
    items = {item.path: item for item in report.items if item.kind == "result"}
    assert {path: item.official_verdict for path, item in items.items()} == {
        path: "pass" if row["verdict"] == "valid" else "fail" for path, row in recorded.items()
    }
    rows = {score.path: 2 if (score.official or {}).get("Power") else 1 for score in report.scores}
    assert rows == {path: row["rows"] for path, row in recorded.items()}


def test_every_row_is_that_of_the_checker_run_beside_it(report: Report) -> None:
    theirs: dict[str, list[dict[str, str]]] = {}
    for row in official(unpacked("inference_v5.1"), "v5.1").rows:
        theirs.setdefault(row["Location"], []).append(row)
    assert len(theirs) == 1045
    wrong: list[Any] = []
    for score in report.scores:
        assert score.official is not None
        first, *power = theirs[score.path]
        wrong += [(score.path, c, score.official[c], first[c]) for c in OURS if str(score.official[c]) != first[c]]
        for row in power:
            mine = (str(score.official["Power"]), score.official["PowerUnits"])
            wrong += [] if mine == (row["Result"], row["Units"]) else [(score.path, mine, row["Result"], row["Units"])]
    assert not wrong
