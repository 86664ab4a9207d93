"""The recipes "Add a workload" and "Add a framework", in a round of their own: run, proven, judged, shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.toy import checkout as toy
from tests.integration.toy.checkout import FRAMEWORKS, ROUND, WORKLOAD, Checkout

pytestmark = [pytest.mark.engine, pytest.mark.image, pytest.mark.machine]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with a round of its own that has the toy, in a framework more."""
    return toy.checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def submission(client: object, checkout: Checkout) -> Path:
    """The toy's certificate, then a closed result in each framework."""
    proven = checkout.assay("parity", WORKLOAD, "--data", "data", "--publish", "--wait")
    assert proven.returncode == 0, proven.stdout + proven.stderr
    words = ["--framework", "all", "--submitter", "tests", "--data", "data", "--output", "out", "--wait"]
    done = checkout.assay("run", WORKLOAD, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout.top / "out/training/closed/tests"


def test_the_rules_have_no_mistake(checkout: Checkout) -> None:
    done = checkout.assay("rules", "lint")
    assert done.returncode == 0, done.stdout


def test_a_framework_that_is_added_is_measured_and_judged_by_the_round_that_has_it(
    submission: Path, checkout: Checkout
) -> None:
    [record] = submission.glob(f"results/*_numpy/{WORKLOAD}/result_0.json")
    said = json.loads(record.read_text())
    assert (said["ruleset"], said["framework"]) == (ROUND, "numpy")
    assert (
        record.parents[3] / f"benchmarks/{WORKLOAD}/implementations/numpy/suite/harness/trainers/numpy.py"
    ).is_file()
    judged = checkout.assay("check", str(record.parent), "--format", "json")
    assert json.loads(judged.stdout)["ruleset"] == ROUND
    assert judged.returncode == 0, judged.stdout


def test_every_framework_trains_it_until_the_error_is_small(submission: Path) -> None:
    for framework in FRAMEWORKS:
        [folder] = submission.glob(f"results/*_{framework}/{WORKLOAD}")
        for run in range(2):
            events = [json.loads(line[9:]) for line in (folder / f"result_{run}.txt").read_text().splitlines()]
            errors = [event["value"] for event in events if event["key"] == "eval_error"]
            assert all(error > 0.1 for error in errors[:-1])
            assert errors[-1] <= 0.1
            assert not [event for event in events if event["key"] == "eval_accuracy"]


def test_the_frameworks_take_the_same_steps_in_double_precision(submission: Path, checkout: Checkout) -> None:
    [path] = (checkout.top / f"rules/{ROUND}/parity/{WORKLOAD}").glob("*.json")
    certificate = json.loads(path.read_text())
    assert {side["framework"] for side in certificate["frameworks"]} == set(FRAMEWORKS)
    assert max(certificate["weight_differences"].values()) < 1e-9
    assert "scale" not in certificate["gradient_differences"], "frozen"
    assert "scale" in certificate["weight_differences"]


def test_a_success_short_of_the_target_is_found_and_the_target_is_a_bound_from_above(
    submission: Path, checkout: Checkout
) -> None:
    [log] = submission.glob(f"results/*_jax/{WORKLOAD}/result_0.txt")
    text = log.read_text()
    last = [line for line in text.splitlines() if '"eval_error"' in line][-1]
    (checkout.top / "edited.txt").write_text(text.replace(last, re.sub(r'"value": [0-9.e-]+', '"value": 0.5', last)))
    assert "assay-quality-target" in checkout.assay("check", "edited.txt").stdout
    assert checkout.assay("check", str(log)).returncode == 0


def test_the_page_names_the_metric_its_unit_and_its_direction(submission: Path) -> None:
    [page] = submission.parent.parent.parent.rglob("*.html")
    shown = page.read_text()
    assert "mean absolute error ≤ 0.100 m" in shown
    assert "Mean absolute error against time" in shown
    assert "accuracy" not in shown.lower()
