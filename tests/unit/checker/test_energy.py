"""Energy, memory and disturbances of a result, as every report says them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checker.core.findings import Report, Score
from checker.families.assay.page.evidence import ResultEvidence, gather
from checker.families.assay.page.machine import machine_section
from checker.report.render import json as as_json
from checker.report.render import text as as_text
from rules.ruleset import load
from tests.unit.checker.submissions import Built, sha

WATTS = 100.0
GPU: dict[str, Any] = {"name": "nvml/0/energy", "quantity": "energy", "source": "NVML", "kind": "counter"}


def metered(built: Built, runs: range, channel: dict[str, Any] = GPU) -> Built:
    """Give runs a meter that counts 100 W."""
    for run in runs:
        path = built.path(f"{{result}}/observation_{run}.json")
        body = json.loads(path.read_bytes())
        body["channels"].append(channel)
        body["values"].append([WATTS * time for time in body["times_s"]])
        path.write_text(json.dumps(body))
        built.edit_json(f"{{result}}/result_{run}.json", {"observation.sha256": sha(path.read_bytes())})
    built.seal()
    return built


def scored(report: Report) -> Score:
    [score] = report.scores
    return score


@pytest.fixture
def result(built: Callable[..., Built]) -> Built:
    return built()


def test_energy_is_the_mean_over_the_timed_regions(result: Built) -> None:
    score = scored(metered(result, range(5)).check())
    assert score.energy is not None
    assert score.energy.joules is not None
    times = [WATTS * (score.training.fastest_s or 0), WATTS * (score.training.slowest_s or 0)]
    assert times[0] <= score.energy.joules <= times[1]
    assert score.energy.delay_product == pytest.approx(score.energy.joules**2 / WATTS, rel=0.2)
    assert score.energy.coverage == pytest.approx(1.0)


def test_a_run_without_the_meter_leaves_no_energy_and_the_reason(result: Built) -> None:
    score = scored(metered(result, range(4)).check())
    assert score.energy is not None
    assert score.energy.joules is None
    assert "rapl: no powercap zone" in score.energy.reason


def test_runs_with_different_meters_have_no_mean(result: Built) -> None:
    metered(result, range(1, 5))
    metered(result, range(1), {**GPU, "name": "external/wall", "quantity": "energy", "source": "a meter at the wall"})
    score = scored(result.check())
    assert score.energy is not None
    assert score.energy.joules is None
    assert score.energy.reason == "its runs were measured by different meters"


def test_why_a_run_was_not_observed_is_said_and_costs_a_warning_only(result: Built) -> None:
    for run in range(5):
        result.path(f"{{result}}/observation_{run}.json").unlink()
        result.edit_json(f"{{result}}/result_{run}.json", {"observation": None, "unobserved": "the observer died"})
    result.seal()
    report = result.check()
    assert report.passed
    assert {found.rule for found in report.findings} == {"assay-observed"}
    assert "the observer died" in as_text.render(report)


def test_every_form_of_the_report_says_energy_and_memory(result: Built) -> None:
    report = metered(result, range(5)).check()
    text, body = as_text.render(report), json.loads(as_json.render(report))
    energy, use = body["scores"][0]["energy"], body["scores"][0]["use"]
    for said in ("energy", "J a run", "and the meter's own error", "energy-delay", "memory 512 MiB"):
        assert said in " ".join(text.split())
    assert energy["per"] == "run"
    assert use == {
        "memory_bytes": 1 << 29,
        "accelerator_memory_bytes": None,
        "utilisation": 1.0,
        "utilised": "processors",
        "runs": 5,
        "disturbed": 0,
        "unobserved": 0,
    }
    results, _ = gather(ResultEvidence, Path(result.submissions), report, load("assay/1.0"))
    shown = str(machine_section(results, []))
    assert "Processors busy" in shown
    assert ">Power<" in shown
    assert "nvml/0/energy" in shown


def test_a_meter_that_nobody_knows_is_refused(result: Built) -> None:
    report = metered(result, range(5), {**GPU, "name": "guess/0/energy"}).check()
    assert "assay-observation-meters" in {found.rule for found in report.findings if found.severity == "error"}
