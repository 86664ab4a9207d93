"""A declared idle baseline: both energies with their bounds, and what makes a baseline none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checker.core.findings import AboveIdle, Report
from checker.machine.energy import above_idle
from checker.machine.metering import Reading, energy, total
from checker.report.render import json as as_json
from checker.report.render import text as as_text
from rules.observation import Observation
from tests.unit.checker.submissions import START_MS, Built, sha
from tests.unit.checker.test_energy import GPU, WATTS, metered

IDLE_WATTS = 40.0


def idle(
    seconds: float = 30.0, watts: Callable[[float], float] = lambda _: IDLE_WATTS, **quiet: float
) -> dict[str, Any]:
    """A machine at rest that ends a second before the first log line, its GPU counting the joules of `watts`."""
    booted = START_MS / 1000 - 1000
    times = [999.0 - 0.5 * step for step in range(int(seconds * 2), -1, -1)]
    joules = [0.0]
    for time in times[1:]:
        joules.append(joules[-1] + 0.5 * watts(time - times[0]))
    names = {"busy": "counter", "steal": "counter", "queue": "gauge", "swap": "counter"}
    return {
        "schema": "assay/observation/1",
        "period_s": 0.5,
        "clocks": [{"monotonic_s": time, "wall_s": time + booted} for time in (times[0], times[-1])],
        "channels": [{"name": f"m/{n}", "quantity": n, "source": "/proc", "kind": k} for n, k in names.items()] + [GPU],
        "unavailable": [{"source": "rapl", "reason": "no powercap zone"}],
        "times_s": times,
        "values": [[quiet.get(name, 0.0) * time for time in times] for name in names] + [joules],
    }


def declared(built: Built, body: dict[str, Any], seconds: str = "30") -> Built:
    """Put a baseline into a metered result, as `assay run --idle-baseline` does."""
    metered(built, range(5))
    content = json.dumps(body).encode()
    built.write("{result}/observation_idle.json", content)
    for run in range(5):
        name = f"{{result}}/result_{run}.json"
        record = json.loads(built.path(name).read_bytes())
        built.edit_json(
            name,
            {
                "idle": {"path": f"{built.result}/observation_idle.json", "sha256": sha(content)},
                "arguments": [*record["arguments"], "--idle-baseline", seconds],
            },
        )
    built.seal()
    return built


def found(report: Report) -> AboveIdle:
    [score] = report.scores
    assert score.energy is not None
    assert score.energy.above_idle is not None
    return score.energy.above_idle


@pytest.fixture
def result(built: Callable[..., Built]) -> Built:
    return built()


def test_both_energies_are_given_and_nothing_is_objected_to(result: Built) -> None:
    report = declared(result, idle()).check()
    assert report.passed
    assert not report.findings, as_text.render(report)
    [score] = report.scores
    above = found(report)
    assert score.energy is not None
    assert score.energy.joules is not None
    seconds = score.energy.joules / WATTS
    assert above.watts == pytest.approx(IDLE_WATTS)
    assert above.joules == pytest.approx((WATTS - IDLE_WATTS) * seconds, rel=0.005)
    bound = (score.energy.uncertainty or 0) * score.energy.joules + (
        above.watts_uncertainty or 0
    ) * IDLE_WATTS * seconds
    assert above.uncertainty == pytest.approx(bound / (above.joules or 1))


def test_every_form_says_which_is_which(result: Built) -> None:
    report = declared(result, idle()).check()
    text = " ".join(as_text.render(report).split())
    assert "J a run" in text
    assert "above idle" in text
    assert "(idle 40.000 W" in text
    energies = json.loads(as_json.render(report))["scores"][0]["energy"]
    assert energies["above_idle"]["joules"] < energies["joules"]


def test_without_one_nothing_is_subtracted(result: Built) -> None:
    [score] = metered(result, range(5)).check().scores
    assert score.energy is not None
    assert score.energy.above_idle is None
    assert "idle" not in as_text.render(result.check())


REFUSED = {
    "too short": (idle(15), "the idle baseline is too short"),
    "into the runs": (
        idle() | {"clocks": [{"monotonic_s": time, "wall_s": time + START_MS / 1000} for time in (969.0, 999.0)]},
        "the idle baseline reaches into the runs",
    ),
    "another meter": (
        idle() | {"channels": [*idle()["channels"][:-1], {**GPU, "name": "rapl/0/energy"}]},
        "was measured by other meters than the idle machine",
    ),
    "no meter": (
        idle() | {"channels": idle()["channels"][:-1], "values": idle()["values"][:-1]},
        "nothing says what the idle machine took",
    ),
    "few samples": (
        {**idle(), "times_s": idle()["times_s"][::4], "values": [row[::4] for row in idle()["values"]]},
        "there are too few samples",
    ),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_a_baseline_that_is_none_is_refused(result: Built, what: str) -> None:
    body, said = REFUSED[what]
    report = declared(result, body).check()
    about = [finding for finding in report.findings if finding.rule == "assay-idle-fit"]
    assert any(said in finding.message for finding in about), as_text.render(report)
    assert all(finding.severity == "error" for finding in about)


DISTURBED = {
    "other programs": (idle(busy=0.2), "other programs ran"),
    "a waiting process": (
        idle() | {"values": [*idle()["values"][:2], [1.0] * 61, *idle()["values"][3:]]},
        "wanted to run",
    ),
    "power that falls": (idle(watts=lambda at: 60.0 if at < 12 else 40.0), "its power drifted"),
}


@pytest.mark.parametrize("what", sorted(DISTURBED))
def test_a_machine_that_was_not_at_rest_is_pointed_out(result: Built, what: str) -> None:
    body, said = DISTURBED[what]
    report = declared(result, body).check()
    assert report.passed
    [about] = [finding for finding in report.findings if finding.rule == "assay-idle-steady"]
    assert about.severity == "warning"
    assert said in about.message


def test_one_that_was_changed_or_is_missing_is_noticed(result: Built) -> None:
    declared(result, idle())
    result.edit_json("{result}/observation_idle.json", {"period_s": 0.4})
    result.seal()
    assert "assay-idle-digest" in {finding.rule for finding in result.check().findings}
    result.path("{result}/observation_idle.json").unlink()
    result.seal()
    assert "assay-idle-digest" in {finding.rule for finding in result.check().findings}


def test_arguments_that_did_not_ask_for_it_are_noticed(result: Built) -> None:
    declared(result, idle())
    record = json.loads(result.path("{result}/result_0.json").read_bytes())
    result.edit_json("{result}/result_0.json", {"arguments": record["arguments"][:-2]})
    result.seal()
    assert "assay-arguments" in {finding.rule for finding in result.check().findings}


def test_runs_that_take_no_more_than_the_idle_machine_leave_no_figure() -> None:
    seen = Observation.model_validate(idle(watts=lambda _: 500.0))
    run = total(energy(Observation.model_validate(idle()), 971.0, 990.0))
    assert isinstance(run, Reading)
    found = above_idle([run], [19.0], seen)
    assert found.joules is None
    assert found.reason == "the runs took no more than the idle machine"
    assert found.watts == pytest.approx(500.0)


def test_the_page_gives_both(result: Built) -> None:
    from checker.families.assay.page.evidence import ResultEvidence, gather
    from checker.families.assay.page.machine import machine_section
    from rules.ruleset import load

    report = declared(result, idle()).check()
    results, _ = gather(ResultEvidence, Path(result.submissions), report, load("assay/1.0"))
    assert "above idle" in str(machine_section(results, []))
