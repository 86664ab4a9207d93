"""The recipe of CONTRIBUTING.md for a scenario, and what is known of scenarios, in the container too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rules.scenarios import NAMES, SCENARIOS, logged_scenario, scenario_named
from suite.serve.job import SCENARIOS as IN_THE_CONTAINER
from tests.unit.rules.test_recipes import shown

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json
from rules.scenarios import scenario_named
from rules.serving import serving_rules
from suite.inference.loadgen_config import user_conf

its = serving_rules("assay-inference/1.0", "image-classification").scenarios["Burst"]
print(json.dumps([scenario_named("Burst").score, user_conf("Burst", its, 50.0, False)]))
"""


def test_a_scenario_is_a_record_and_a_line_of_a_workload(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "rules", tmp_path / "rules", ignore=shutil.ignore_patterns("__pycache__"))
    for other in ("checker", "suite"):
        (tmp_path / other).symlink_to(ROOT / other)
    code = tmp_path / "rules/scenarios.py"
    record = shown("Add a scenario", "python").strip()
    text = code.read_text().replace('"Interactive", ', '"Interactive", "Burst", ', 1)
    code.write_text(text.replace("    replace(_SERVER", f"    {record},\n    replace(_SERVER", 1))
    workload = tmp_path / "rules/assay-inference/1.0/workloads/image-classification.yaml"
    line = "  Burst: {min_duration_ms: 10000, min_query_count: 1024, percentile: 0.9, target_latency_ms: 20}\n"
    workload.write_text(workload.read_text() + line)
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    score, conf = json.loads(told.stdout)
    assert score == "result_completed_samples_per_sec"
    assert "*.Server.target_qps = 50\n*.Server.target_latency = 20\n" in conf


def test_the_container_has_the_same_scenarios() -> None:
    assert tuple(SCENARIOS) == NAMES == IN_THE_CONTAINER


@pytest.mark.parametrize("name", [None, [], "Interactive", "Streaming"])
def test_a_log_of_another_scenario_is_of_none_that_is_known(name: object) -> None:
    found = logged_scenario(name)
    assert not found.score
    assert not found.settings
    assert not any((found.is_latency, found.is_bounded, found.is_one_query, found.stops_early))


def test_interactive_is_server_to_loadgen() -> None:
    assert scenario_named("Interactive").loadgen == "Server"
