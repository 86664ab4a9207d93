"""What an accelerator's own clock says of the steps, held against the host's."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from checker.core.findings import Finding
from tests.unit.checker.submissions import Built


def judged(built: Built, change: Callable[[list[float]], list[float]], target: str = "cuda") -> list[Finding]:
    """Give run 0 times of an accelerator, made from the host's, and return what the rule says."""
    record = json.loads(built.path("{result}/result_0.json").read_bytes())
    device = change(record["steps"]["seconds"])
    built.edit_json("{result}/result_0.json", {"steps.device_seconds": device, "target": target})
    built.seal()
    return [finding for finding in built.check().findings if finding.rule == "assay-device-times"]


@pytest.fixture
def result(built: Callable[..., Built]) -> Built:
    return built()


def test_a_share_of_the_hosts_time_is_as_it_should_be(result: Built) -> None:
    assert judged(result, lambda host: [0.6 * seconds for seconds in host]) == []


def test_all_of_the_hosts_time_and_a_rounding_is_borne(result: Built) -> None:
    assert judged(result, lambda host: [1.0005 * seconds for seconds in host]) == []


def test_more_than_the_hosts_time_cannot_be(result: Built) -> None:
    found = judged(result, lambda host: [1.01 * seconds for seconds in host])
    assert found
    assert all("took the accelerator longer than the host" in finding.message for finding in found)


def test_one_step_is_no_exception(result: Built) -> None:
    [found] = judged(result, lambda host: [*(0.6 * seconds for seconds in host[:-1]), 60.0])
    assert "60." in found.found


def test_milliseconds_are_not_seconds(result: Built) -> None:
    assert judged(result, lambda host: [600 * seconds for seconds in host])


def test_there_is_one_for_each_step(result: Built) -> None:
    [found] = judged(result, lambda host: host[:-1])
    assert found.message == "the accelerator has not one time for each step"


def test_no_step_takes_no_time(result: Built) -> None:
    [found] = judged(result, lambda host: [0.0, *(0.6 * seconds for seconds in host[1:])])
    assert found.message == "step 1 took the accelerator no time"


def test_a_target_without_accelerators_has_none(result: Built) -> None:
    [found] = judged(result, lambda host: host, target="cpu")
    assert "the target has none" in found.message
